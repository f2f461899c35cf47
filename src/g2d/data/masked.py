"""Splits some of whose samples miss modalities, by a mask laid on complete data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.batch import Batch
from g2d.data.missing import Mask
from g2d.data.splits import Split, Splits
from g2d.errors import UserError

Presence = dict[str, NDArray[np.bool_]]


class Masked(Split):
    """A split with a mask laid on it; what is absent is zero.

    A modality is there where the mask and the split both have it. A sample of which nothing would
    be left that way (its only modality is one the mask hides) keeps what the split has.

    Args:
        split: Any split; its own presence counts.
        mask: For this split.
        revealed: Whether batches have the mask of what is absent. If not, they hold zeros alone,
            as in the code of MLA (Zhang et al., CVPR 2024).

    Attributes:
        there: For every modality, which samples have it, `(N,)`, revealed or not.
        present: What is revealed of it, as `ArraySplit.present`.

    Raises:
        UserError: The mask is for a split of another size.

    Example:
        >>> from g2d.data.arrays import ArraySplit
        >>> whole = ArraySplit({"a": np.ones((4, 1)), "b": np.ones((4, 1))}, np.arange(4))
        >>> mask = Mask.draw("test", 4, ("a", "b"), rate=0.5, seed=0)
        >>> batch = Masked(whole, mask).__getitems__([0, 1, 2, 3])
        >>> int(batch.present["a"].sum() + batch.present["b"].sum())
        4
    """

    def __init__(self, split: Split, mask: Mask, revealed: bool = True) -> None:
        if len(mask) != len(split):
            raise UserError(
                f"the mask of {mask.split} is for {len(mask)} samples, and the split has "
                f"{len(split)}; draw one for this data"
            )
        self.split, self.mask, self.revealed = split, mask, revealed
        self.target: Tensor = split.target
        self.augmented, self.weights, self.groups = split.augmented, split.weights, split.groups
        self.there = self._both(split.present, np.arange(len(split)))
        self.present: Presence = self.there if revealed else dict(split.present)

    @property
    def reads_files(self) -> bool:
        """As below."""
        return self.split.reads_files

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, indices: list[int]) -> Batch:
        batch = self.split.__getitems__(indices)
        own = {name: there.numpy() for name, there in batch.present.items()}
        both = self._both(own, np.asarray(indices))
        there = {name: torch.from_numpy(rows) for name, rows in both.items()}
        hidden = replace(batch, present=there)
        return Batch(
            inputs={name: hidden.input_of(name) for name in batch.inputs},
            target=batch.target,
            index=batch.index,
            present=there if self.revealed else batch.present,
        )

    def plain(self) -> Masked:
        """This split without augmentation, under the same mask."""
        return Masked(self.split.without_augmentation(), self.mask, self.revealed)

    def _both(self, own: Mapping[str, NDArray[np.bool_]], rows: NDArray[np.int64]) -> Presence:
        """What mask and split both have of some rows."""
        everyone = np.ones(len(rows), dtype=np.bool_)
        had = {name: np.asarray(own.get(name, everyone)) for name in self.mask.modalities}
        both = {name: had[name] & self.mask.column(name)[rows] for name in had}
        nothing = ~np.any(list(both.values()), axis=0)
        return {name: np.where(nothing, had[name], both[name]) for name in had}


def mask_splits(
    splits: Splits, masks: Mapping[str, Mask], label: str, revealed: bool = True
) -> Splits:
    """The splits with masks laid on them, as other data under another protocol.

    A mask in which nothing is absent leaves its split as it is.

    Args:
        splits: Complete, or with modalities missing of their own.
        masks: By name of the split; a split without one stays complete.
        label: Added to the name of the protocol.
        revealed: As in `Masked`.

    Raises:
        UserError: A mask does not fit its split, or leaves a modality to no sample at all.
    """
    spec = splits.spec
    named = splits.named()
    digest = hashlib.sha256(f"{spec.fingerprint} {revealed}".encode())
    laid: dict[str, Mask] = {}
    for name, mask in masks.items():
        mask.check(name, len(named[name]), spec.modalities)
        if mask.present.all():
            continue
        masked = Masked(named[name], mask, revealed)
        laid[name], named[name] = mask, masked
        for modality, there in masked.there.items():
            if not there.any():
                raise UserError(
                    f"the mask of {name} leaves {modality!r} to no sample; lower the rate, or "
                    "draw with another seed"
                )
        digest.update(f"{name} {mask.sha256}".encode())
    if not laid:
        return splits
    about = {
        "label": label,
        "mode": "masked" if revealed else "mla",
        "masks": {name: mask.describe() for name, mask in laid.items()},
    }
    hidden = replace(
        spec,
        protocol=f"{spec.protocol}, {label}",
        fingerprint=digest.hexdigest(),
        notes={**spec.notes, "missing": about},
    )
    return Splits(hidden, **named)


def masks_of(splits: Splits) -> dict[str, Mask]:
    """The masks laid on splits, by name of the split."""
    return {name: split.mask for name, split in splits.named().items() if isinstance(split, Masked)}
