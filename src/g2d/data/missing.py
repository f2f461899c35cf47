"""Masks: which modalities of which samples are missing, drawn once and kept in a file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.arrays import read_npz, write_npz
from g2d.errors import UserError

_FORMAT = 1
# The errors where the file has arrays, and not those of a mask.
_OTHER = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
# A mask of a split is drawn from a stream of its own: equal seeds give splits unequal masks.
_STREAMS = {"train": 0, "val": 1, "test": 2}


def draw_mask(
    samples: int, modalities: Sequence[str], rate: float, seed: int | Sequence[int]
) -> NDArray[np.bool_]:
    """Draws which modalities each sample has, at least one of them.

    Of V modalities one is kept, each with the same chance, and every other with the chance
    q = (V (1 - η) - 1) / (V - 1), so that the share of missing slots is η. It is the distribution
    that the generator of CPM-Nets (Zhang et al., NeurIPS 2019) is after, without its trials. As
    many of the other slots are drawn, without replacement, as make the share right to the last.

    Args:
        samples: Their number N.
        modalities: Their names; V of them.
        rate: η, the share of the N V slots that is missing; at most 1 - 1/V.
        seed: Of the draw.

    Returns:
        `(N, V)`, true where the modality is there.

    Raises:
        UserError: The rate is not possible, or there is nothing to draw from.

    Example:
        >>> mask = draw_mask(10, ("sound", "image"), rate=0.3, seed=0)
        >>> mask.shape, int(mask.sum()), bool(mask.any(axis=1).all())
        ((10, 2), 14, True)
    """
    views = len(modalities)
    check_rate(rate, modalities)
    if samples < 1:
        raise UserError(f"got {samples} samples to draw a mask for, expected 1 or more")
    rng = np.random.default_rng(seed)
    mask = np.zeros((samples, views), dtype=np.bool_)
    mask[np.arange(samples), rng.integers(views, size=samples)] = True
    free = np.flatnonzero(~mask)
    extra = max(0, round(samples * views * (1 - rate)) - samples)
    mask.flat[rng.choice(free, size=extra, replace=False)] = True
    return mask


def check_rate(rate: float, modalities: Sequence[str]) -> None:
    """Refuses a rate at which some sample would have nothing left.

    Raises:
        UserError: It is one.

    Example:
        >>> check_rate(0.6, ("sound", "image"))
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: got a rate of 0.6, expected 0 to 0.5: every sample keeps one of its \
2 modalities; lower the rate
    """
    views = len(modalities)
    if views < 1:
        raise UserError("got no modalities to draw a mask for, expected 1 or more")
    highest = 1 - 1 / views
    # Not a number is no rate either, and 2/3 written as 0.66666667 is.
    if not (math.isfinite(rate) and 0 <= rate <= highest + 1e-6):
        raise UserError(
            f"got a rate of {rate:g}, expected 0 to {_down(highest)}: every sample keeps one of "
            f"its {views} modalities; lower the rate"
        )


def _down(value: float) -> str:
    """Four digits, rounded down so that the number shown is itself allowed."""
    return f"{math.floor(1e4 * value) / 1e4:g}"


@dataclass(frozen=True, eq=False)
class Mask:
    """Which modalities the samples of one split have.

    Attributes:
        split: Whose mask it is: `train`, `val` or `test`.
        modalities: One for each column.
        rate: Share of slots that was to be missing.
        seed: What it was drawn with.
        present: `(N, V)`, true where the modality is there.

    Raises:
        UserError: The matrix has another shape, or a sample has no modality at all.

    Example:
        >>> mask = Mask.draw("test", 100, ("sound", "image"), rate=0.25, seed=0)
        >>> mask.observed, mask.column("sound").shape
        (0.75, (100,))
    """

    split: str
    modalities: tuple[str, ...]
    rate: float
    seed: int
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.present.shape
        if self.present.dtype != np.bool_ or shape[1:] != (len(self.modalities),):
            raise UserError(
                f"got a mask of {self.present.dtype} {shape}, expected bool (N, "
                f"{len(self.modalities)}): one column for each of {', '.join(self.modalities)}"
            )
        empty = np.flatnonzero(~self.present.any(axis=1))
        if len(empty):
            raise UserError(
                f"the mask of {self.split} leaves {len(empty)} samples without any modality "
                f"(first: sample {empty[0]}); keep one for each"
            )

    @classmethod
    def draw(
        cls, split: str, samples: int, modalities: Sequence[str], rate: float, seed: int
    ) -> Mask:
        """Draws the mask of a split, with exactly the share of slots that the rate gives.

        Raises:
            UserError: The rate is not possible, or there is no such split.
        """
        if split not in _STREAMS:
            raise UserError(f"got split {split!r}, expected one of {', '.join(_STREAMS)}")
        if seed < 0:
            raise UserError(f"got seed={seed} for a mask, expected 0 or more")
        present = draw_mask(samples, modalities, rate, [seed, _STREAMS[split]])
        return cls(split, tuple(modalities), float(rate), seed, present)

    def __len__(self) -> int:
        return len(self.present)

    @property
    def observed(self) -> float:
        """Share of the slots that are there."""
        return float(self.present.mean())

    @property
    def sha256(self) -> str:
        """Hash of the matrix and of its description."""
        digest = hashlib.sha256(json.dumps(self._about(), sort_keys=True).encode())
        digest.update(np.packbits(self.present).tobytes())
        return digest.hexdigest()

    def column(self, modality: str) -> NDArray[np.bool_]:
        """Which samples have a modality, `(N,)`."""
        column: NDArray[np.bool_] = self.present[:, self.modalities.index(modality)]
        return column

    def describe(self) -> dict[str, Any]:
        """Its description for a run's records, as plain values."""
        return {**self._about(), "observed": self.observed, "sha256": self.sha256}

    def check(self, split: str, samples: int, modalities: Sequence[str]) -> None:
        """Compares it with the split that it is to be laid on.

        Raises:
            UserError: It was made for another split, or for other modalities or sizes.
        """
        if self.split != split:
            raise UserError(f"got the mask of {self.split} for {split}; give the one of {split}")
        if len(self) != samples:
            raise UserError(
                f"the mask of {split} is for {len(self)} samples, and the split has {samples}; "
                "draw one for this data"
            )
        if set(self.modalities) != set(modalities):
            raise UserError(
                f"the mask of {split} is for {', '.join(self.modalities)}, and the data has "
                f"{', '.join(modalities)}; draw one for this data"
            )

    def save(self, path: str | Path) -> Path:
        """Writes the mask into one `.npz` file, whole or not at all."""
        path = Path(path)
        about = json.dumps({"format": _FORMAT, **self._about(), "sha256": self.sha256})
        write_npz(path, {"about": np.array(about), "present": self.present})
        return path

    @classmethod
    def load(cls, path: str | Path) -> Mask:
        """Reads a mask and compares its hash.

        Raises:
            UserError: There is no mask, or it is not as it was written.
        """
        path = Path(path)
        expected = "expected a .npz that Mask.save or a run wrote"
        try:
            file = read_npz(path, expected)
        except FileNotFoundError:
            raise UserError(f"there is no mask file {path}") from None
        try:
            about, present = json.loads(str(file["about"])), file["present"]
            known, version = about.pop("sha256"), about.pop("format")
            mask = cls(
                about["split"],
                tuple(about["modalities"]),
                float(about["rate"]),
                int(about["seed"]),
                np.asarray(present),
            )
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except _OTHER:
            raise UserError(f"{path} is no mask file; {expected}") from None
        if version != _FORMAT or mask.sha256 != known:
            raise UserError(
                f"{path} was changed after it was written (hash {mask.sha256[:12]}, expected "
                f"{str(known)[:12]}); take the original, or draw the mask again"
            )
        return mask

    def _about(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "samples": len(self.present),
            "modalities": list(self.modalities),
            "rate": self.rate,
            "seed": self.seed,
        }
