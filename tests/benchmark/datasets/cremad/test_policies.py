"""Sizes of the paper and of AGM, and no clip or actor where it must not be."""

from __future__ import annotations

import numpy as np
import pytest

from g2d.benchmark.datasets.cremad.dataset import CREMAD
from g2d.benchmark.datasets.cremad.names import EMOTIONS
from g2d.benchmark.datasets.cremad.policies import POLICIES, divide
from g2d.benchmark.datasets.cremad.prepare import prepare
from g2d.data.checks import check_splits
from g2d.errors import UserError

# Of the published lists: NEU, HAP, SAD, FEA, DIS, ANG.
TRAIN, TEST = (973, 1148, 1131, 1138, 1142, 1166), (114, 123, 140, 133, 129, 105)


def published():
    """Part, label and actor of rows with the published counts, in some order."""
    rng = np.random.default_rng(0)
    labels = [rng.permutation(np.repeat(np.arange(6), counts)) for counts in (TRAIN, TEST)]
    part = np.repeat(["train", "test"], [6698, 744])
    return part, np.concatenate(labels), rng.integers(1001, 1092, 7442)


@pytest.mark.parametrize(
    ("policy", "sizes"), [("clean", (6028, 670, 744)), ("paper", (6698, 744, 744))]
)
def test_sizes_of_the_published_split(policy, sizes):
    assert tuple(map(len, divide(policy, *published()))) == sizes


def test_sizes_of_agm_after_its_one_unusable_clip():
    part, label, actor = (column[1:] for column in published())
    divided = divide("agm", part, label, actor)
    assert tuple(map(len, divided)) == (6027, 669, 745)
    assert divided.train.tolist() == list(range(6027))
    assert divided.val.tolist() == list(range(6697, 6697 + 669))
    assert sorted(np.concatenate(divided).tolist()) == list(range(7441))


def test_clean_is_stratified_and_always_the_same():
    part, label, actor = published()
    divided = divide("clean", part, label, actor)
    again = divide("clean", part, label, actor)
    assert all((a == b).all() for a, b in zip(divided, again, strict=True))
    assert np.bincount(label[divided.val]) == pytest.approx(np.array(TRAIN) / 10, abs=1.01)
    assert sorted(np.concatenate(divided).tolist()) == list(range(7442))


def test_no_actor_in_two_splits():
    part, label, actor = published()
    divided = divide("actor", part, label, actor)
    sets = [set(actor[rows].tolist()) for rows in divided]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 91
    assert [len(rows) / 7442 for rows in divided] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


@pytest.mark.parametrize("policy", POLICIES)
def test_batches_of_every_policy(cremad_store, policy):
    splits = CREMAD(cremad_store, policy).splits()
    check_splits(splits)
    spec = splits.spec
    assert (spec.protocol, spec.task.class_names) == (policy, EMOTIONS)
    assert spec.shapes == {"audio": (1, 257, 188), "video": (3, 1, 224, 224)}
    assert splits.train.augmented
    assert not splits.val.augmented
    assert not splits.test.augmented
    assert (splits.val is splits.test) == (policy == "paper")
    assert splits.spec.selects_on_test == (policy == "paper")
    batch = splits.test.__getitems__([2, 0])
    assert batch.target.tolist() == splits.test.target[[2, 0]].tolist()


def test_results_on_a_split_of_our_own_say_so(cremad, tmp_path):
    made = prepare(cremad, tmp_path / "out", workers=0)
    protocols = [CREMAD(made, policy).splits().spec.protocol for policy in POLICIES]
    assert protocols == ["clean, split=own", "paper, split=own", "agm, split=own", "actor"]


def test_what_changes_inputs_changes_the_fingerprint(cremad_store):
    options = [{}, {"frames": 2}, {"train_frames": "random"}, {"augment": False}]
    prints = {CREMAD(cremad_store, **some).splits().spec.fingerprint for some in options}
    assert len(prints) == 4
    whole = CREMAD(cremad_store, augment=False).splits()
    assert not whole.train.augmented
    again = CREMAD(cremad_store, "paper").splits().spec.fingerprint
    assert again == CREMAD(cremad_store).splits().spec.fingerprint


def test_an_unknown_policy_is_refused(cremad_store):
    with pytest.raises(UserError, match="got protocol 'test', expected one of clean, paper, agm"):
        CREMAD(cremad_store, "test")
