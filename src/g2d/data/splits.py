"""Splits are a type: training cannot be handed the test split by mistake."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.tasks import Task


class Split(ABC):
    """A part of a dataset that returns any samples at once; inherit from it for your own.

    `__getitems__` is what PyTorch's loader calls with the indices of a whole batch; providing it
    with a `Batch` spares one Python call a sample.

    Attributes:
        target: All targets of the split, `(N, ...)`.
        augmented: Whether asking twice may give different inputs.
        present: For modalities that can be missing, which samples have them, bool `(N,)`.
        weights: How often samples are drawn to train on, in proportion, `(N,)`; each once an epoch
            where there are none.
        groups: Numbers of what samples belong to (speakers, patients), `(N,)`, where the splits
            keep each in one; further divisions of the split keep them together too.

    Example:
        >>> import torch
        >>> class Squares(Split):
        ...     target = torch.tensor([0, 1, 0])
        ...
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitems__(self, indices):
        ...         index = torch.tensor(indices)
        ...         return Batch({"a": index.float()[:, None] ** 2}, self.target[index], index)
        >>> Squares().without_augmentation().__getitems__([2]).inputs
        {'a': tensor([[4.]])}
    """

    target: Tensor
    augmented: bool = False
    present: Mapping[str, NDArray[np.bool_]] = MappingProxyType({})
    weights: Tensor | None = None
    groups: Tensor | None = None

    @property
    def reads_files(self) -> bool:
        """Whether samples are read from files, and worked on, every time that they are asked for.

        Of those, `training.workers: auto` has several processes read ahead.
        """
        return False

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def __getitems__(self, indices: list[int]) -> Batch:
        """The samples at these positions, in this order."""

    def plain(self) -> Split:
        """This split without augmentation, as evaluation reads it; augmenting splits override this.

        Raises:
            UserError: The split is augmented and does not override this.
        """
        raise UserError(
            f"the split ({type(self).__name__}) is augmented at random and has no plain(), which "
            "gives the same samples without augmentation; add it to your dataset"
        )

    def only(self, modality: str) -> Split:
        """This split for a model of one modality: inputs of the others need not be read.

        The split itself where it does not know its parts, or where others are drawn at random: the
        draws that follow would be other ones.
        """
        return self

    def without_augmentation(self) -> Split:
        """The samples of a split in their order without augmentation; the split itself without any.

        Raises:
            UserError: The split is augmented and has no `plain()`.
        """
        return self.plain() if self.augmented else self


@dataclass(frozen=True)
class DatasetSpec:
    """The description of a dataset.

    Attributes:
        name: Short name, used in run folders and tables.
        task: What is to be predicted.
        shapes: Shape of one sample of every modality, in the declared order.
        protocol: Name of the split policy; results of different policies are not comparable.
        fingerprint: Hash of the data behind the splits; the key of everything cached.
        notes: What else is worth keeping with a run, as plain values.
        preprocessing: What was fitted to the training split and new data needs, as plain values.
        encoders: For each modality an encoder as recipes have it, for recipes that name none.
        selects_on_test: Whether validation is the test split, as in the published protocols: no
            number of such data is one of samples that nothing was chosen by.
        exchangeable: Whether `train` and `val` were split at random, so that they may be divided
            anew: no row of one belongs together with a row of the other.
        short_vectors: For data of the user's own, for each modality the encoder, as recipes have
            it, whose features predictors without a network read.
    """

    name: str
    task: Task
    shapes: dict[str, tuple[int, ...]]
    protocol: str
    fingerprint: str
    notes: dict[str, object] = field(default_factory=dict)
    preprocessing: dict[str, object] | None = None
    encoders: dict[str, object] = field(default_factory=dict)
    selects_on_test: bool = False
    exchangeable: bool = False
    short_vectors: Mapping[str, Mapping[str, object]] | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the declared order."""
        return tuple(self.shapes)


@dataclass(frozen=True)
class Splits:
    """Train, validation and test of one dataset.

    Models are fitted on `train`, selected on `val`; `test` is used once, at the end.
    """

    spec: DatasetSpec
    train: Split
    val: Split
    test: Split

    def named(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def measured(self) -> dict[str, Split]:
        """The splits by name that may be measured: all that are not withheld."""
        named = self.named().items()
        return {name: split for name, split in named if not isinstance(split, Withheld)}

    def without_test(self) -> Splits:
        """These splits with a test split that cannot be read, for code that chooses settings.

        Raises:
            UserError: Validation is the test split.
        """
        if self.spec.selects_on_test or self.val is self.test:
            raise UserError(
                f"{self.spec.name}: the protocol {self.spec.protocol!r} selects on the test split, "
                "so that nothing can be chosen without it; give a --data.protocol that has a "
                "validation split, such as clean"
            )
        return replace(self, test=Withheld(len(self.test)))


class Withheld(Split):
    """A split that is withheld: it has a size, and neither samples nor targets."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    @property
    def target(self) -> Tensor:
        """Raises an error: the test split is withheld."""
        raise RuntimeError("this split is withheld, and its targets are not to be read")

    @target.setter
    def target(self, value: Tensor) -> None:
        raise RuntimeError("this split is withheld")

    def __getitems__(self, indices: list[int]) -> Batch:
        """Raises an error: the test split is withheld."""
        raise RuntimeError("this split is withheld, and its samples are not to be read")
