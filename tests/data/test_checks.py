"""Planted faults, each found and named in one line."""

import numpy as np
import pytest
import torch

from g2d.batch import Batch
from g2d.data.arrays import ArraySplit
from g2d.data.checks import check_splits
from g2d.data.splits import DatasetSpec, Split, Splits
from g2d.errors import UserError
from g2d.tasks import Classification, MultiLabel, Regression

CATS = Classification(["cat", "dog", "emu"])


def part(n=9, target=None):
    target = np.arange(n) % 3 if target is None else target
    return ArraySplit(
        {"a": np.ones((n, 2), np.float32), "b": np.ones((n, 1, 4), np.float32)}, target
    )


def splits(task=CATS, train=None, val=None, test=None, shapes=None):
    spec = DatasetSpec("toy", task, shapes or {"a": (2,), "b": (1, 4)}, "clean", "0")
    return Splits(
        spec,
        part() if train is None else train,
        part(3) if val is None else val,
        part(3) if test is None else test,
    )


def with_value(value, modality="a", rows=(4,), n=9):
    split = part(n)
    split.inputs[modality][list(rows)] = value
    return split


def numbers(*values):
    return part(len(values), np.array(values, np.float32))


def test_sound_data_passes():
    check_splits(splits())
    check_splits(splits(val=part(1, np.array([1]))))  # a class may be absent from val
    task = Regression(0, 1, 1)
    check_splits(splits(task, numbers(0, 1), numbers(1, 1), numbers(2, 5)))
    bits = part(2, np.array([[0, 1], [1, 1]]))
    check_splits(splits(MultiLabel(2), bits, bits, bits))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: splits(val=part(0)), "toy, val: got 0 samples"),
        (lambda: splits(shapes={"a": (2,)}), "got modalities a, b, expected a"),
        (lambda: splits(shapes={"b": (1, 4), "a": (2,)}), "got modalities a, b, expected b, a"),
        (lambda: splits(shapes={"a": (3,), "b": (1, 4)}), r"'a' has shape \(2,\), expected \(3,\)"),
        (
            lambda: splits(test=with_value(np.nan, "b", (2, 7))),
            r"toy, test: modality 'b' .* in 2 of 9 rows \(first: row 2\)",
        ),
        (lambda: splits(train=with_value(np.inf)), "toy, train: modality 'a' .* in 1 of 9"),
        (
            lambda: splits(train=with_value(-np.inf, rows=(2999,), n=3000)),
            r"in 1 of 3000 rows \(first: row 2999\)",
        ),
        (lambda: splits(train=part(4, np.array([0, 1, 1, 0]))), "training sample of class 'emu'"),
        (lambda: splits(val=part(2, np.array([0, 3]))), "toy, val: target 3 in 1 rows"),
        (lambda: splits(test=part(2, np.array([0, -1]))), "toy, test: target -1"),
        (lambda: splits(train=numbers(0, 1, 2)), "one class index"),
        (
            lambda: splits(Regression(0, 1, 1), *[numbers(2, 2, 2)] * 3),
            "training target is 2 in all 3 rows",
        ),
        (
            lambda: splits(Regression(0, 1, 1), numbers(1, 2), numbers(1, np.nan), numbers(1)),
            "toy, val: target is not a finite number in 1 of 2",
        ),
        (lambda: splits(MultiLabel(2)), r"expected \(N, 2\)"),
        (
            lambda: splits(MultiLabel(2), *[part(1, np.array([[0, 2]]))] * 3),
            "labels other than 0 and 1",
        ),
    ],
)
def test_faults(wrong, said):
    with pytest.raises(UserError, match=said) as error:
        check_splits(wrong())
    assert "\n" not in str(error.value)


class Decoded(Split):
    """A split whose inputs cost much to come by."""

    def __init__(self, n):
        self.target = torch.arange(n) % 3
        self.asked = 0

    def __len__(self):
        return len(self.target)

    def __getitems__(self, indices):
        self.asked += len(indices)
        n = len(indices)
        return Batch(
            {"a": torch.zeros(n, 2), "b": torch.zeros(n, 1, 4)},
            self.target[indices],
            torch.tensor(indices),
        )


def test_other_splits_are_not_decoded():
    train = Decoded(50)
    check_splits(splits(train=train))
    assert train.asked == 1


def test_a_split_that_only_looks_like_one_is_named():
    class Lookalike:
        target = torch.zeros(2)

        def __len__(self):
            return 2

    whole = splits()
    with pytest.raises(UserError, match=r"train: got a Lookalike, expected a subclass of g2d"):
        check_splits(Splits(whole.spec, Lookalike(), whole.val, whole.test))
