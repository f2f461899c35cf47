"""A Lightning `Trainer` ends in the weights of a plain loop, bit for bit, also when resumed."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import g2d

pl = pytest.importorskip("lightning.pytorch")

from g2d.integrations.lightning import MethodCallback  # noqa: E402
from integrations.plain import BATCH, EPOCHS, METHODS, TASK, data, equal, net, sgd, trained  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


class Module(pl.LightningModule):
    def __init__(self, name):
        super().__init__()
        self.net = net()
        self.method = METHODS[name](self.net.attached())
        self.callback = MethodCallback(self.method)

    def training_step(self, batch, _):
        audio, video, target = batch
        return self.method.loss(self.net(audio, video), target)

    def validation_step(self, batch, _):
        audio, video, target = batch
        self.callback.validation.add(self.net(audio, video), target)

    def configure_optimizers(self):
        return sgd(self.method)


def fit(module, folder: Path, epochs=EPOCHS, resume=None, **options):
    val = options.pop("val", None)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[module.callback],
        enable_checkpointing=False,
        **options,
    )
    batch = BATCH // options.get("accumulate_grad_batches", 1)
    trainer.fit(module, DataLoader(data(), batch), val, ckpt_path=resume)
    return trainer


@pytest.mark.parametrize("name", METHODS)
def test_it_ends_in_the_weights_of_a_plain_loop(name, tmp_path):
    module = Module(name)
    fit(module, tmp_path)
    equal(module.net.state_dict(), trained(name))
    assert all(p.requires_grad for p in module.net.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_accumulated_batches_are_one_step(name, tmp_path):
    module = Module(name)
    fit(module, tmp_path, accumulate_grad_batches=2)
    equal(module.net.state_dict(), trained(name, accumulate=2))


@pytest.mark.parametrize("name", METHODS)
def test_resumed_from_a_checkpoint_it_ends_in_the_same_weights(name, tmp_path):
    first = Module(name)
    trainer = fit(first, tmp_path, epochs=2)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    second = Module(name)
    # how many epochs there will be is what it was
    second.callback.epochs = first.callback.epochs = EPOCHS
    fit(second, tmp_path, resume=tmp_path / "half.ckpt")
    if name in ("joint", "g2d", "mmpareto"):  # whose stages are no shares of the epochs
        equal(second.net.state_dict(), trained(name))


def test_a_method_that_follows_validation_is_told(tmp_path):
    module = Module("joint")
    told = []
    module.method.on_validation_end = told.append
    fit(module, tmp_path, val=DataLoader(data(32, seed=5), BATCH), num_sanity_val_steps=2)
    assert len(told) == EPOCHS
    audio, video, target = data(32, seed=5).tensors
    right = module.net.eval()(audio, video).argmax(dim=1) == target
    assert told[-1]["accuracy"]["fused"] == pytest.approx(right.double().mean().item())


@pytest.mark.parametrize("interval", [0.25, 2])
def test_of_several_validations_in_an_epoch_the_last_one_counts(interval, tmp_path):
    module, told, validated = Module("joint"), [], []
    module.method.on_validation_end = told.append
    read = module.callback.validation.read
    module.callback.validation.read = lambda: (validated.append(read()), validated[-1])[1]
    val = DataLoader(data(32, seed=5), BATCH)
    fit(module, tmp_path, val=val, num_sanity_val_steps=0, val_check_interval=interval)
    in_one = len(validated) // EPOCHS
    assert in_one > 1
    assert told == validated[in_one - 1 :: in_one]


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({"epochs": None, "max_steps": 9}, 3),
        ({"epochs": -1, "max_steps": 8, "accumulate_grad_batches": 2}, 2),
        ({"epochs": 2, "max_steps": 12}, 2),
        ({"epochs": 6, "max_steps": 12}, 3),
    ],
)
def test_a_number_of_steps_is_a_number_of_epochs_too(options, epochs, tmp_path):
    module, told = Module("ogm_ge"), []
    start = module.method.on_fit_start
    module.method.on_fit_start = lambda loop: (told.append(loop.epochs), start(loop))
    fit(module, tmp_path, **options)
    assert told == [epochs]


def test_a_method_that_has_finished_ends_training(tmp_path):
    class Short(g2d.JointTraining):
        def finished(self):
            return True

    module = Module("joint")
    module.method = module.callback.method = Short(module.net.attached(), TASK)
    assert fit(module, tmp_path).current_epoch == 1


def test_the_state_of_added_heads_lies_in_the_checkpoint(tmp_path):
    module = Module("mmpareto")
    trainer = fit(module, tmp_path, epochs=1)
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    saved = torch.load(tmp_path / "one.ckpt", weights_only=False)["callbacks"]["MethodCallback"]
    heads = module.method.student.added_heads
    assert torch.equal(saved["student"]["heads"]["audio.weight"], heads["audio"].weight)


class Breaks(pl.Callback):
    """Breaks training off in an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("broken off")


@pytest.mark.parametrize("name", ["g2d", "amco"])
@pytest.mark.parametrize("broken", [False, True])
def test_after_training_nothing_is_frozen_and_no_feature_changed(name, broken, tmp_path):
    module = Module(name)
    callbacks = [module.callback, *([Breaks(0)] if broken else [])]
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=callbacks,
        enable_checkpointing=False,
    )
    with pytest.raises(RuntimeError, match="broken off") if broken else nullcontext():
        trainer.fit(module, DataLoader(data(), BATCH))
    assert all(p.requires_grad for p in module.net.parameters())
    audio, video, _ = data()[:8]
    net = module.net.train()
    found = net(audio, video)
    expected = net.head(torch.cat([net.audio_net(audio), net.video_net(video)], dim=1))
    assert torch.equal(found, expected)
