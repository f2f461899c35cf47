"""A prepared miniature for every shipped recipe, and small encoders of the same kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.datasets.cremad import miniature as cremad
from benchmark.datasets.iemocap import miniature as iemocap
from benchmark.datasets.kinetics_sounds import miniature as kinetics_sounds
from benchmark.datasets.misme import miniature as misme
from benchmark.datasets.mosei import miniature as mosei
from benchmark.datasets.urfunny import miniature as urfunny
from benchmark.datasets.vggsound import miniature as vggsound

Changes = dict[str, Any]


@dataclass(frozen=True)
class Miniature:
    """How a store is made in a folder of originals, and what makes its recipe small."""

    make: Callable[[Path, Path], Path]
    small: Changes = field(default_factory=dict)
    # What so few samples need said in any case.
    needs: Changes = field(default_factory=dict)


def _avmnist(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.avmnist.prepare import prepare

    sizes = {"train_pairs": 40, "val_pairs": 20, "test_pairs": 20}
    return prepare(originals / "mnist", originals / "fsdd", out, image_energy=0.5, **sizes)


def _avmnist3(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.avmnist.prepare import prepare

    sizes = {"train_pairs": 40, "val_pairs": 20, "test_pairs": 20}
    options = {"image_energy": 0.5, "second_speaker": True, **sizes}
    return prepare(originals / "mnist", originals / "fsdd", out, **options)


def _avmnist_paper(originals: Path, out: Path) -> Path:
    """As the archive is laid out; its last 5,000 training rows would be more than all."""
    rng = np.random.default_rng(0)
    for folder in ("image", "audio"):
        (out / folder).mkdir(parents=True)
    for name, rows in {"train": 40, "test": 20}.items():
        image = rng.normal(0, 32, (rows, 784)).astype(np.float32)
        np.save(out / "image" / f"{name}_data.npy", image)
        audio = rng.integers(0, 256, (rows, 112, 112)).astype(np.uint8)
        np.save(out / "audio" / f"{name}_data.npy", audio)
        np.save(out / f"{name}_labels.npy", np.arange(rows) % 10)
    return out


def _cremad(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.cremad.prepare import prepare

    clips = cremad.write_miniature(originals / "cremad", actors=3)
    lists = cremad.write_lists(originals / "cremad", clips)
    return prepare(originals / "cremad", out, *lists, workers=0)


def _vggsound(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.vggsound.files import prepare

    vggsound.write_miniature(originals / "vggsound")
    return prepare(originals / "vggsound", out, workers=0)


def _kinetics_sounds(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.kinetics_sounds.files import prepare

    kinetics_sounds.write_flat(originals / "kinetics_sounds")
    return prepare(originals / "kinetics_sounds", out, workers=0)


def _misme(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.misme.prepare import prepare

    misme.write_miniature(originals / "misme")
    return prepare(originals / "misme", out, side=64, workers=0)


def _urfunny(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.urfunny.prepare import prepare

    return prepare(urfunny.write_sdk(originals / "urfunny"), out, tolerance=1.0)


def _mosei(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.mosei.prepare import prepare

    return prepare(mosei.write(originals / "mosei"), out)


def _iemocap(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.iemocap.prepare import prepare

    release = iemocap.write_release(originals / "iemocap")
    features = iemocap.write_mmin(originals / "mmin")
    return prepare(release, out, features_root=features, workers=0, tolerance=1.0)


def _iemocap_release(originals: Path, out: Path) -> Path:
    from g2d.benchmark.datasets.iemocap.prepare import prepare

    release = iemocap.write_release(originals / "iemocap_release")
    iemocap.write_markers(release)
    return prepare(release, out, features="release", workers=0)


def _narrow(*modalities: str) -> Changes:
    sizes = {"width": 16, "heads": 2, "layers": 1, "feedforward": 16}
    return {f"encoders.{name}.{key}": n for name in modalities for key, n in sizes.items()}


_CNN = {"name": "small_cnn", "width": 8}

_CLIPS = {
    "encoders.audio": {**_CNN, "channels": 1},
    "encoders.video": {**_CNN, "channels": 3},
}

MINIATURES = {
    "avmnist": Miniature(_avmnist, {"encoders.image": _CNN, "encoders.audio": _CNN}),
    "avmnist3": Miniature(
        _avmnist3, {f"encoders.{name}": _CNN for name in ("image", "audio", "second_audio")}
    ),
    "avmnist_paper": Miniature(
        _avmnist_paper,
        {"encoders.image": _CNN, "encoders.audio": _CNN},
        {"data.protocol": "paper"},
    ),
    "cremad": Miniature(_cremad, _CLIPS),
    "iemocap": Miniature(_iemocap, _narrow("audio", "visual", "text")),
    "iemocap_release": Miniature(_iemocap_release, _narrow("audio", "visual", "text")),
    "kinetics_sounds": Miniature(_kinetics_sounds, _CLIPS),
    "misme": Miniature(
        _misme,
        {
            "encoders.image": {**_CNN, "channels": 3},
            "encoders.tabular": {"name": "mlp", "inputs": 8, "width": 8},
        },
    ),
    "mosei": Miniature(_mosei, _narrow("audio", "visual", "text")),
    "urfunny": Miniature(_urfunny, _narrow("audio", "visual", "text")),
    "vggsound": Miniature(_vggsound, _CLIPS),
}
