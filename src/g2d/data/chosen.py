"""Some of the modalities of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from g2d.batch import Batch
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import Split, Splits
from g2d.errors import UserError


class Chosen(Split):
    """A split of which some modalities are seen.

    Args:
        split: Any split.
        names: The modalities that stay.

    Example:
        >>> from g2d.data.arrays import ArraySplit
        >>> whole = ArraySplit({"a": np.ones((4, 1)), "b": np.ones((4, 1))}, np.arange(4))
        >>> Chosen(whole, ("b",)).__getitems__([0, 1]).modalities
        ('b',)
    """

    def __init__(self, split: Split, names: Sequence[str]) -> None:
        self.split, self.names = split, tuple(names)
        self.target, self.weights, self.groups = split.target, split.weights, split.groups
        self.augmented = split.augmented and _augments(split, self.names)
        own = split.present
        self.present = {name: own[name] for name in self.names if name in own}

    @property
    def reads_files(self) -> bool:
        """As below."""
        return self.split.reads_files

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, indices: list[int]) -> Batch:
        batch = self.split.__getitems__(indices)
        return Batch(
            inputs={name: batch.inputs[name] for name in self.names},
            target=batch.target,
            index=batch.index,
            present={name: batch.present[name] for name in self.names if name in batch.present},
        )

    def plain(self) -> Split:
        """This split without augmentation.

        Raises:
            UserError: The split below is augmented and has no `plain()`.
        """
        return Chosen(self.split.without_augmentation(), self.names)


def _augments(split: Split, names: Sequence[str]) -> bool:
    """Whether one of these modalities is drawn at random; where that is not known, it may be."""
    if not isinstance(split, PreparedSplit):
        return True
    return any(split.readers[name].augments for name in names)


def choose(splits: Splits, names: Sequence[str]) -> Splits:
    """The splits with some of their modalities, in the declared order, as other data.

    Args:
        splits: Of a dataset.
        names: The modalities that stay; all of them change nothing.

    Raises:
        UserError: One of them is none of the data's, none is left, or a sample has none of them.
    """
    spec = splits.spec
    unknown = [name for name in names if name not in spec.modalities]
    if unknown or not names:
        raise UserError(f"got modalities {list(names)}, expected some of {list(spec.modalities)}")
    kept = tuple(name for name in spec.modalities if name in names)
    if kept == spec.modalities:
        return splits
    chosen = {name: Chosen(split, kept) for name, split in splits.named().items()}
    for name, split in chosen.items():
        if len(split.present) == len(kept):
            nothing = int((~np.any([np.asarray(p) for p in split.present.values()], 0)).sum())
            if nothing:
                raise UserError(
                    f"{nothing} samples of {name} have none of {', '.join(kept)}; choose more "
                    "modalities, or leave these samples out"
                )
    about = replace(
        spec,
        name="-".join([spec.name, *kept]),
        shapes={name: spec.shapes[name] for name in kept},
        encoders={name: e for name, e in spec.encoders.items() if name in kept},
        fingerprint=hashlib.sha256(f"{spec.fingerprint} {kept}".encode()).hexdigest(),
        preprocessing=None,  # it is that of all modalities; a table chooses by itself
    )
    return Splits(about, **chosen)


def some_modalities(splits: Splits, modalities: Sequence[str]) -> Splits:
    """The splits with some modalities, under their own name, so that teachers are shared."""
    if tuple(modalities) == splits.spec.modalities:
        return splits
    some = choose(replace(splits, test=splits.val), modalities)  # test is not to be read
    spec = replace(some.spec, name=splits.spec.name, fingerprint=splits.spec.fingerprint)
    return replace(some, spec=spec, test=splits.test)
