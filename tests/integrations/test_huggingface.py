"""The `Trainer` of Transformers ends in the weights of a plain loop, bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import g2d

transformers = pytest.importorskip("transformers")

from g2d.integrations.huggingface import MethodCallback, loss_of  # noqa: E402
from integrations.plain import BATCH, EPOCHS, METHODS, TASK, data, equal, net, sgd, trained  # noqa: E402

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


def trainer(name, folder, accumulate=1, **options):
    model = Named()
    method = METHODS[name](
        g2d.attach(model, {"audio": model.inner.audio_net, "video": model.inner.video_net})
    )
    arguments = transformers.TrainingArguments(
        str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH // accumulate,
        gradient_accumulation_steps=accumulate,
        max_grad_norm=0.0,
        label_names=["labels"],
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        **{"save_strategy": "no", "logging_strategy": "no", **options},
    )
    optimizer = sgd(method)
    constant = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return InOrder(
        model,
        arguments,
        train_dataset=data(),
        compute_loss_func=loss_of(method),
        callbacks=[MethodCallback(method)],
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
