"""Splits, and what is random in them and what is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.datasets.vggsound.miniature import table
from g2d.benchmark.datasets.vggsound.dataset import VGGSound
from g2d.data.checks import check_splits
from g2d.data.store import Store
from g2d.errors import UserError


@pytest.mark.parametrize(("policy", "sizes"), [("clean", (10, 2, 6)), ("paper", (12, 6, 6))])
def test_sizes_and_shapes(vggsound_store, policy, sizes):
    splits = VGGSound(vggsound_store, policy).splits()
    check_splits(splits)
    assert tuple(len(split) for split in splits.named().values()) == sizes
    assert splits.spec.protocol == policy
    assert splits.spec.shapes == {"audio": (1, 129, 626), "video": (3, 3, 224, 224)}
    parts = np.array([part for *_, part in table()])
    assert (parts[splits.train.rows] == "train").all()
    assert (parts[splits.test.rows] == "test").all()
    assert (splits.val is splits.test) == (policy == "paper")
    assert splits.spec.selects_on_test == (policy == "paper")
    assert policy == "paper" or not set(splits.train.rows) & set(splits.val.rows)


def test_evaluation_hears_the_middle_and_is_always_the_same(vggsound_store):
    """The published code draws the five seconds at random in evaluation too."""
    splits = VGGSound(vggsound_store).splits()
    assert not splits.test.augmented
    rows = [3, 0, 5]
    first, second = splits.test.__getitems__(rows), splits.test.__getitems__(rows)
    assert all(torch.equal(first.inputs[m], second.inputs[m]) for m in ("audio", "video"))
    stored = Store(vggsound_store, "vggsound", "").array("audio")
    middle = stored[splits.test.rows[rows], :, 312 : 312 + 626].astype(np.float32)
    assert (first.inputs["audio"][:, 0].numpy() == middle).all()
    assert abs(312 * 128 / 16000 - 2.5) < 0.005


def test_training_hears_any_five_seconds_by_torchs_seed(vggsound_store):
    splits = VGGSound(vggsound_store).splits()
    assert splits.train.augmented
    torch.manual_seed(3)
    first = splits.train.__getitems__([1, 2])
    other = splits.train.__getitems__([1, 2])
    torch.manual_seed(3)
    again = splits.train.__getitems__([1, 2])
    for name in ("audio", "video"):
        assert torch.equal(first.inputs[name], again.inputs[name])
        assert not torch.equal(first.inputs[name], other.inputs[name])
    assert not VGGSound(vggsound_store, augment=False).splits().train.augmented


def test_what_changes_inputs_changes_the_fingerprint(vggsound_store):
    options = [{}, {"frames": 1}, {"train_frames": "random"}, {"augment": False}]
    prints = {VGGSound(vggsound_store, **some).splits().spec.fingerprint for some in options}
    assert len(prints) == 4


def test_an_unknown_policy_is_refused(vggsound_store):
    with pytest.raises(UserError, match="got protocol 'agm', expected clean or paper"):
        VGGSound(vggsound_store, "agm")
