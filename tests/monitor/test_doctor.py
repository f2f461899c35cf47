"""The doctor's words, its figure, and what it refuses."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import g2d
from g2d.errors import install_command
from g2d.monitor.sentence import sentence
from g2d.teachers.cache import cache_key, write_cache
from methods import small
from monitor.watched import NAMES, TASK, attached, loop, net, samples

FIVE = g2d.Classification(5)


def record(fused: float, **pairs: tuple[float, float | None]) -> dict[str, float]:
    """Accuracies: fused, and of each modality its own and its teacher's."""
    found = {"fused/accuracy": fused}
    for name, (own, teacher) in pairs.items():
        found[f"{name}/accuracy"] = own
        if teacher is not None:
            found[f"{name}/teacher_accuracy"] = teacher
    return found


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (
            record(0.63, video=(0.61, 0.62), audio=(0.2, 0.56)),
            "video learns (61 %), audio is suppressed: 20 % where its teacher has 56 %.",
        ),
        (
            record(0.25, video=(0.24, 0.62), audio=(0.2, 0.56)),
            "video is behind its teacher (24 % to 62 %), as the whole model is, "
            "audio is behind its teacher (20 % to 56 %), as the whole model is.",
        ),
        (
            record(0.6, video=(0.6, None), audio=(0.21, None)),
            "video learns (60 %), audio is hardly better than guessing (21 % to 20 %). "
            "Without teachers it is not known what each could reach.",
        ),
        (
            record(0.6, video=(0.6, 0.6), audio=(0.2, 0.21)),
            "video learns (60 %), audio is hardly better than guessing (20 % to 20 %).",
        ),
    ],
)
def test_the_sentence(numbers: dict[str, float], said: str) -> None:
    assert sentence(numbers, ["video", "audio"], FIVE, guess=0.2) == said


def test_the_sentence_of_numbers() -> None:
    task = g2d.Regression(low=0.0, high=10.0, std=2.0)
    found = {"fused/rmse": 1.0, "sound/rmse": 1.9, "sound/teacher_rmse": 1.0}
    said = "sound is suppressed: rmse 1.9 where its teacher has rmse 1."
    assert sentence(found, ["sound"], task, guess=2.0) == said


def test_a_guess_is_that_of_the_targets() -> None:
    """Of 8 samples 7 are of one class: 7 of 8 right is no better than guessing."""
    model = net(heads=True)
    for name in NAMES:
        nn.init.zeros_(model.heads[name][2].weight)
        model.heads[name][2].bias.data = torch.tensor([1.0, 0.0, 0.0])
    doctor = g2d.doctor(attached(model), TASK)
    inputs, _ = samples()
    target = torch.tensor([0, 0, 0, 0, 0, 0, 0, 1])
    TASK.loss(model(**inputs), target).backward()
    doctor.watch(target)
    assert doctor.epoch()["sound/accuracy"] == pytest.approx(7 / 8)
    said = "sound is hardly better than guessing (88 % to 88 %)"
    assert doctor.sentence().startswith(f"After epoch 1, on training batches: {said}")


def test_the_sentence_is_of_validation_where_there_is_any() -> None:
    model = net(heads=True)
    doctor = g2d.doctor(attached(model), TASK)
    loop(model, [samples()], doctor.watch)
    doctor.epoch()
    loop(model, [samples()], doctor.watch)
    inputs, target = samples(seed=7)
    model.eval()(**inputs)
    doctor.watch(target)
    doctor.epoch()
    assert doctor.sentence().startswith("After epoch 2, on validation batches: ")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_pass_in_eval_mode_that_is_trained_on_is_no_validation(frozen: bool) -> None:
    model = net().eval()
    model.encoders.requires_grad_(not frozen)
    doctor = g2d.doctor(attached(model), TASK)
    inputs, target = samples()
    nn.functional.cross_entropy(model(**inputs), target).backward()
    doctor.watch(target)
    assert not [key for key in doctor.epoch() if key.startswith("val/")]
    model(**inputs)
    doctor.watch(target)
    assert all(key.startswith("val/") for key in doctor.epoch())


