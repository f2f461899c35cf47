"""Confidence of teachers is Eq. 5 on each view, and rankings follow from it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.subjects import NAMES, TASKS, looks_drawn, subject, whole
from g2d import OnlineTeachers, UserError, mean_confidence
from g2d.analysis.confidence import confidence
from g2d.analysis.confidence_ratio import confidence_ratio
from g2d.analysis.subject import Subject
from g2d.analysis.teacher_confidence import HELDOUT, SEEN, SPEED, TRAIN, VIEWS
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.tasks import Classification
from toy import Uneven, toy_recipe


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("masked", [False, True])
def test_every_view_is_equation_5(task, masked):
    mine = subject(task, masked=masked)
    (case,) = confidence([mine]).cases
    bank = OnlineTeachers(dict(mine.teachers), mine.task)
    for view, split in ((TRAIN, "train"), (HELDOUT, "val")):
        expected = mean_confidence(bank, mine.batches(split))
        found = {name: sure.mean.value for name, sure in case.confidence[view].items()}
        assert found == pytest.approx(expected, rel=1e-5)
        assert list(case.rankings[view]) == sorted(NAMES, key=expected.__getitem__)
    assert not case.augmented
    assert SPEED not in case.rankings  # there are no records


def test_what_the_student_saw_is_augmented():
    mine = subject(noise=2.0)
    found, again = confidence([mine]), confidence([mine])
    (case,) = found.cases
    assert case.augmented
    assert found == again  # drawn with a seed of its own
    assert case.confidence[SEEN] != case.confidence[TRAIN]
    assert "both views of train are the same" not in found.sentence()
    state = torch.random.get_rng_state()
    confidence([mine])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_batches_and_interval_are_about_the_same_mean():
    (case,) = confidence([subject()]).cases
    sure = case.confidence[TRAIN]["a"]
    assert len(sure.batches) == 90 // 32
    assert sure.mean.low < sure.mean.value < sure.mean.high
    assert np.isnan(sure.band).all()  # two batches have no range worth telling
    many = replace(sure, batches=tuple(np.linspace(0.2, 0.9, 40)))
    assert many.band == pytest.approx(tuple(np.percentile(many.batches, [5, 95])))


def test_a_clear_order_is_found_in_every_resample():
    mine = subject()
    for name, size in zip(NAMES, (0.0, 2.0, 9.0), strict=True):
        right = torch.eye(3)
        teacher = mine.teachers[name]
        teacher.encoder = torch.nn.Identity()
        teacher.head = torch.nn.Linear(4, 3)
        torch.nn.init.zeros_(teacher.head.bias)
        with torch.no_grad():
            teacher.head.weight.copy_(torch.cat([size * right, torch.zeros(3, 1)], dim=1))
    for split in ("train", "val"):
        batch = whole(mine.batches(split))
        for name in NAMES:
            batch.inputs[name][:, :3] = torch.nn.functional.one_hot(batch.target, 3)
        mine = replace(mine, batches=lambda _, batch=batch: [batch], seen=None)
        (case,) = confidence([mine]).cases
        assert set(case.rankings.values()) == {NAMES}
        assert set(case.weakest_share.values()) == {1.0}
        assert case.confidence[HELDOUT]["a"].mean.value == pytest.approx(1 / 3)
        assert case.confidence[HELDOUT]["b"].mean.value == pytest.approx(np.e**2 / (np.e**2 + 2))


def test_runs_with_the_same_teachers_are_one_case():
    mine = subject()
    other = replace(mine, label="other", teachers={})
    assert [case.label for case in confidence([mine, other]).cases] == ["mine"]
    with pytest.raises(UserError, match="none of these runs has teachers"):
        confidence([other])


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """One sensor knows the answer in training and nothing of it elsewhere."""
    out = tmp_path_factory.mktemp("leak")
    data = {"name": "toy.ToyData", "fault": "leak"}
    recipe = {**toy_recipe(epochs=6, learning_rate=0.1), "data": data}
    return train(recipe_from(recipe), out)


def test_memory_is_seen_as_rankings_that_differ(leaky, tmp_path):
    found = confidence([Subject.of(Run(leaky, trust=True))])
    (case,) = found.cases
    assert case.label == "g2d"
    assert case.batch_size == 16
    assert case.rankings[TRAIN] == ("far", "near")
    assert case.rankings[HELDOUT] == ("near", "far")
    recorded = Run(leaky).result["teachers"]
    for view, key in ((TRAIN, "train"), (HELDOUT, "heldout")):
        values = {name: sure.mean.value for name, sure in case.confidence[view].items()}
        assert values == pytest.approx(recorded["confidence"][key], rel=1e-5)
    assert dict(case.speed) == pytest.approx(recorded["speed"])
    assert case.rankings[SPEED] == tuple(sorted(case.speed, key=case.speed.__getitem__))
    memory = case.memory["near"]
    assert memory.train[-1] > memory.heldout[-1] + 0.2  # already the lower bound is
    assert len(memory.heldout) == len(memory.train) == 6
    assert "the rankings differ" in found.sentence()
    assert "two are as slow" not in found.sentence()
    columns, rows = found.table()
    assert all(len(row) == len(columns) for row in rows)
    assert [row[0] for row in rows] == [view for view in (*VIEWS, SPEED) for _ in range(2)]
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["cases"][0]["rankings"][TRAIN] == ["far", "near"]
    assert looks_drawn(found.plot(tmp_path / "figure.png"))


def test_teachers_as_fast_rank_as_in_training(tmp_path):
    """One epoch is the whole way of any teacher; held-out confidence tells them apart."""
    chosen = {**toy_recipe(epochs=1, learning_rate=0.1), "method": {"name": "g2d", "schedule": 0}}
    run = train(recipe_from(chosen), tmp_path)
    recorded = Run(run).result["teachers"]
    assert set(recorded["speed"].values()) == {1.0}
    heldout = recorded["confidence"]["heldout"]
    assert heldout["far"] < heldout["near"]  # which is not the declared order
    mine = Subject.of(Run(run, trust=True))
    found = confidence([mine])
    (case,) = found.cases
    assert case.rankings[SPEED] == ("far", "near")
    # Speed says nothing here, and was counted among what agrees, in all resamples.
    assert "resamples), learning speed (two are as slow; held-out conf" in found.sentence()
    bars = confidence_ratio([mine]).bars
    by = {name for bar in bars for name in bar.chosen_by}
    assert "the ranking by learning speed" in by
    for bar in bars:
        assert ("the ranking by learning speed" in bar.chosen_by) == (bar.modality == "far")


def test_speed_is_that_of_training_where_samples_miss_a_modality(tmp_path):
    data = {"name": "toy.Uneven"}
    chosen = {**toy_recipe(epochs=5, learning_rate=0.1), "data": data}
    run = train(recipe_from({**chosen, "method": {"name": "g2d", "schedule": [1, 2]}}), tmp_path)
    recorded = Run(run).result["teachers"]["speed"]
    (case,) = confidence([Subject.of(Run(run, trust=True))]).cases
    assert dict(case.speed) == pytest.approx(recorded)
    # by hand, above the share of the commonest class among the samples that have the modality
    target = Uneven().splits().val.target.numpy()
    there = Uneven().splits().val.present["near"]
    chance = TASKS["classes"].chance(torch.from_numpy(target[there]))
    assert chance > TASKS["classes"].chance(torch.from_numpy(target)) + 0.1
    best = np.maximum.accumulate(case.memory["near"].heldout)
    above = np.maximum(best - chance, 0)
    assert above[-1] > 0.05 * (1 - chance)
    assert recorded["near"] == pytest.approx(above.mean() / above[-1])


def test_the_loss_bounds_the_confidence():
    """exp(-mean loss) is at most the mean confidence, which is what the dashed line is for."""
    generator = torch.Generator().manual_seed(0)
    for task in (TASKS["classes"], TASKS["labels"]):
        logits = 3 * torch.randn(200, task.outputs, generator=generator)
        shape = (200,) if isinstance(task, Classification) else (200, 3)
        target = torch.randint(0, 2, shape, generator=generator)
        assert (-task.loss(logits, target)).exp() <= task.confidence(logits, target).mean()
