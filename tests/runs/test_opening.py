"""A finished run as analyses see it: its data with and without augmentation, its teachers."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from benchmark.datasets.cremad.conftest import cremad, cremad_store  # noqa: F401 (fixtures)
from g2d import UserError
from g2d.analysis.subject import Subject, subjects_of
from g2d.benchmark.datasets.cremad.dataset import CREMAD
from g2d.checksums import sealed
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


def opened(folders):
    return subjects_of([Run(folder, trust=True) for folder in folders])


def joined(batches, name):
    return torch.cat([batch.inputs[name] for batch in batches])


def test_train_is_swept_plain_and_seen_augmented(cremad_store, tmp_path):  # noqa: F811
    recipe = {
        **toy_recipe(epochs=1, batch_size=8),
        "method": "joint",
        "data": {"name": "cremad", "root": str(cremad_store)},
        "encoders": {
            "audio": {"name": "small_cnn", "width": 8, "channels": 1},
            "video": {"name": "small_cnn", "width": 8, "channels": 3},
        },
    }
    subject = Subject.of(Run(train(recipe_from(recipe), tmp_path), trust=True))
    still = CREMAD(cremad_store, augment=False).splits()
    for name, split in still.named().items():
        expected = split.__getitems__(list(range(len(split))))
        for modality in ("audio", "video"):
            swept = joined(subject.batches(name), modality)
            assert torch.equal(swept, expected.inputs[modality])
    assert torch.equal(joined(subject.seen(), "audio"), joined(subject.batches("train"), "audio"))
    assert not torch.equal(joined(subject.seen(), "video"), joined(subject.seen(), "video"))
    assert not subject.teachers


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    base = toy_recipe(epochs=1)
    return out, [train(recipe_from({**base, "method": m}), out) for m in ("joint", "g2d")]


def test_runs_on_the_same_data_share_their_teachers(runs):
    out, folders = runs
    joint, g2d = opened(folders)
    assert joint.teacher_folders == g2d.teacher_folders
    named = Run(folders[1]).result["teachers"]["folders"]
    assert g2d.teacher_folders == {name: out / place for name, place in named.items()}
    batch = next(iter(joint.batches("test")))
    for name, teacher in joint.teachers.items():
        assert not teacher.training
        assert torch.equal(teacher(batch).logits, g2d.teachers[name](batch).logits)


def test_labels_are_as_short_as_they_can_be(runs, tmp_path):
    _, folders = runs
    assert [s.label for s in opened(folders)] == ["joint", "g2d"]
    same = tmp_path / "toy-joint-again"
    shutil.copytree(folders[0], same)
    assert [s.label for s in opened([folders[0], same])] == [
        folders[0].name,
        same.name,
    ]
    about = json.loads((same / "run.json").read_text())
    about["recipe"]["seed"] = 7
    (same / "run.json").write_text(json.dumps(sealed(about)))
    assert [s.label for s in opened([folders[0], same])] == ["seed 0", "seed 7"]
    there = tmp_path / "there" / folders[0].name
    shutil.copytree(folders[0], there)
    paths = [folders[0], there]
    assert [s.label for s in opened(paths)] == [str(path) for path in paths]


def test_what_cannot_be_opened_is_said(runs, tmp_path):
    _, folders = runs
    with pytest.raises(UserError, match="is not a finished run folder"):
        opened([folders[0], tmp_path])
    with pytest.raises(UserError, match="got the same run twice"):
        opened([folders[0], folders[0]])
    moved = tmp_path / "moved"
    shutil.copytree(folders[1], moved)
    with pytest.raises(UserError, match=r"there is no finished teacher in .*; give --out"):
        Subject.of(Run(moved, trust=True))
    assert Subject.of(Run(moved, out=folders[1].parent, trust=True)).teachers