def test_history_is_what_epochs_returned() -> None:
    model = net(heads=True)
    doctor = g2d.doctor(attached(model), TASK)
    found = []
    for seed in range(2):
        loop(model, [samples(seed=seed)], doctor.watch)
        found.append(doctor.epoch())
    assert doctor.history == found
    assert found[0] != found[1]
    assert all(type(value) is float and np.isfinite(value) for value in found[1].values())


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_figure(epochs: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = net()
    doctor = g2d.doctor(attached(model), TASK)
    for seed in range(epochs):
        loop(model, [samples(seed=seed)], doctor.watch)
        doctor.epoch()
    drawn = doctor.plot(str(tmp_path / "new" / "balance.svg")).read_text()
    for word in (*NAMES, "accuracy", "gradient norm", "share of steps in conflict"):
        assert word in drawn


def test_without_matplotlib_only_the_figure_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = net()
    doctor = g2d.doctor(attached(model), TASK)
    loop(model, [samples()], doctor.watch)
    doctor.epoch()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert doctor.sentence()
    with pytest.raises(g2d.UserError, match=re.escape(install_command("train"))):
        doctor.plot(tmp_path / "balance.png")


# --- what is refused ------------------------------------------------------------------------------


def test_one_pass_is_watched_once() -> None:
    model = net()
    doctor = g2d.doctor(attached(model), TASK)
    inputs, target = samples()
    with pytest.raises(g2d.UserError, match="was not called since the doctor watched last"):
        doctor.watch(target)
    TASK.loss(model(**inputs), target).backward()
    doctor.watch(target)
    with pytest.raises(g2d.UserError, match="was not called since the doctor watched last"):
        doctor.watch(target)


@pytest.mark.parametrize("late", [False, True])
def test_gradients_have_to_be_there(late: bool) -> None:
    model = net()
    doctor = g2d.doctor(attached(model), TASK)
    inputs, target = samples()
    loss = TASK.loss(model(**inputs), target)
    if late:
        loss.backward()
        model.zero_grad()
    with pytest.raises(g2d.UserError, match=r"after loss\.backward\(\) and before optimizer\.zero"):
        doctor.watch(target)


def test_an_epoch_of_nothing() -> None:
    doctor = g2d.doctor(attached(net()), TASK)
    for ask in (doctor.sentence, lambda: doctor.plot("balance.png")):
        with pytest.raises(g2d.UserError, match="no epoch yet"):
            ask()
    with pytest.raises(g2d.UserError, match="watched nothing since the last epoch"):
        doctor.epoch()


class Wrapped(nn.Module):
    """Answers with something in which logits cannot be found."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = net()

    def forward(self, **inputs: torch.Tensor) -> object:
        return {"scores": self.inner(**inputs)}


def test_logits_that_cannot_be_found_are_given() -> None:
    model = Wrapped()
    doctor = g2d.doctor(g2d.attach(model, dict(model.inner.encoders.items())), TASK)
    inputs, target = samples()
    scores = model(**inputs)["scores"]
    TASK.loss(scores, target).backward()
    with pytest.raises(g2d.UserError, match=r"doctor\.watch\(target, logits=\.\.\.\)"):
        doctor.watch(target)
    scores = model(**inputs)["scores"]
    TASK.loss(scores, target).backward()
    doctor.watch(target, logits=scores)
    right = (scores.argmax(dim=1) == target).float().mean().item()
    assert doctor.epoch()["fused/accuracy"] == pytest.approx(right)


def test_a_model_of_g2d_is_watched_with_its_batch() -> None:
    task, names = small.TASKS["classification"], ("sound", "image")
    model = small.student(names, task.outputs)
    doctor = g2d.doctor(model, task)
    batch = small.batch(names, task)
    task.loss(model(batch).logits, batch.target).backward()
    with pytest.raises(g2d.UserError, match=r"g2d\.Batch, got labels of type Tensor"):
        doctor.watch(batch.target)


def test_models_and_teachers_that_do_not_fit() -> None:
    task = small.TASKS["classification"]
    with pytest.raises(g2d.UserError, match="expected 2 modalities or more"):
        g2d.doctor(g2d.UnimodalModel("sound", nn.Linear(6, 5), 5, 4), task)
    model = nn.ModuleDict({"fused": nn.Linear(2, 2), "sound": nn.Linear(2, 2)})
    with pytest.raises(g2d.UserError, match="no modality can be called 'fused'"):
        g2d.doctor(g2d.attach(model, dict(model.items())), task)
    with pytest.raises(g2d.UserError, match="a teacher for 'depth'"):
        g2d.doctor(small.student(("sound", "image"), 4), task, small.bank(("depth",), task))
    with pytest.raises(g2d.UserError, match="does not declare which modules"):
        g2d.doctor(nn.Linear(2, 2), task)


def test_cached_teachers_need_the_index_and_know_training_alone(
    tmp_path: Path,
) -> None:
    task, names = small.TASKS["classification"], ("sound", "image")
    whole = small.batch(names, task, size=6)
    models = small.teacher_models(names, task)
    key = cache_key(models, "data")
    write_cache(tmp_path, g2d.OnlineTeachers(models, task), key, lambda row: [whole], rows=6)
    inner = small.student(names, task.outputs)
    model = Positional(inner)
    student = g2d.attach(model, dict(inner.encoders.items()))
    doctor = g2d.doctor(student, task, g2d.CachedTeachers(tmp_path, key, task))
    rows = torch.tensor([4, 1, 3])
    inputs, target = [whole.inputs[name][rows] for name in names], whole.target[rows]
    task.loss(model(*inputs), target).backward()
    with pytest.raises(g2d.UserError, match=r"doctor\.watch\(target, index=\.\.\.\)"):
        doctor.watch(target)
    task.loss(model(*inputs), target).backward()
    doctor.watch(target, index=rows)
    model.eval()(*inputs)
    doctor.watch(target, index=rows)  # of validation, whose samples they do not know
    record = doctor.epoch()
    online = g2d.OnlineTeachers(models, task).outputs(whole)["sound"].logits[rows]
    right = (online.argmax(dim=1) == target).float().mean().item()
    assert record["sound/teacher_accuracy"] == pytest.approx(right)
    assert "val/sound/accuracy" in record
    assert "val/sound/teacher_accuracy" not in record


class Positional(nn.Module):
    """A model of g2d's parts that is called with tensors."""

    def __init__(self, inner: g2d.MultimodalModel) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        named = dict(zip(self.inner.modalities, inputs, strict=True))
        size = len(inputs[0])
        batch = g2d.Batch(named, torch.zeros(size, dtype=torch.long), torch.arange(size))
        logits: torch.Tensor = self.inner(batch).logits
        return logits
