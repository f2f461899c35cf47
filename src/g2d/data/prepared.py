"""A prepared dataset: its splits are rows of a store, each modality read in its own way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.batch import Batch
from g2d.data.policies import Division
from g2d.data.splits import Split
from g2d.data.store import Store
from g2d.errors import UserError


class Reader(Protocol):
    """How one modality comes out of a store.

    Attributes:
        augments: Whether reading twice may give different inputs. The draws are torch's own, so
            that they follow the seed of the run, or of the loader's worker.
    """

    augments: bool

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """The inputs of some rows of the store, `(B, ...)` float32."""


@runtime_checkable
class Augmenting(Protocol):
    """A reader that draws at random, and can leave that off."""

    def plain(self) -> Reader:
        """This reader without augmentation."""


class PreparedSplit(Split):
    """Some rows of a store as a split.

    Args:
        rows: Which, `(N,)`; sample i of the split is row `rows[i]`.
        readers: One a modality, in the declared order.
        target: Of the whole store, `(M,)`.
        present: Of the whole store, bool `(M,)`, for modalities that can be missing.
        weights: Of the whole store, `(M,)`: how often samples are drawn to train on.

    Example:
        >>> class Squares:
        ...     augments = False
        ...
        ...     def read(self, rows):
        ...         return torch.from_numpy(rows).float()[:, None] ** 2
        >>> split = PreparedSplit(np.array([3, 1]), {"a": Squares()}, np.array([0, 1, 0, 1]))
        >>> split.__getitems__([0]).inputs, split.target
        ({'a': tensor([[9.]])}, tensor([1, 1]))
    """

    def __init__(
        self,
        rows: NDArray[np.integer],
        readers: Mapping[str, Reader],
        target: NDArray[np.generic],
        present: Mapping[str, NDArray[np.bool_]] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.rows = np.asarray(rows, dtype=np.int64)
        self.readers = dict(readers)
        self.target: Tensor = torch.from_numpy(np.array(target)[self.rows])
        self._store_target, self._store_present, self._store_weights = target, present, weights
        if weights is not None:
            self.weights = torch.from_numpy(weights[self.rows])
        masks = present or {}
        self.present = {name: np.asarray(mask)[self.rows] for name, mask in masks.items()}
        self.augmented = any(reader.augments for reader in self.readers.values())

    @property
    def reads_files(self) -> bool:
        """Whether a reader does."""
        return any(getattr(reader, "reads_files", False) for reader in self.readers.values())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[int]) -> Batch:
        index = torch.as_tensor(indices, dtype=torch.int64)
        rows = self.rows[index.numpy()]
        inputs = {name: reader.read(rows) for name, reader in self.readers.items()}
        present = {name: torch.from_numpy(mask)[index] for name, mask in self.present.items()}
        return Batch(inputs, self.target[index], index, present)

    def only(self, modality: str) -> Split:
        """Reads one modality, unless another is drawn at random."""
        if any(reader.augments for name, reader in self.readers.items() if name != modality):
            return self
        one = copy(self)
        one.readers = {modality: self.readers[modality]}
        return one

    def plain(self) -> PreparedSplit:
        """This split without augmentation.

        Raises:
            UserError: A reader augments and has no `plain()`.
        """
        readers = {name: _plain(name, reader) for name, reader in self.readers.items()}
        about = (self._store_target, self._store_present, self._store_weights)
        return PreparedSplit(self.rows, readers, *about)


def _plain(modality: str, reader: Reader) -> Reader:
    if not reader.augments:
        return reader
    if not isinstance(reader, Augmenting):
        raise UserError(
            f"the reader of {modality!r} ({type(reader).__name__}) augments at random and has no "
            "plain(), which reads as evaluation does; add it"
        )
    return reader.plain()


def divided_splits(
    rows: Division,
    readers: Mapping[str, Reader],
    target: NDArray[np.generic],
    train_readers: Mapping[str, Reader] | None = None,
) -> tuple[PreparedSplit, PreparedSplit, PreparedSplit]:
    """Train, validation and test of a store; where they select on test, the last two are one.

    Args:
        rows: Of each split.
        readers: One a modality, in the declared order.
        target: Of the whole store.
        train_readers: Those of the training split, where they are other ones.
    """
    train = PreparedSplit(rows.train, train_readers or readers, target)
    test = PreparedSplit(rows.test, readers, target)
    val = test if rows.selects_on_test else PreparedSplit(rows.val, readers, target)
    return train, val, test


class PreparedDataset:
    """A dataset that reads what `g2d data prepare` left on disk.

    Attributes:
        kind: Of its stores, and its name on the command line.
        made_with: The options that `g2d data prepare` needs.
        root: Folder that it wrote.
    """

    kind: ClassVar[str]
    made_with: ClassVar[str] = "--root DIR"
    root: Path

    def store(self) -> Store:
        """Opens the store.

        Raises:
            UserError: It is missing, damaged or of another kind.
        """
        hint = f"run: g2d data prepare {self.kind} {self.made_with} --out DIR"
        return Store(self.root, self.kind, hint)

    def verify(self) -> None:
        """Reads all of the store and compares hashes.

        Raises:
            UserError: An array is not what was written.
        """
        self.store().verify()


def fingerprint_of(store: Store, *options: object) -> str:
    """Hash of a store's contents and of the options that decide what is read of it."""
    return hashlib.sha256(json.dumps([store.fingerprint, *options]).encode()).hexdigest()
