"""Handwritten digits, each spoken once: a real two-modality dataset made in seconds, offline.

The pictures are scikit-learn's 1,797 digits of 8 x 8 pixels, blurred by PCA. The sound is made by
eSpeak NG, each digit by another mixture of accent, timbre, speed and pitch, in noise. No timbre
speaks in two splits, so the ear meets only strangers in the test.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.benchmark.datasets.espeak import SAMPLE_RATE, Utterance, speak_all
from g2d.benchmark.datasets.pca import PCA
from g2d.data.audio import Waveform, full_scale, log_mel, mix_at_snr, noise
from g2d.data.cache import cache_folder
from g2d.data.partition import stratified_parts
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import Store, new_folder, write_manifest
from g2d.data.threads import one_thread
from g2d.errors import UserError, check_choice, require
from g2d.tasks import Classification

logger = logging.getLogger(__name__)

KIND = "avdigits"
MODALITIES = ("image", "audio")
SHARES = {"train": 0.60, "val": 0.15, "test": 0.25}
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Named here rather than asked of eSpeak, so that another version of it speaks the same things.
ACCENTS = (
    "en",
    "en-us",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
    "en-us-nyc",
)
_TIMBRES = """
    Alex Alicia Andrea Andy Annie Denis Diogo Gene Henrique Hugo Jacky Lee Marco Mario Michael
    Mike Nguyen Reed Storm adam anika announcer antonio aunty belinda benjamin boris caleb
    david ed edward f1 f2 f3 f4 f5 grandma grandpa gustave ian iven iven3 john kaukovalta
    linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel norbert pablo paul pedro quincy
    rob robert sandro shelby steph steph3 travis victor zac
