"""The preset `released` takes the steps of the released code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

import g2d
from g2d.errors import UserError
from g2d.models.fusion import BiGatedFusion
from g2d.recipes.build import build_student
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe
from methods.small import bank, student
from reference.g2d_released import AUDIO, VIDEO, Released

TASK = g2d.Classification(5)
WIDTH, EPOCHS, BATCHES = 6, 4, 5
# In a recipe, with the direction of the release: audio conditions and gates video.
FUSIONS = {
    "late": "late",
    "sum": "sum",
    "concat": "concat",
    "film": {"name": "film", "target": VIDEO},
    "gated": {"name": "bigated", "mode": "official", "gate": AUDIO},
}
SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.02}


class Convolutions(nn.Sequential):
    """Two convolutions with batch norm, as deep as the step needs."""

    feature_width = WIDTH

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, WIDTH, 2, bias=False),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs).mean(dim=(2, 3))


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def recipe(fusion: object, **method: object) -> Recipe:
    encoder = f"{Convolutions.__module__}.Convolutions"
    # video is declared first: the direction of a fusion does not come from the order
    encoders = {VIDEO: encoder, AUDIO: encoder}
    training = {"epochs": EPOCHS, "batch_size": 8}
    return Recipe("avdigits", encoders, fusion, {"name": "g2d", **method}, training)  # type: ignore[arg-type]


def teachers() -> g2d.OnlineTeachers:
    torch.manual_seed(1)
    models = {}
    for name in (VIDEO, AUDIO):
        model = g2d.UnimodalModel(name, Convolutions(), WIDTH, TASK.outputs)
        with torch.no_grad():
            model.head.weight.mul_(4)  # opinions that differ, so that the ranking flips
            for inputs, target in data(3):
                model(g2d.Batch(inputs, target, torch.arange(len(target))))
        models[name] = model.eval()
    return g2d.OnlineTeachers(models, TASK)


def data(count: int, seed: int = 0) -> list[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            {name: torch.randn(8, 1, 6, 6, generator=generator) for name in (VIDEO, AUDIO)},
            torch.randint(TASK.outputs, (8,), generator=generator),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_its_steps_are_those_of_the_released_code(fusion: str) -> None:
    made = recipe(FUSIONS[fusion], preset="released")
    bank = teachers()
    torch.manual_seed(0)
    model = build_student(made, (VIDEO, AUDIO), TASK).train()
    reference = Released(
        fusion,
        {key: value.detach().clone() for key, value in model.named_parameters()},
        {name: dict(of.state_dict()) for name, of in bank.models.items()},
        last=EPOCHS // 2,  # half of the epochs, and the end of the window belongs to it
        rate=SGD["lr"],
        momentum=SGD["momentum"],
        decay=SGD["weight_decay"],
    )
    plan = plan_method(made, (VIDEO, AUDIO), EPOCHS)
    assert plan.options["schedule"] == [EPOCHS // 2 + 1, EPOCHS // 2 - 1]
    method = plan.make(model, TASK, bank, None)
    optimizer = torch.optim.SGD(method.parameter_groups(), **SGD)
    method.on_fit_start(g2d.Loop(optimizer, epochs=EPOCHS))
    begun = {key: value.detach().clone() for key, value in model.named_parameters()}
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)
        for inputs, target in data(BATCHES, seed=epoch):
            loss = method.step(g2d.Batch(inputs, target, torch.arange(len(target))))
            expected = reference.step(epoch, inputs, target)
            assert loss.item() == pytest.approx(expected, rel=1e-13)
    for key, value in model.named_parameters():
        moved = (reference.params[key] - begun[key]).abs().max()
        apart = (reference.params[key] - value.detach()).abs().max()
        assert apart < 1e-14 * max(1.0, float(moved)), key
    # Every batch of the window was gated, and not always the same way, or this said little.
    assert len(reference.suppressed) == (EPOCHS // 2 + 1) * BATCHES
    assert set(reference.suppressed) == {AUDIO, VIDEO}


def test_the_paper_freezes_what_the_released_code_goes_on_moving() -> None:
    moved = {}
    for preset in ("paper", "released"):
        made = recipe("late", preset=preset, rank_by=[VIDEO, AUDIO])
        torch.manual_seed(0)
        model = build_student(made, (VIDEO, AUDIO), TASK).train()
        confidence = {VIDEO: 0.1, AUDIO: 0.9}  # video leads, audio is suppressed
        method = plan_method(made, (VIDEO, AUDIO), EPOCHS).make(model, TASK, teachers(), confidence)
        optimizer = torch.optim.SGD(method.parameter_groups(), **SGD)
        method.on_fit_start(g2d.Loop(optimizer, epochs=EPOCHS))
        before = {key: value.detach().clone() for key, value in model.named_parameters()}
        method.on_epoch_start(0)
        for inputs, target in data(2):
            method.step(g2d.Batch(inputs, target, torch.arange(len(target))))
        moved[preset] = {
            key.removeprefix(f"encoders.{AUDIO}.")
            for key, value in model.named_parameters()
            if key.startswith(f"encoders.{AUDIO}.") and not torch.equal(value, before[key])
        }
    # convolutions by weight decay, batch norm by its own gradients
    assert moved == {"paper": set(), "released": {"0.weight", "1.weight", "1.bias", "3.weight"}}


def test_an_encoder_without_convolutions_is_said_not_to_be_suppressed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.set_default_dtype(torch.float32)
    names = ("sound", "image")  # of the two, the second has a convolution
    model = student(names, TASK.outputs)
    method = g2d.G2D(model, TASK, bank(names, TASK), (1, 1), suppression="released")
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), lr=0.1), epochs=2))
    assert "the encoders of 'sound' have none" in caplog.text
    assert "image" not in caplog.text


def test_a_gate_is_a_modality_of_the_official_mode() -> None:
    widths = {VIDEO: 3, AUDIO: 3}
    for mode, gate in (("official", "smell"), ("symmetric", AUDIO)):
        with pytest.raises(UserError, match=f"got gate '{gate}' with mode '{mode}'"):
            BiGatedFusion(widths, 2, mode=mode, gate=gate)  # type: ignore[arg-type]
