"""Which rows train the candidates, which choose their epochs, and which compare them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.batch import Batch
from g2d.data.loader import Subset
from g2d.data.partition import stratified_parts
from g2d.data.splits import Split, Splits, Withheld
from g2d.errors import UserError
from g2d.recipes.recipe import digest
from g2d.table.rows.selecting import choose_on_train
from g2d.tasks import Classification

# With fewer validation rows, candidates two points apart would not differ beyond chance.
_MANY = 1000
# A short table can be afforded more often, and needs it more.
_SHORT, _FOLDS_SHORT, _FOLDS = 2000, 5, 3


@dataclass(frozen=True)
class Round:
    """The rows of one comparison of all candidates.

    Attributes:
        splits: `train` trains; `val`, rows taken from it, chooses epochs, temperatures and weights;
            test is out of reach.
        compared: Rows that have trained and chosen nothing.
    """

    splits: Splits
    compared: Split


def usual_folds(splits: Splits) -> int:
    """How many rounds: 1 where validation compares, more where train and validation are folded.

    Rows are folded where they are few and validation was drawn at random. Where a column, a group
    or time decides which rows validate, these compare: other divisions would put rows on both sides
    that belong together.
    """
    if not splits.spec.exchangeable or len(splits.val) >= _MANY:
        return 1
    return _FOLDS_SHORT if len(splits.train) + len(splits.val) < _SHORT else _FOLDS


def make_rounds(splits: Splits, folds: int, seed: int) -> list[Round]:
    """The rounds: validation compares, or each of several folds of train and validation once.

    Args:
        splits: The data.
        folds: How many; 1 for validation as it is.
        seed: Of the draws.

    Raises:
        UserError: Rows are to be folded that belong together.
    """
    if folds > 1 and not splits.spec.exchangeable:
        raise UserError(
            f"method.folds: got {folds}, and the rows of {splits.spec.name} are split by a column; "
            "folds would put rows on both sides that belong together; leave folds out. Where a "
            "column marks rows val that were drawn at random, mark them train"
        )
    away = replace(splits, test=Withheld(len(splits.test)))
    if folds == 1:
        return [Round(choose_on_train(away, seed), splits.val.without_augmentation())]
    rows = Joined(splits.train, splits.val)
    plain = rows.without_augmentation()
    made = []
    for number, (rest, fold) in enumerate(_folds(splits, rows.target, folds, seed)):
        mark = digest([splits.spec.fingerprint, "fold", number, folds, seed])
        spec = replace(splits.spec, fingerprint=mark)
        own = Splits(spec, Subset(rows, rest), splits.val, away.test)
        made.append(Round(choose_on_train(own, seed), Subset(plain, fold)))
    return made


def _folds(
    splits: Splits, target: torch.Tensor, folds: int, seed: int
) -> Iterator[tuple[list[int], list[int]]]:
    """For every fold the rows outside and the rows inside, each row inside once."""
    count = len(target)
    classes = isinstance(splits.spec.task, Classification)
    labels: NDArray[np.generic] = target.numpy() if classes else np.zeros(count, np.int64)
    sizes = [count * (n + 1) // folds - count * n // folds for n in range(folds)]
    parts = stratified_parts(labels, sizes, np.random.default_rng([seed, folds]))
    for part in parts:
        inside = np.sort(part)
        yield np.setdiff1d(np.arange(count), inside).tolist(), inside.tolist()


class Joined(Split):
    """The rows of one split and then those of another, numbered from 0.

    Args:
        first: Some split.
        second: Of the same data.

    Example:
        >>> from g2d.data.arrays import ArraySplit
        >>> one = ArraySplit({"a": np.zeros((2, 1), np.float32)}, np.array([0, 1]))
        >>> two = ArraySplit({"a": np.ones((1, 1), np.float32)}, np.array([5]))
        >>> batch = Joined(one, two).__getitems__([2, 0])
        >>> batch.target.tolist(), batch.inputs["a"].tolist(), batch.index.tolist()
        ([5, 0], [[1.0], [0.0]], [2, 0])
    """

    def __init__(self, first: Split, second: Split) -> None:
        self.first, self.second = first, second
        self.target = torch.cat([first.target, second.target])
        self.augmented = first.augmented or second.augmented
        if first.weights is not None or second.weights is not None:
            self.weights = torch.cat([_weights(first), _weights(second)])
        self.present = {
            name: np.concatenate([_mask(first, name), _mask(second, name)])
            for name in {**first.present, **second.present}
        }

    @property
    def reads_files(self) -> bool:
        """As below."""
        return self.first.reads_files or self.second.reads_files

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitems__(self, indices: list[int]) -> Batch:
        index = torch.as_tensor(indices, dtype=torch.int64)
        behind = index >= len(self.first)
        order = torch.cat([(~behind).nonzero()[:, 0], behind.nonzero()[:, 0]]).argsort()
        parts = [
            split.__getitems__(rows.tolist())
            for split, rows in (
                (self.first, index[~behind]),
                (self.second, index[behind] - len(self.first)),
            )
            if len(rows)
        ]
        return Batch(
            {n: torch.cat([part.inputs[n] for part in parts])[order] for n in parts[0].inputs},
            self.target[index],
            index,
            {name: torch.from_numpy(mask)[index] for name, mask in self.present.items()},
        )

    def plain(self) -> Joined:
        """These rows without augmentation."""
        return Joined(self.first.without_augmentation(), self.second.without_augmentation())


def _mask(split: Split, name: str) -> NDArray[np.bool_]:
    return np.asarray(split.present.get(name, np.ones(len(split), bool)), bool)


def _weights(split: Split) -> torch.Tensor:
    if split.weights is None:
        return torch.ones(len(split), dtype=torch.float64)
    return split.weights.double()
