"""A mask laid on any split: what is absent is zero, marked, and the same from every side."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d import Classification
from g2d.data.arrays import ArraySplit
from g2d.data.loader import Subset, make_loader
from g2d.data.masked import Masked, mask_splits, masks_of
from g2d.data.missing import Mask
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError

NAMES = ("a", "b", "c")
N = 24


def arrays(samples=N, present=None):
    """No value is 0 but where a mask makes it so."""
    rows = np.arange(1, samples + 1, dtype=np.float32)
    inputs = {
        "a": rows[:, None] * np.ones((1, 3), np.float32),
        "b": 100 + rows[:, None, None] * np.ones((1, 2, 2), np.float32),
        "c": 1000 + np.arange(samples, dtype=np.int64)[:, None],
    }
    return ArraySplit(inputs, np.arange(samples) % 3, present)


def mask(rate=0.4, samples=N, split="test", seed=0):
    return Mask.draw(split, samples, NAMES, rate, seed)


def everything(split):
    return split.__getitems__(list(range(len(split))))


@pytest.mark.parametrize("revealed", [True, False])
def test_what_is_absent_is_zero_and_the_rest_as_it_was(revealed):
    whole, laid = arrays(), mask()
    batch = everything(Masked(whole, laid, revealed))
    for i, name in enumerate(NAMES):
        for row in range(N):
            value = batch.inputs[name][row].numpy()
            if laid.present[row, i]:
                np.testing.assert_array_equal(value, whole.inputs[name][row])
            else:
                assert (value == 0).all()
        assert batch.inputs[name].dtype == torch.from_numpy(whole.inputs[name]).dtype
    assert torch.equal(batch.target, whole.target)
    assert batch.index.tolist() == list(range(N))
    if revealed:
        np.testing.assert_array_equal(np.stack(list(batch.present.values()), 1), laid.present)
        assert list(batch.present) == list(NAMES)
    else:
        assert batch.present == {}


def test_what_a_split_says_of_itself_is_what_its_batches_say():
    split = Masked(arrays(), mask())
    batch = everything(split)
    assert not split.augmented
    assert torch.equal(split.target, batch.target)
    for name in NAMES:
        np.testing.assert_array_equal(split.present[name], batch.present[name])
    unrevealed = Masked(arrays(), mask(), revealed=False)
    assert unrevealed.present == {}
    np.testing.assert_array_equal(unrevealed.there["a"], split.present["a"])


@settings(max_examples=50, deadline=None)
@given(
    own=st.lists(st.booleans(), min_size=N, max_size=N),
    seed=st.integers(0, 1000),
    rows=st.lists(st.integers(0, N - 1), min_size=1, max_size=9),
)
def test_presence_of_the_split_itself_counts(own, seed, rows):
    """Sample by sample: both have it, or, if that leaves nothing, what the split has."""
    laid = mask(0.6, seed=seed)
    split = Masked(arrays(present={"b": np.array(own)}), laid)
    batch = split.__getitems__(rows)
    for place, row in enumerate(rows):
        has = {"a", "c", "b"} if own[row] else {"a", "c"}
        drawn = {name for i, name in enumerate(NAMES) if laid.present[row, i]}
        expected = has & drawn or has
        assert {name for name in NAMES if batch.present[name][place]} == expected
        assert {name for name in NAMES if split.present[name][row]} == expected
        assert {name for name in NAMES if batch.inputs[name][place].any()} == expected


def test_a_subset_keeps_its_presence_and_takes_a_mask():
    own = np.arange(N) % 4 > 0
    part = Subset(arrays(present={"b": own}), [5, 8, 2, 3])
    assert part.present["b"].tolist() == [True, False, True, True]
    laid = mask(samples=4)
    batch = everything(Masked(part, laid))
    expected = laid.column("b") & part.present["b"]
    left = np.stack([laid.column("a"), expected, laid.column("c")]).any(axis=0)
    np.testing.assert_array_equal(batch.present["b"], np.where(left, expected, part.present["b"]))
    assert batch.index.tolist() == [0, 1, 2, 3]


def test_rows_of_a_masked_split_know_what_they_have():
    part = Subset(Masked(arrays(), mask()), [7, 3])
    np.testing.assert_array_equal(np.stack(list(part.present.values()), 1), mask().present[[7, 3]])


def test_what_stands_behind_a_mask_is_not_read():
    whole = arrays()
    whole.inputs["a"][~mask().column("a")] = np.nan
    assert everything(Masked(whole, mask())).inputs["a"].isfinite().all()


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_see_the_same_mask(workers):
    loader = make_loader(Masked(arrays(), mask()), 5, shuffle=True, seed=3, workers=workers)
    seen = 0
    for batch in loader:
        for i, name in enumerate(NAMES):
            np.testing.assert_array_equal(
                batch.present[name], mask().present[batch.index.numpy(), i]
            )
        seen += len(batch)
    assert seen == N


def test_a_masked_split_goes_to_another_process():
    again = pickle.loads(pickle.dumps(Masked(arrays(), mask())))
    one, other = everything(again), everything(Masked(arrays(), mask()))
    assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in NAMES)


# -- all splits of a dataset


def whole():
    spec = DatasetSpec("toy", Classification(3), {"a": (3,), "b": (2, 2), "c": (1,)}, "clean", "f")
    return Splits(spec, arrays(), arrays(), arrays())


def test_masked_splits_are_other_data_under_another_protocol():
    masks = {name: mask(split=name) for name in ("train", "val", "test")}
    hidden = mask_splits(whole(), masks, "missing 0.4 both")
    assert hidden.spec.protocol == "clean, missing 0.4 both"
    assert masks_of(hidden) == masks
    about = hidden.spec.notes["missing"]["masks"]
    assert {name: about[name]["sha256"] for name in about} == {
        n: m.sha256 for n, m in masks.items()
    }
    prints = {hidden.spec.fingerprint, whole().spec.fingerprint}
    prints.add(mask_splits(whole(), masks, "missing 0.4 both", revealed=False).spec.fingerprint)
    prints.add(mask_splits(whole(), {"test": masks["test"]}, "x").spec.fingerprint)
    prints.add(mask_splits(whole(), masks | {"test": mask(seed=1)}, "x").spec.fingerprint)
    assert len(prints) == 5
    assert mask_splits(whole(), masks, "another").spec.fingerprint == hidden.spec.fingerprint


def test_a_mask_that_hides_nothing_changes_nothing():
    first = whole()
    assert mask_splits(first, {"test": mask(0.0)}, "missing 0 both") is first
    assert masks_of(first) == {}
    some = mask_splits(first, {"train": mask(0.0, split="train"), "test": mask()}, "m")
    assert some.train is first.train
    assert list(masks_of(some)) == ["test"]


def test_a_modality_that_nobody_has_is_refused():
    present = np.ones((N, 3), bool)
    present[:, 1] = False
    with pytest.raises(UserError, match="the mask of val leaves 'b' to no sample; lower the rate"):
        mask_splits(whole(), {"val": Mask("val", NAMES, 1 / 3, 0, present)}, "m")


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(UserError, match="is for 25 samples, and the split has 24"):
        mask_splits(whole(), {"test": mask(samples=25)}, "m")
    with pytest.raises(UserError, match="is for 25 samples, and the split has 24"):
        Masked(arrays(), mask(samples=25))
