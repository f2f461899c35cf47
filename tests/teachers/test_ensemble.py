"""The ensemble is the teachers' mean, and leaves them alone."""

from __future__ import annotations

import pytest
import torch

import g2d
from g2d.teachers.ensemble import begin_from
from methods.small import NAMES, TASKS, batch, same, sgd, step, teacher_models, weights


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("k", [2, 3])
def test_its_logits_are_the_mean_of_the_teachers(k: int, kind: str) -> None:
    names, task = NAMES[:k], TASKS[kind]
    models = {name: model.eval() for name, model in teacher_models(names, task).items()}
    data = batch(names, task)
    said = g2d.ensemble(models).eval()(data)
    each = {name: model(data).logits for name, model in models.items()}
    torch.testing.assert_close(said.logits, sum(each.values()) / k)
    for name in names:
        torch.testing.assert_close(said.unimodal[name], each[name])


def test_an_absent_modality_has_no_vote() -> None:
    names, task = NAMES[:3], TASKS["classification"]
    models = {name: model.eval() for name, model in teacher_models(names, task).items()}
    data = batch(names, task, missing=True)
    logits = g2d.ensemble(models).eval()(data).logits
    for i in range(len(data)):
        there = [n for n in names if n not in data.present or data.present[n][i]]
        expected = sum(models[n](data).logits[i] for n in there) / len(there)
        torch.testing.assert_close(logits[i], expected)


def test_training_it_further_does_not_change_the_teachers() -> None:
    names, task = NAMES[:2], TASKS["classification"]
    bank = g2d.OnlineTeachers(teacher_models(names, task), task)
    before = {name: weights(model) for name, model in bank.models.items()}
    model = g2d.ensemble(bank.models)
    start = weights(model)
    step(g2d.JointTraining(model, task), sgd(model), batch(names, task))
    assert not same(weights(model), start)
    assert all(same(weights(teacher), before[name]) for name, teacher in bank.models.items())


def test_an_attached_model_does_not_begin_from_teachers_by_itself() -> None:
    net = torch.nn.Linear(4, 3)
    attached = g2d.attach(net, {"sound": net})
    with pytest.raises(g2d.UserError, match="got AttachedStudent; load the teachers"):
        begin_from(attached, {})
