"""Online teachers: frozen, asked once a batch."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

import g2d
from g2d.errors import UserError
from methods.small import (
    NAMES,
    TASKS,
    bank,
    batch,
    same,
    sgd,
    step,
    student,
    teacher_models,
    weights,
)

TASK = TASKS["classification"]


def test_training_does_not_change_the_teachers() -> None:
    """Not their weights and not their batch-norm buffers, even if somebody says `train()`."""
    names = NAMES[:3]
    teachers, model = bank(names, TASK), student(names, TASK.outputs)
    before = {name: weights(teacher) for name, teacher in teachers.models.items()}
    method, optimizer = g2d.G2D(model, TASK, teachers, (1, 1, 1)), sgd(model)
    for epoch in range(3):
        method.on_epoch_start(epoch)
        for teacher in teachers.models.values():
            teacher.train()
        step(method, optimizer, batch(names, TASK, seed=epoch))
    for name, teacher in teachers.models.items():
        assert same(weights(teacher), before[name])
        assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())


def test_they_answer_in_eval_mode_and_without_a_graph() -> None:
    models = teacher_models(NAMES[:2], TASK)
    data = batch(NAMES[:2], TASK)
    expected = {name: model.eval()(data) for name, model in models.items()}
    teachers = g2d.OnlineTeachers(models, TASK)
    for model in models.values():
        model.train()
    for name, said in teachers.outputs(data).items():
        torch.testing.assert_close(said.logits, expected[name].logits)
        torch.testing.assert_close(said.features, expected[name].features[name])
        assert not said.logits.requires_grad
        assert not said.features.requires_grad


def test_a_batch_is_computed_once() -> None:
    """Though the loss wants outputs and the ranking wants confidence."""
    names = NAMES[:2]
    teachers, model = bank(names, TASK), student(names, TASK.outputs)
    calls: list[str] = []
    for name, teacher in teachers.models.items():
        teacher.encoder.register_forward_hook(lambda *_, name=name: calls.append(name))
    method = g2d.G2D(model, TASK, teachers, (2, 1))
    for seed in range(3):
        step(method, sgd(model), batch(names, TASK, seed=seed))
    assert sorted(calls) == sorted([*names] * 3)


def test_equal_batches_are_not_mistaken_for_one_another() -> None:
    teachers = bank(NAMES[:1], TASK)
    first, second = batch(NAMES[:1], TASK, seed=0), batch(NAMES[:1], TASK, seed=1)
    said = [teachers.outputs(data)["sound"].logits for data in (first, second, first)]
    assert torch.equal(said[0], said[2])
    assert not torch.equal(said[0], said[1])


def test_a_teacher_of_another_modality_is_refused() -> None:
    models = teacher_models(NAMES[:2], TASK)
    with pytest.raises(UserError, match="given for 'sound' was made for 'image'"):
        g2d.OnlineTeachers({"sound": models["image"]}, TASK)


def test_a_batch_changed_in_place_is_asked_about_anew() -> None:
    task = g2d.Classification(3)
    teacher = g2d.UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
    teachers = g2d.OnlineTeachers({"sound": teacher}, task)
    data = g2d.Batch({"sound": torch.randn(2, 4)}, torch.tensor([0, 2]), torch.arange(2))
    before = teachers.outputs(data)["sound"].logits
    assert teachers.outputs(data)["sound"].logits is before
    data.inputs["sound"].add_(1.0)
    after = teachers.outputs(data)["sound"].logits
    torch.testing.assert_close(after, teacher(data).logits)
    assert not torch.equal(after, before)


def test_answers_to_batches_kept_in_a_list_are_let_go() -> None:
    teacher = g2d.UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
    teachers = g2d.OnlineTeachers({"sound": teacher}, g2d.Classification(3))
    batches = [
        g2d.Batch({"sound": torch.randn(2, 4)}, torch.tensor([0, 2]), torch.arange(2))
        for _ in range(50)
    ]
    alive = [weakref.ref(teachers.outputs(batch)["sound"].logits) for batch in batches]
    gc.collect()
    assert sum(answer() is not None for answer in alive) <= 8
