"""The `Trainer` of Transformers ends in the weights of a plain loop, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import g2d

transformers = pytest.importorskip("transformers")

from g2d.integrations.huggingface import MethodCallback, loss_of  # noqa: E402
from integrations.plain import (  # noqa: E402
    BATCH,
    EPOCHS,
    METHODS,
    TASK,
    data,
    equal,
    net,
    sgd,
    teachers,
    trained,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory")


class Named(nn.Module):
    """The model as `Trainer` calls it: by keyword, a mapping for an answer."""

    def __init__(self):
        super().__init__()
        self.inner = net()

    def forward(self, audio, video):
        return {"logits": self.inner(audio, video)}


class InOrder(transformers.Trainer):
    """Batches in the order of the data, as the plain loop has them."""

    def get_train_dataloader(self):
        rows = [dict(zip(("audio", "video", "labels"), row, strict=True)) for row in data()]
        return DataLoader(rows, self.args.per_device_train_batch_size)


def trainer(name, folder, accumulate=1, resume_from=None, clip_norm=None, **options):
    model = Named()
    method = METHODS[name](
        g2d.attach(model, {"audio": model.inner.audio_net, "video": model.inner.video_net})
    )
    arguments = transformers.TrainingArguments(
        str(folder),
        per_device_train_batch_size=BATCH // accumulate,
        gradient_accumulation_steps=accumulate,
        label_names=["labels"],
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **{
            "num_train_epochs": EPOCHS,
            "max_grad_norm": 0.0,
            "save_strategy": "no",
            "logging_strategy": "no",
            **options,
        },
    )
    optimizer = sgd(method)
    constant = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return InOrder(
        model,
        arguments,
        train_dataset=data(),
        compute_loss_func=loss_of(method),
        callbacks=[MethodCallback(method, resume_from=resume_from, clip_norm=clip_norm)],
        optimizers=(optimizer, constant),
    ), model


@pytest.mark.parametrize("name", METHODS)
def test_it_ends_in_the_weights_of_a_plain_loop(name, tmp_path):
    made, model = trainer(name, tmp_path)
    made.train()
    equal(model.inner.state_dict(), trained(name))


@pytest.mark.parametrize("name", ["joint", "mmpareto", "g2d"])
def test_accumulated_batches_are_one_step(name, tmp_path):
    made, model = trainer(name, tmp_path, accumulate=2)
    made.train()
    equal(model.inner.state_dict(), trained(name, accumulate=2))


@pytest.mark.parametrize("name", METHODS)
def test_resumed_from_a_checkpoint_it_ends_in_the_same_weights(name, tmp_path):
    made, _ = trainer(name, tmp_path, save_strategy="epoch")
    made.train()
    again, model = trainer(name, tmp_path, save_strategy="epoch")
    half = EPOCHS // 2 * (len(data()) // BATCH)
    again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{half}"))
    equal(model.inner.state_dict(), trained(name))


@pytest.mark.parametrize("name", METHODS)
def test_resumed_late_within_an_epoch_it_goes_on_with_that_epoch(name, tmp_path):
    steps = len(data()) // BATCH
    late = steps + steps - 1
    made, _ = trainer(name, tmp_path, save_strategy="steps", save_steps=late)
    made.train()
    again, model = trainer(name, tmp_path, save_strategy="steps", save_steps=late)
    again.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{late}"))
    equal(model.inner.state_dict(), trained(name))


def test_a_checkpoint_without_the_methods_state_is_refused_unless_it_is_named(tmp_path):
    made, _ = trainer("g2d", tmp_path / "a", save_strategy="epoch")
    made.train()
    half = EPOCHS // 2 * (len(data()) // BATCH)
    moved = tmp_path / "moved"
    (tmp_path / "a" / f"checkpoint-{half}").rename(moved)
    again, model = trainer("g2d", tmp_path / "b")
    with pytest.raises(g2d.UserError, match=r"there is no .*g2d_method.pt with the state"):
        again.train(resume_from_checkpoint=str(moved))
    again, model = trainer("g2d", tmp_path / "b", resume_from=moved)
    again.train(resume_from_checkpoint=str(moved))
    equal(model.inner.state_dict(), trained("g2d"))


def method_of(made):
    (method,) = [
        callback.method
        for callback in made.callback_handler.callbacks
        if isinstance(callback, MethodCallback)
    ]
    return method


def norms_at_the_optimizer(made):
    """The norm of all gradients, every time that the optimizer steps."""
    optimizer, norms = made.optimizer, []

    def look(optimizer, args, kwargs):
        held = [p.grad for group in optimizer.param_groups for p in group["params"]]
        found = [gradient.flatten() for gradient in held if gradient is not None]
        norms.append(torch.cat(found).norm().item())

    optimizer.register_step_pre_hook(look)
    made.train()
    return norms


class Louder(g2d.UMT):
    """Every gradient times a thousand, those of added heads as well."""

    def __init__(self, student):
        super().__init__(student, TASK, teachers())
        student.need_unimodal_logits(TASK.outputs)

    def objective(self, outputs, batch):
        unimodal = [TASK.loss(logits, batch.target) for logits in outputs.unimodal.values()]
        return super().objective(outputs, batch) + sum(unimodal)

    def modify_gradients(self):
        for parameter in self.student.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(1000)


@pytest.mark.parametrize("option", ["max_grad_norm", "clip_norm"])
def test_the_optimizer_gets_a_clipped_gradient(option, tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "louder", Louder)
    made, _ = trainer("louder", tmp_path, **{option: 0.5})
    norms = norms_at_the_optimizer(made)
    assert len(norms) == EPOCHS * (len(data()) // BATCH)
    assert norms == pytest.approx([0.5] * len(norms), rel=1e-3)


def test_clipped_by_the_callback_it_ends_in_the_weights_of_a_loop_that_clips_last(tmp_path):
    made, model = trainer("mmpareto", tmp_path, clip_norm=0.5)
    made.train()
    equal(model.inner.state_dict(), trained("mmpareto", clip_norm=0.5))


def test_mmpareto_that_is_off_weighs_nothing_that_could_be_clipped(tmp_path, monkeypatch):
    off = g2d.MMPareto.presets["off"]
    monkeypatch.setitem(METHODS, "mmpareto", lambda student: g2d.MMPareto(student, TASK, **off))
    made, model = trainer("mmpareto", tmp_path, max_grad_norm=1000.0)
    made.train()
    equal(model.inner.state_dict(), trained("joint"))


def test_mmpareto_is_refused_where_one_of_its_two_gradients_would_be_clipped(tmp_path):
    made, _ = trainer("mmpareto", tmp_path, max_grad_norm=1.0)
    with pytest.raises(g2d.UserError, match=r"max_grad_norm=0.0.*clip_norm=1\)"):
        made.train()


def test_a_number_of_steps_is_a_number_of_epochs_too(tmp_path):
    steps = len(data()) // BATCH
    made, _ = trainer("ogm_ge", tmp_path, num_train_epochs=1, max_steps=2 * steps + 1)
    told, method = [], method_of(made)
    fit = method.on_fit_start
    method.on_fit_start = lambda loop: (told.append(loop.epochs), fit(loop))
    made.train()
    assert told == [3]


@pytest.mark.parametrize("epochs", [0.4, 2.5])
def test_a_part_of_an_epoch_is_one_to_the_method_as_to_the_trainer(epochs, tmp_path):
    made, _ = trainer("g2d", tmp_path, num_train_epochs=epochs)
    method = method_of(made)
    begun, told = [], []
    start, fit = method.on_epoch_start, method.on_fit_start
    method.on_epoch_start = lambda epoch: (begun.append(epoch), start(epoch))
    method.on_fit_start = lambda loop: (told.append(loop.epochs), fit(loop))
    made.train()
    assert told == [len(begun)]


def test_an_evaluation_is_no_step_of_the_method():
    model = net()
    method = g2d.OGM(model.attached(), TASK, window=(0, 1))
    method.on_fit_start(g2d.Loop(sgd(method), epochs=EPOCHS))
    method.on_epoch_start(0)
    audio, video, target = data().tensors
    with torch.no_grad():
        logits = model(audio, video)
        loss = loss_of(method)({"logits": logits}, target)
    assert torch.equal(loss, nn.functional.cross_entropy(logits, target))
    assert not method._scores._sums
