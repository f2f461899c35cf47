"""Some modalities of any dataset."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from g2d.data.arrays import ArraySplit
from g2d.data.chosen import Chosen, choose
from g2d.data.loader import Subset
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError
from g2d.tasks import Classification


def three(present=None):
    rng = np.random.default_rng(0)

    def split(n):
        inputs = {name: rng.normal(size=(n, 2)).astype(np.float32) for name in "abc"}
        given = {name: there[:n] for name, there in (present or {}).items()}
        return ArraySplit(inputs, np.arange(n) % 2, given)

    spec = DatasetSpec("made", Classification(2), dict.fromkeys("abc", (2,)), "clean", "f")
    return Splits(spec, split(8), split(4), split(4))


def test_what_is_chosen_is_what_was_there():
    whole = three()
    some = choose(whole, ("c", "a"))
    assert some.spec.modalities == ("a", "c")
    before, after = (splits.train.__getitems__([5, 2]) for splits in (whole, some))
    assert after.modalities == ("a", "c")
    assert all(torch.equal(before.inputs[name], after.inputs[name]) for name in "ac")
    assert torch.equal(before.target, after.target)
    assert after.index.tolist() == [5, 2]


def test_all_are_the_data_itself_and_some_are_other_data():
    whole = three()
    assert choose(whole, ("a", "b", "c")) is whole
    prints = {choose(whole, names).spec.fingerprint for names in ("ab", "ac", "bc", "abc")}
    assert len(prints) == 4


def test_what_a_sample_lacks_it_still_lacks():
    there = np.array([True] * 7 + [False])
    some = choose(three({"a": there}), ("a", "b"))
    batch = some.train.__getitems__([6, 7])
    assert batch.present["a"].tolist() == [True, False]
    assert "c" not in batch.present


def test_a_sample_with_nothing_left_is_refused():
    there = np.arange(8) > 0
    with pytest.raises(UserError, match=r"1 samples of train have none of a, b"):
        choose(three({"a": there, "b": there}), ("a", "b"))


@pytest.mark.parametrize("names", [(), ("a", "x")])
def test_names_that_are_not_there_are_refused(names):
    with pytest.raises(UserError, match="expected some of"):
        choose(three(), names)


class Drawn:
    """Reads rows with noise on them."""

    augments = True

    def read(self, rows):
        return torch.from_numpy(rows).float()[:, None] + torch.randn(len(rows), 1)


class Row(Drawn):
    augments = False

    def read(self, rows):
        return torch.from_numpy(rows).float()[:, None]


class Leaves(Drawn):
    def plain(self):
        return Row()


def test_without_augmentation_is_without_or_refused():
    rows, target = np.arange(4), np.array([0, 1, 0, 1])
    whole = PreparedSplit(rows, {"a": Leaves(), "b": Row(), "c": Drawn()}, target)
    with pytest.raises(UserError, match="augments at random and has no plain"):
        Chosen(whole, ("b", "c")).without_augmentation()
    some = Chosen(PreparedSplit(rows, {"a": Leaves(), "b": Row()}, target), ("a",))
    assert some.augmented
    plain = some.without_augmentation()
    assert not plain.augmented
    assert plain.__getitems__([3, 1]).inputs["a"].tolist() == [[3.0], [1.0]]
    assert plain.__getitems__([0]).modalities == ("a",)
    unknown = ArraySplit({"a": np.zeros((4, 1)), "b": np.zeros((4, 1))}, target)
    unknown.augmented = True
    with pytest.raises(UserError, match=r"ArraySplit.* is augmented at random and has no plain"):
        Chosen(unknown, ("a",)).without_augmentation()


def test_only_what_is_chosen_is_augmented():
    target = np.array([0, 1, 0, 1])
    whole = PreparedSplit(np.arange(4), {"a": Leaves(), "b": Row(), "c": Drawn()}, target)
    assert whole.augmented
    assert Chosen(whole, ("a", "b")).augmented
    assert not Chosen(whole, ("b",)).augmented


class Read:
    """Knows how often it was asked; draws of torch's generator where it augments."""

    def __init__(self, augments=False):
        self.augments, self.times = augments, 0

    def read(self, rows):
        self.times += 1
        drawn = torch.rand(len(rows), 1) if self.augments else 0
        return torch.from_numpy(rows).float()[:, None] + drawn

    def plain(self):
        return Read()


def test_for_a_model_of_one_modality_no_other_is_read_and_all_else_is_the_same():
    readers = {"a": Read(), "b": Read()}
    there = {"a": np.arange(6) > 0, "b": np.arange(6) < 5}
    whole = PreparedSplit(np.arange(6), readers, np.arange(6) % 2, there, np.ones(6))
    for split in (whole, Subset(whole, [4, 1, 3]), three().train):
        before, after = split.__getitems__([2, 0]), split.only("b").__getitems__([2, 0])
        assert after.modalities == ("b",)
        assert torch.equal(before.inputs["b"], after.inputs["b"])
        for x in ("target", "index"):
            assert torch.equal(getattr(before, x), getattr(after, x))
        assert {n: m.tolist() for n, m in before.present.items()} == {
            n: m.tolist() for n, m in after.present.items()
        }
        assert split.only("b").target.tolist() == split.target.tolist()
        assert (split.weights is None) == (split.only("b").weights is None)
    assert readers["a"].times == 2  # the whole split's and the subset's own
    assert whole.readers == readers


def test_draws_of_a_modality_that_is_not_looked_at_are_kept():
    whole = PreparedSplit(np.arange(6), {"a": Read(True), "b": Read()}, np.arange(6) % 2)
    assert whole.only("b") is whole
    assert tuple(whole.only("a").readers) == ("a",)
    assert tuple(whole.plain().only("b").readers) == ("b",)
