"""Making AV-MNIST from MNIST, the Free Spoken Digit Dataset and noise."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.benchmark.datasets.avmnist.noises import Noises
from g2d.benchmark.datasets.avmnist.pairs import Pair, add_second, all_recordings, pair_up
from g2d.benchmark.datasets.avmnist.pictures import Pictures, read_pictures
from g2d.benchmark.datasets.fsdd import RATE, Recording, list_recordings, split_recordings
from g2d.benchmark.datasets.pca import PCA
from g2d.data.audio import Waveform, decibels, full_scale, mix_at_snr, read_wav, stft_magnitude
from g2d.data.preparation import Counted
from g2d.data.store import new_folder, write_manifest
from g2d.data.threads import one_thread
from g2d.errors import UserError, require
from g2d.files import new_array

KIND = "avmnist"
MODALITIES = ("image", "audio")
SECOND = "second_audio"
SPLITS = ("train", "val", "test")
SIDE = 112
_N_FFT, _HOP, _FLOOR = 256, 32, -80.0
_LICENCES = {
    "image": "MNIST, CC BY-SA 3.0",
    "audio": "Free Spoken Digit Dataset, CC BY-SA 4.0",
    "noise": "as the folder given says (ESC-50: CC BY-NC 3.0)",
}


def prepare(
    images: str | Path,
    speech: str | Path,
    out: str | Path,
    noise: str | Path | None = None,
    *,
    snr_db: float = -5.0,
    image_energy: float = 0.25,
    train_pairs: int = 3000,
    val_pairs: int = 1000,
    test_pairs: int = 2000,
    seed: int = 999,
    speaker_disjoint: bool = False,
    second_speaker: bool = False,
    progress: Counted | None = None,
) -> Path:
    """Builds a prepared AV-MNIST: each picture with a recording of its digit, in noise.

    No picture, no recording and no noise file is in two splits. The same sources, options and
    library versions give the same bytes.

    Args:
        images: Folder with MNIST's IDX files, gzipped or not. Where both pairs of files are
            there, `t10k-*` is the test; where one is, all splits are cut from it.
        speech: Folder with the recordings `<digit>_<speaker>_<index>.wav`; indices 0-4 are the
            test, 5-9 the validation, the rest is for training.
        out: Folder to make; must not exist.
        noise: Folder with WAV files to mix in (ESC-50's `audio`), divided between the splits;
            without one the noise is white.
        snr_db: Signal-to-noise ratio of every pair, in dB.
        image_energy: Share of the variance of the training pictures that is kept.
        train_pairs: Rows of train.
        val_pairs: Rows of val.
        test_pairs: Rows of test.
        seed: Seed of every draw.
        speaker_disjoint: Divide by speaker and not by index.
        second_speaker: Add a third modality, `second_audio`: the digit once more, by another
            speaker than the first, in noise of its own. The rest is the same to the byte.
        progress: Called with the number of rows done and of all rows.

    Returns:
        `out`.

    Raises:
        UserError: A source is missing, damaged or too small, or `out` exists.
    """
    require("soundfile", "audio")
    sizes = {"train": train_pairs, "val": val_pairs, "test": test_pairs}
    if min(sizes.values()) < 1:
        raise UserError(f"got {sizes} pairs, expected 1 or more in each split")
    if not np.isfinite(snr_db):
        raise UserError(f"got snr_db={snr_db:g}, expected a finite number of dB")
    options = {
        "snr_db": snr_db,
        "image_energy": image_energy,
        "seed": seed,
        "speaker_disjoint": speaker_disjoint,
        "second_speaker": second_speaker,
        "noise": "white" if noise is None else "files",
    }
    # Independent streams, so that one choice (say, another noise) leaves the others as they were.
    streams = ("images", "speech", "pairs", "noise", "second")
    draws = dict(zip(streams, _streams(seed, len(streams)), strict=True))
    with one_thread(), new_folder(out) as folder:
        pictures = read_pictures(images, sizes, draws["images"])
        spoken = split_recordings(list_recordings(speech), speaker_disjoint, draws["speech"])
        noises = Noises(noise, RATE, draws["noise"])
        pairs = {
            name: pair_up(name, pictures.rows[name], pictures.labels, spoken[name], draws["pairs"])
            for name in SPLITS
        }
        if second_speaker:
            pairs = {
                name: add_second(name, pairs[name], spoken[name], draws["second"])
                for name in SPLITS
            }
        pca = _write_images(folder, pictures, image_energy)
        for part, name in enumerate(SPLITS):
            target = np.array([pair.digit for pair in pairs[name]], dtype=np.int64)
            np.save(folder / f"{name}-target.npy", target)
            counted = _counted_from(sum(sizes[one] for one in SPLITS[:part]), sizes, progress)
            used = _write_sounds(folder, name, pairs[name], noises, snr_db, [seed, part], counted)
            _write_sources(folder / f"{name}-sources.csv", pairs[name], pictures, used)
        write_manifest(
            folder,
            KIND,
            options=options,
            counts=sizes,
            pca={"components": len(pca.components), "cumulative": pca.cumulative.tolist()},
            recordings={
                name: len({r.path for r in all_recordings(pairs[name])}) for name in SPLITS
            },
            speakers={
                name: sorted({r.speaker for r in all_recordings(pairs[name])}) for name in SPLITS
            },
            spectrogram={"n_fft": _N_FFT, "hop": _HOP, "floor_db": _FLOOR, "side": SIDE},
            versions={package: version(package) for package in ("torch", "numpy", "soundfile")},
            licences=_LICENCES if noise is not None else {m: _LICENCES[m] for m in MODALITIES},
        )
    return Path(out)


def picture_of_sound(wave: Waveform) -> Tensor:
    """Spectrogram of a recording as a square picture.

    Magnitudes in dB of a full-scale sine, from -80 dB (0) to 0 dB (1), stretched to the same
    size whatever the recording's length.

    Returns:
        `(112, 112)` in [0, 1]; frequency upwards in the first axis, time in the second.

    Example:
        >>> picture_of_sound(np.zeros(4000, np.float32)).shape
        torch.Size([112, 112])
    """
    magnitude = stft_magnitude(torch.from_numpy(wave), _N_FFT, _HOP)
    unit = 1 - decibels(magnitude, full_scale(_N_FFT), _FLOOR) / _FLOOR
    square = F.interpolate(
        unit.clamp(0, 1)[None, None], size=(SIDE, SIDE), mode="bilinear", antialias=True
    )
    return square[0, 0].clamp(0, 1)


def _streams(seed: int, n: int) -> list[np.random.Generator]:
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(n)]


def _counted_from(
    done: int, sizes: Mapping[str, int], progress: Counted | None
) -> Callable[[int], None]:
    """Counts the rows of one split among those of all."""

    def counted(rows: int) -> None:
        if progress is not None:
            progress(done + rows, sum(sizes.values()))

    return counted


def _write_sounds(
    folder: Path,
    split: str,
    pairs: Sequence[Pair],
    noises: Noises,
    snr_db: float,
    seeds: Sequence[int],
    counted: Callable[[int], None],
) -> list[list[str]]:
    """Writes the recordings of a split in noise; returns where the noise of every row is from."""
    sounds = (MODALITIES[1], SECOND)[: len(pairs[0].spoken)]
    arrays = [_new_sounds(folder / f"{split}-{sound}.npy", len(pairs)) for sound in sounds]
    used: list[list[str]] = []
    for row, pair in enumerate(pairs):
        used.append([])
        for place, (array, recording) in enumerate(zip(arrays, pair.spoken, strict=True)):
            wave = read_wav(recording.path, RATE)
            # A generator of its own for every sound: noise is independent, order is free.
            rng = np.random.default_rng([*seeds, row, *([place] if place else [])])
            noise_wave, noise_name = noises.draw(split, len(wave), rng)
            used[-1].append(noise_name)
            array[row, 0] = picture_of_sound(_mix(recording, wave, noise_wave, snr_db))
        counted(row + 1)
    for array in arrays:
        array.flush()
    return used


def _new_sounds(file: Path, rows: int) -> np.memmap[Any, np.dtype[np.float32]]:
    shape = (rows, 1, SIDE, SIDE)
    return new_array(file, np.dtype(np.float32), shape)


def _mix(recording: Recording, signal: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    if not signal.any():
        raise UserError(f"{recording.path} is silent; remove it from the folder")
    return mix_at_snr(signal, noise, snr_db)


def _write_images(folder: Path, pictures: Pictures, energy: float) -> PCA:
    pca = PCA.fit(pictures.pixels[pictures.rows["train"]], energy)
    for name, rows in pictures.rows.items():
        blurred = pca.reconstruct(pictures.pixels[rows]).clip(0, 255) / 255
        shaped = blurred.reshape(len(rows), 1, *pictures.size).astype(np.float32)
        np.save(folder / f"{name}-image.npy", shaped)
    return pca


def _write_sources(
    file: Path, pairs: list[Pair], pictures: Pictures, noises: list[list[str]]
) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        columns = ["row", "digit", "image_file", "image_row", "recording", "noise"]
        second = ["second_recording", "second_noise"] if pairs[0].second else []
        writer.writerow([*columns, *second])
        for row, (pair, noise) in enumerate(zip(pairs, noises, strict=True)):
            source, position = pictures.source(pair.image)
            sounds = zip(pair.spoken, noise, strict=True)
            files = [word for recording, own in sounds for word in (recording.path.name, own)]
            writer.writerow([row, pair.digit, source, position, *files])
