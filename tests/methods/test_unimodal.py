"""What each modality says by itself: losses over the samples that have it, scores of a step."""

from __future__ import annotations

import pytest
import torch

import g2d
from g2d.methods.unimodal import Scores, shown, unimodal_losses
from g2d.models.fusion import FiLMFusion
from methods.small import NAMES, TASKS, batch, student


def said(names: tuple[str, ...], task: g2d.Task, data: g2d.Batch) -> g2d.Outputs:
    return student(names, task.outputs)(data)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("missing", [False, True])
def test_losses_go_over_the_samples_that_have_the_modality(kind: str, missing: bool) -> None:
    task, names = TASKS[kind], NAMES[:3]
    data = batch(names, task, missing=missing)
    outputs = said(names, task, data)
    for name, loss in unimodal_losses(task, outputs, data).items():
        there = data.present.get(name, torch.ones(len(data), dtype=torch.bool))
        expected = task.loss(outputs.unimodal[name][there], data.target[there])
        torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("kind", TASKS)
def test_the_loss_is_the_mean_of_the_losses(kind: str) -> None:
    task = TASKS[kind]
    data = batch(NAMES[:2], task)
    logits = torch.randn(len(data), task.outputs)
    each = task.losses(logits, data.target)
    assert each.shape == (len(data),)
    torch.testing.assert_close(each.mean(), task.loss(logits, data.target))
    for i in range(len(data)):
        alone = task.loss(logits[i : i + 1], data.target[i : i + 1])
        torch.testing.assert_close(each[i], alone)


@pytest.mark.parametrize("kind", TASKS)
def test_the_scores_of_a_step_are_those_of_all_its_samples(kind: str) -> None:
    task, names = TASKS[kind], NAMES[:3]
    parts = [batch(names, task, size=size, seed=size, missing=True) for size in (3, 6)]
    scores, sums, counts = Scores(task), dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for data in parts:
        outputs = said(names, task, data)
        scores.add(outputs, data)
        for name in names:
            values = task.confidence(outputs.unimodal[name], data.target)
            for i in range(len(data)):
                if name not in data.present or data.present[name][i]:
                    sums[name] += values[i].item()
                    counts[name] += 1
    found = scores.read()
    assert {n: v.item() for n, v in found.items()} == pytest.approx(
        {n: sums[n] / counts[n] for n in names}
    )


def test_reading_begins_anew() -> None:
    task, names = TASKS["classification"], NAMES[:2]
    scores = Scores(task)
    first, second = batch(names, task, seed=1), batch(names, task, seed=2)
    scores.add(said(names, task, first), first)
    scores.read()
    scores.add(said(names, task, second), second)
    alone = Scores(task)
    alone.add(said(names, task, second), second)
    assert scores.read() == alone.read()


def test_a_modality_that_nobody_has_has_no_score() -> None:
    task, names = TASKS["classification"], NAMES[:2]
    data = batch(names, task)
    data.present["image"] = torch.zeros(len(data), dtype=torch.bool)
    scores = Scores(task)
    scores.add(said(names, task, data), data)
    assert scores.read()["image"].isnan()


def test_a_fusion_without_terms_is_told_of() -> None:
    task, names = TASKS["classification"], NAMES[:2]
    outputs = student(names, task.outputs, FiLMFusion).train()(batch(names, task))
    with pytest.raises(g2d.UserError, match=r"attach it with heads=\.\.\., or use late"):
        shown(outputs)