"""
TIMBRES = tuple(_TIMBRES.split())

_VERSION = 1  # raise it whenever the same options give other data
_N_FFT, _HOP, _N_MELS, _FRAMES, _FLOOR = 512, 441, 32, 40, -80.0
_SAMPLES = (_FRAMES - 1) * _HOP  # 0.78 s
_LEVEL = 0.05  # effective value of speech, full scale being 1


@dataclass(frozen=True)
class _Options:
    seed: int
    image_energy: float
    snr_db: float
    noise: Literal["white", "pink"]
    version: int = _VERSION


class AVDigits:
    """Image `(1, 8, 8)` and log-mel audio `(1, 32, 40)`, float32 in [0, 1], of the digits 0 to 9.

    Made at the first use, then kept in the cache.

    Args:
        seed: Seed of the splits, the voices and the noise.
        image_energy: Share of the variance of the training pictures that is kept; the less, the
            harder the picture (0.25 keeps 2 components of 64).
        snr_db: Signal-to-noise ratio over the clip of 0.78 s, in dB; the less, the harder the
            sound.
        noise: "white" or "pink".
        cache_dir: Where to keep it; by default `g2d.data.cache.cache_folder()`.

    Raises:
        UserError: An option is out of range.
    """

    def __init__(
        self,
        seed: int = 0,
        image_energy: float = 0.25,
        snr_db: float = -7.0,
        noise: Literal["white", "pink"] = "pink",
        cache_dir: str | Path | None = None,
    ) -> None:
        if not 0 < image_energy <= 1:
            raise UserError(f"got image_energy={image_energy:g}, expected a share in (0, 1]")
        check_choice("noise", noise, ("white", "pink"))
        if not np.isfinite(snr_db):
            raise UserError(f"got snr_db={snr_db:g}, expected a finite number of dB")
        self.options = _Options(seed, float(image_energy), float(snr_db), noise)
        self.cache_dir = cache_dir

    @property
    def folder(self) -> Path:
        """Where these options are cached, whether made yet or not."""
        key = hashlib.sha256(json.dumps(asdict(self.options), sort_keys=True).encode())
        return cache_folder(self.cache_dir) / f"{KIND}-{key.hexdigest()[:16]}"

    def splits(self) -> Splits:
        """Opens the dataset, making it first where it is not cached.

        Raises:
            UserError: eSpeak NG or scikit-learn is not installed, or the cache cannot be written.
        """
        store = self._open()
        parts = {name: store.split(name, MODALITIES) for name in SHARES}
        spec = DatasetSpec(
            name=KIND,
            task=Classification(WORDS),
            shapes={m: tuple(parts["train"].inputs[m].shape[1:]) for m in MODALITIES},
            protocol="clean",
            fingerprint=store.fingerprint,
            notes={key: store.manifest[key] for key in ("options", "pca_components", "timbres")},
        )
        return Splits(spec, **parts)

    def _open(self) -> Store:
        folder = self.folder
        hint = f"remove {folder} and it will be made again"
        if folder.exists():
            try:
                store = Store(folder, KIND, hint)
                store.verify()
            except UserError as error:
                logger.warning("making %s again: %s", KIND, error)
                shutil.rmtree(folder, ignore_errors=True)
            else:
                return store
        try:
            with one_thread(), new_folder(folder) as partial:
                _make(partial, self.options)
        except UserError:
            # Another process may have made it in the meantime; it has made the same.
            if not folder.exists():
                raise
        return Store(folder, KIND, hint)


def _make(folder: Path, options: _Options) -> None:
    digits = require("sklearn.datasets", "demo").load_digits()
    pixels, labels = digits.data, digits.target.astype(np.int64)
    for_rows, for_voices, for_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence(options.seed).spawn(3)
    )
    rows = _divide_rows(labels, for_rows)
    timbres = _divide_timbres(for_voices)
    pca = PCA.fit(pixels[rows["train"]], options.image_energy)
    plan = {
        name: [_utterance(int(labels[i]), timbres[name], for_voices) for i in rows[name]]
        for name in SHARES
    }
    waves = iter(speak_all([utterance for name in SHARES for utterance in plan[name]]))
    for name in SHARES:
        image = pca.reconstruct(pixels[rows[name]]).clip(0, 16) / 16
        np.save(folder / f"{name}-image.npy", image.reshape(-1, 1, 8, 8).astype(np.float32))
        np.save(folder / f"{name}-target.npy", labels[rows[name]])
        clips = [_clip(next(waves), options, for_noise) for _ in rows[name]]
        np.save(folder / f"{name}-audio.npy", _pictures_of_sound(clips))
    sources: dict[str, Any] = {
        name: [
            {"row": int(row), **asdict(utterance)}
            for row, utterance in zip(rows[name], plan[name], strict=True)
        ]
        for name in SHARES
    }
    text = json.dumps(sources, indent=0)
    (folder / "sources.json").write_text(text + "\n", encoding="utf-8")
    write_manifest(
        folder,
        KIND,
        options=asdict(options),
        pca_components=len(pca.components),
        timbres=timbres,
        licences={"image": "UCI optical digits, CC BY 4.0", "audio": "made by eSpeak NG"},
    )


def _divide_rows(
    labels: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    train, val = (round(SHARES[name] * len(labels)) for name in ("train", "val"))
    parts = stratified_parts(labels, [train, val, len(labels) - train - val], rng)
    return dict(zip(SHARES, parts, strict=True))


def _divide_timbres(rng: np.random.Generator) -> dict[str, list[str]]:
    order = [TIMBRES[i] for i in rng.permutation(len(TIMBRES))]
    train, val = (round(SHARES[name] * len(order)) for name in ("train", "val"))
    return {
        "train": sorted(order[:train]),
        "val": sorted(order[train : train + val]),
        "test": sorted(order[train + val :]),
    }


def _utterance(digit: int, timbres: Sequence[str], rng: np.random.Generator) -> Utterance:
    return Utterance(
        WORDS[digit],
        voice=ACCENTS[int(rng.integers(len(ACCENTS)))],
        variant=timbres[int(rng.integers(len(timbres)))],
        speed=int(rng.integers(140, 241)),
        pitch=int(rng.integers(15, 86)),
        pitch_range=int(rng.integers(20, 81)),
    )


def _clip(wave: Waveform, options: _Options, rng: np.random.Generator) -> Waveform:
    """Puts speech somewhere into a clip of fixed length, at a fixed level, and adds noise."""
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max(initial=0))
    if len(loud) == 0:
        raise UserError("eSpeak NG gave silence; reinstall espeakng-loader")
    spoken = wave[loud[0] : loud[-1] + 1][:_SAMPLES]
    spoken = spoken * (_LEVEL / np.sqrt(np.square(spoken, dtype=np.float64).mean()))
    clip = np.zeros(_SAMPLES, np.float32)
    start = int(rng.integers(_SAMPLES - len(spoken) + 1))
    clip[start : start + len(spoken)] = spoken
    return mix_at_snr(clip, noise(options.noise, _SAMPLES, rng), options.snr_db)


def _pictures_of_sound(clips: list[Waveform]) -> NDArray[np.float32]:
    waves = torch.from_numpy(np.stack(clips))
    scale = full_scale(_N_FFT) ** 2
    level = log_mel(waves, SAMPLE_RATE, _N_FFT, _HOP, _N_MELS, scale, _FLOOR)
    unit: NDArray[np.float32] = (1 - level / _FLOOR).clamp(0, 1)[:, None].numpy()
    return unit
