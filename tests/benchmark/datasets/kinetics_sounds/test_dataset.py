"""Splits are the official ones, and what is absent is said."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from benchmark.datasets.kinetics_sounds.miniature import heard
from g2d.benchmark.datasets.kinetics_sounds.dataset import KineticsSounds
from g2d.benchmark.datasets.kinetics_sounds.files import prepare
from g2d.data.checks import check_splits
from g2d.data.store import Store
from g2d.errors import UserError


@pytest.mark.parametrize(("protocol", "sizes"), [("clean", (31, 3, 6)), ("ogm_ge", (31, 6, 6))])
def test_sizes_and_shapes(kinetics_store, protocol, sizes):
    splits = KineticsSounds(kinetics_store, protocol).splits()
    check_splits(splits)
    assert tuple(len(split) for split in splits.named().values()) == sizes
    assert (splits.spec.name, splits.spec.protocol) == ("kinetics_sounds", protocol)
    assert splits.spec.shapes == {"audio": (1, 129, 626), "video": (3, 3, 224, 224)}
    assert len(splits.spec.task.class_names) == 31
    assert splits.spec.selects_on_test == (protocol == "ogm_ge")
    assert (splits.val is splits.test) == (protocol == "ogm_ge")
    names = Store(kinetics_store, "kinetics_sounds", "").column("id")
    selecting = "val" if protocol == "clean" else "test"
    for split, part in ((splits.train, "train"), (splits.val, selecting), (splits.test, "test")):
        assert names[split.rows].tolist() == [clip for _, clip in heard(part)]


def test_evaluation_hears_the_middle(kinetics_store):
    splits = KineticsSounds(kinetics_store).splits()
    assert splits.train.augmented
    assert not splits.test.augmented
    first, second = splits.test.__getitems__([3, 0]), splits.test.__getitems__([3, 0])
    assert all(torch.equal(first.inputs[m], second.inputs[m]) for m in ("audio", "video"))
    stored = Store(kinetics_store, "kinetics_sounds", "").array("audio")
    middle = stored[[37, 34], :, 312 : 312 + 626].astype(np.float32)
    assert (first.inputs["audio"][:, 0].numpy() == middle).all()


def test_what_changes_inputs_changes_the_fingerprint(kinetics_store):
    options = [{}, {"frames": 1}, {"train_frames": "random"}, {"augment": False}]
    prints = {KineticsSounds(kinetics_store, **some).splits().spec.fingerprint for some in options}
    assert len(prints) == 4


@pytest.mark.parametrize("name", ["paper", "agm"])
def test_an_unknown_protocol_is_refused_with_the_choices(kinetics_store, name):
    said = rf"got protocol '{name}', expected clean or ogm_ge \(the paper of G²D does not use"
    with pytest.raises(UserError, match=said):
        KineticsSounds(kinetics_store, name)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_part_without_a_usable_clip_is_named(broken, tmp_path, part):
    shutil.rmtree(broken / part)
    (broken / part).mkdir()
    store = prepare(broken, tmp_path / "out", side=24, tolerance=0.8, workers=0)
    with pytest.raises(UserError, match=f"has no clips of {part}, expected some of train, val"):
        KineticsSounds(store).splits()
    if part == "val":
        splits = KineticsSounds(store, "ogm_ge").splits()
        assert [len(split) for split in splits.named().values()] == [31, 6, 6]
    else:
        with pytest.raises(UserError, match=f"has no clips of {part}, expected some of train, te"):
            KineticsSounds(store, "ogm_ge").splits()
