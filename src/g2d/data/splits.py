"""Splits are a type: training cannot be handed the test split by mistake."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.tasks import Task


class Split(Protocol):
    """A part of a dataset that can be asked for any samples at once.

    `__getitems__` is what PyTorch's loader calls with the indices of a whole batch; answering it
    with a `Batch` spares one Python call a sample. An augmented split that also has `plain()` can
    be analysed as evaluation would see it (`g2d.data.plain`).

    Attributes:
        target: All targets of the split, `(N, ...)`.
        augmented: Whether asking twice may give different inputs.
    """

    target: Tensor
    augmented: bool

    def __len__(self) -> int: ...

    def __getitems__(self, indices: list[int]) -> Batch: ...


@dataclass(frozen=True)
class DatasetSpec:
    """What a dataset says of itself.

    Attributes:
        name: Short name, used in run folders and tables.
        task: What is to be predicted.
        shapes: Shape of one sample of every modality, in the declared order.
        protocol: Name of the split policy; results of different policies are not comparable.
        fingerprint: Hash of the data behind the splits; the key of everything cached.
        notes: What else is worth keeping with a run, as plain values.
        preprocessing: What was fitted to the training split and new data needs, as plain values.
        encoders: For each modality an encoder as recipes say it, for recipes that name none.
        selects_on_test: Whether validation is the test split, as in the published protocols: no
            number of such data is one of samples that nothing was chosen by.
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

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the declared order."""
        return tuple(self.shapes)


@dataclass(frozen=True)
class Splits:
    """Train, validation and test of one dataset.

    Models are fitted on `train`, selected on `val`; `test` is asked once, at the end.
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
        """The same data with the test split out of reach, for whoever chooses between settings.

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


class Withheld:
    """A split that is not to be looked at: it has a size, and neither samples nor targets."""

    augmented = False

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    @property
    def target(self) -> Tensor:
        """Refused."""
        raise RuntimeError("this split is withheld, and its targets are not to be read")

    @target.setter
    def target(self, value: Tensor) -> None:
        raise RuntimeError("this split is withheld")

    def __getitems__(self, indices: list[int]) -> Batch:
        """Refused."""
        raise RuntimeError("this split is withheld, and its samples are not to be read")
