"""The ratio of Figure 6 is Eq. 5 of the unimodal logits over Eq. 5 of the teacher."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.subjects import NAMES, TASKS, looks_drawn, subject, whole
from g2d import UserError
from g2d.analysis.confidence_ratio import BY_CONFIDENCE, confidence_ratio
from g2d.analysis.intervals import resamples
from g2d.analysis.subject import subjects_of
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


@pytest.mark.parametrize("fusion", ["late", "sum", "concat", "film"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("masked", [False, True])
def test_every_bar_is_equation_5_over_equation_5(task, masked, fusion):
    mine = subject(task, masked=masked, fusion=fusion)
    found = confidence_ratio([mine])
    assert [bar.split for bar in found.bars] == ["train", "test"]
    for bar in found.bars:
        batch = whole(mine.batches(bar.split))
        with torch.no_grad():
            outputs = mine.model(batch)
            taught = {n: mine.teachers[n](batch).logits for n in NAMES}

        def mean(name, logits, batch=batch):
            there = batch.present.get(name, torch.ones(len(batch), dtype=torch.bool))
            values = mine.task.confidence(logits[there], batch.target[there])
            return values.double().mean().item()

        teachers = {n: mean(n, z) for n, z in taught.items()}
        weak = min(teachers, key=teachers.__getitem__)
        assert (bar.modality, bar.chosen_by) == (weak, (BY_CONFIDENCE,))
        assert bar.teacher == pytest.approx(teachers[weak])
        assert bar.student == pytest.approx(mean(weak, outputs.unimodal[weak]))
        assert bar.student_divided == pytest.approx(mean(weak, outputs.unimodal[weak] / 3))
        assert bar.ratio.value == pytest.approx(bar.student / bar.teacher)
        assert bar.ratio_divided.value == pytest.approx(bar.student_divided / bar.teacher)


def test_the_interval_resamples_student_and_teacher_together():
    mine = subject()
    bar = confidence_ratio([mine], splits=["test"]).bars[0]
    batch = whole(mine.batches("test"))
    with torch.no_grad():
        student = mine.task.confidence(mine.model(batch).unimodal[bar.modality], batch.target)
        teacher = mine.task.confidence(mine.teachers[bar.modality](batch).logits, batch.target)
    rng = np.random.default_rng(5)
    rows = [rng.integers(len(batch), size=len(batch)) for _ in range(3000)]
    ratios = [student.numpy()[r].mean() / teacher.numpy()[r].mean() for r in rows]
    low, high = np.percentile(ratios, [2.5, 97.5])
    assert bar.ratio.low == pytest.approx(low, abs=0.1 * (high - low))
    assert bar.ratio.high == pytest.approx(high, abs=0.1 * (high - low))
    assert len(resamples(len(batch))) == 1000


def test_a_student_that_is_its_teachers_has_ratio_1():
    mine = subject()
    for name in NAMES:
        mine.model.encoders[name] = mine.teachers[name].encoder
        mine.model.fusion.heads[name] = mine.teachers[name].head
    for bar in confidence_ratio([mine]).bars:
        assert bar.ratio.value == pytest.approx(1)
        assert (bar.ratio.low, bar.ratio.high) == pytest.approx((1, 1))
    assert "At 1 the student is as sure" in confidence_ratio([mine]).sentence()


def test_without_teachers_there_is_nothing_to_compare_with():
    alone = replace(subject(), label="alone", teachers={})
    with pytest.raises(UserError, match="alone has no teachers to be compared with; train them"):
        confidence_ratio([subject(), alone])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The weak modality by a ranking that was given, and by the teachers, are not the same."""
    out = tmp_path_factory.mktemp("runs")
    given = {"name": "g2d", "rank_by": ["near", "far"]}
    base = toy_recipe(epochs=4, learning_rate=0.05)
    return [train(recipe_from({**base, "method": m}), out) for m in (given, "joint")]


def test_the_recorded_ranking_is_measured_too(runs, tmp_path):
    found = confidence_ratio(subjects_of([Run(run, trust=True) for run in runs]))
    by = {(bar.split, bar.label, bar.modality): bar.chosen_by for bar in found.bars}
    for split in ("train", "test"):
        for label in ("g2d", "joint"):  # joint is measured for the ranking of g2d as well
            assert by[split, label, "near"] == ("the given order",)
            assert by[split, label, "far"] == (BY_CONFIDENCE,)
    columns, rows = found.table()
    assert all(len(row) == len(columns) for row in rows)
    assert len(rows) == 8
    assert "near (weak by the given order)" in found.sentence()
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert {bar["modalities"] for bar in told["bars"]} == {2}
    assert looks_drawn(found.plot(tmp_path / "figure.png"))
