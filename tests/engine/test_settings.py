"""Schedules: when the rate falls, that the plateau resumes, what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from g2d import JointTraining, UserError
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, bf16, fit
from g2d.runs.run import Run
from toy_parts import SPLITS, TASK, student

PLATEAU = {"lr_schedule": "plateau", "lr_factor": 0.5, "accelerator": "cpu", "batch_size": 16}


def rates_of(values: list[float], higher: bool, patience: int) -> list[float]:
    """The rate of every epoch and of the one after, by the rule: halved when patience is spent."""
    rates, best, waited = [1.0], None, 0
    for value in values:
        improved = best is None or (value > best if higher else value < best)
        best, waited = (value, 0) if improved else (best, waited + 1)
        spent = waited > patience
        rates.append(rates[-1] * (0.5 if spent else 1.0))
        waited = 0 if spent else waited
    return rates


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"momentum": 0.0, "weight_decay": 0.0}, torch.optim.SGD),
        ({"momentum": 0.9, "weight_decay": 1e-2}, torch.optim.SGD),
        ({"optimizer": "adamw", "weight_decay": 1e-2}, torch.optim.AdamW),
    ],
)
def test_the_optimizer_is_pytorchs_own_bit_for_bit(options: dict, expected: type) -> None:
    def trained(make) -> list[torch.Tensor]:
        torch.manual_seed(0)
        parameters = [nn.Parameter(torch.randn(shape)) for shape in [(5, 3), (5,), (7, 2, 3), ()]]
        optimizer = make(parameters)
        for step in range(6):
            for parameter in parameters[step % 2 :]:  # the first is frozen in every second step
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
            optimizer.zero_grad()
        return parameters

    plain = {name: value for name, value in options.items() if name != "optimizer"}
    ours = trained(TrainingSettings(learning_rate=0.1, **options).make_optimizer)
    theirs = trained(lambda parameters: expected(parameters, lr=0.1, foreach=False, **plain))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("devices", [1, 2])
def test_batch_norm_over_all_gpus_is_refused_without_them(devices: int) -> None:
    wanted = TrainingSettings(sync_batch_norm=True, devices=devices, accelerator="cpu")
    with pytest.raises(UserError, match=rf"for several GPUs, got devices {devices} on the CPU"):
        wanted.make_fabric()


def test_batch_norm_over_all_gpus_trains_of_one_what_batch_norm_does() -> None:
    def trained(sync: bool) -> nn.Module:
        model, loader = student(), make_loader(SPLITS.train, 16, shuffle=False)
        wanted = TrainingSettings(epochs=2, sync_batch_norm=sync, accelerator="cpu")
        one = TrainingSettings(accelerator="cpu").make_fabric()
        torch.manual_seed(0)
        fit(JointTraining(model, TASK), loader, loader, wanted, fabric=one)
        return model

    plain, ours = trained(False), trained(True)
    layers = [m for m in ours.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert layers
    assert all(isinstance(layer, nn.SyncBatchNorm) for layer in layers)
    torch.testing.assert_close(dict(ours.state_dict()), dict(plain.state_dict()))


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("patience", [0, 1, 2])
def test_the_rate_falls_when_patience_is_spent(higher: bool, patience: int) -> None:
    generator = torch.Generator().manual_seed(patience)
    values = torch.randint(6, (40,), generator=generator).tolist()  # with ties
    settings = TrainingSettings(**PLATEAU, learning_rate=1.0, lr_patience=patience)
    optimizer = settings.make_optimizer([nn.Parameter(torch.ones(1))])
    scheduler = settings.make_scheduler(optimizer, higher)
    found = [optimizer.param_groups[0]["lr"]]
    for value in values:
        optimizer.step()
        scheduler.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == rates_of(values, higher, patience)
    assert len(set(found)) > 3


def test_the_rate_falls_after_shares_and_after_numbers_of_epochs() -> None:
    def falls(epochs: int, *steps: float) -> list[int]:
        settings = TrainingSettings(epochs=epochs, lr_steps=steps)
        optimizer = settings.make_optimizer([nn.Parameter(torch.zeros(1))])
        scheduler, rates = settings.make_scheduler(optimizer), []
        for _ in range(epochs):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return [e for e in range(1, epochs) if rates[e] != rates[e - 1]]

    assert falls(30, 0.5, 2 / 3) == [15, 20]
    assert falls(30, 20) == falls(30, 20.0) == [20]
    assert falls(15, 20) == []  # as the paper's runs of 150 epochs never reach its 200
    assert falls(30, 0.5, 20) == [15, 20]


def test_a_run_follows_its_validation_metric_and_resumes_exactly(tmp_path) -> None:
    settings = TrainingSettings(**PLATEAU, epochs=8, learning_rate=0.02, lr_patience=0)
    ends = []
    for name, stops in (("whole", [None]), ("parts", [2, 3, 6, None])):
        torch.manual_seed(1)
        for seed, stop in enumerate(stops):
            model = student(seed=seed)
            fit(
                JointTraining(model, TASK),
                make_loader(SPLITS.train, 16, shuffle=True, seed=3),
                make_loader(SPLITS.val, 64, shuffle=False),
                settings,
                folder=tmp_path / name,
                resume=True,
                stop_after=stop,
            )
        lines = Run(tmp_path / name).epochs
        values = [line["val"]["accuracy"]["fused"] for line in lines]
        rates = [line["learning_rate"] for line in lines]
        assert rates == [0.02 * rate for rate in rates_of(values, True, 0)[:-1]]
        assert rates[-1] < rates[0]
        ends.append((rates, torch.load(tmp_path / name / "last.ckpt", weights_only=True)["model"]))
    (rates, weights), (again, resumed) = ends
    assert rates == again
    assert all(torch.equal(weights[key], resumed[key]) for key in weights)


@pytest.mark.parametrize(
    ("change", "word"), [({"lr_factor": 1.0}, "below 1"), ({"lr_patience": -1}, "lr_patience")]
)
def test_what_cannot_be_is_refused(change: dict[str, float], word: str) -> None:
    with pytest.raises(UserError, match=word):
        TrainingSettings(**{**PLATEAU, **change})


@pytest.mark.parametrize(
    ("info", "precision", "warned"),
    [
        ("processor : 0\nflags\t\t: fpu sse2 avx2 avx512f\n", "bf16", True),
        ("processor : 0\nflags\t\t: fpu sse2 avx2 avx512f\n", "32", False),
        ("processor : 0\nflags\t\t: fpu avx512_bf16\n", "bf16", False),
        ("processor : 0\nflags\t\t: fpu amx_bf16 amx_tile\n", "bf16", False),
        ("processor : 0\nFeatures\t: fp asimd bf16\n", "bf16", False),  # of ARM
        (None, "bf16", False),  # of macOS, which has no such file
    ],
)
def test_bf16_without_instructions_for_it_is_warned_of(
    info: str | None,
    precision: str,
    warned: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(bf16, "CPU_INFO", tmp_path / "cpuinfo")
    if info is not None:
        (tmp_path / "cpuinfo").write_text(info)
    with caplog.at_level(logging.WARNING):
        TrainingSettings(precision=precision, accelerator="cpu").make_fabric()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warned
    assert all("no instructions for it" in line and "slower than with 32" in line for line in said)
