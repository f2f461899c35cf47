"""MMCosine against its equation, and what the lengths of features no longer do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.methods.mmcosine import MMCosine
from g2d.models.fusion import BiGatedFusion, ConcatFusion, Fusion, SumFusion
from methods.small import NAMES, TASKS, WIDTHS, batch, sgd, step, student
from reference import mmcosine as paper

CLASSES = TASKS["classification"]


def started(k: int, scale: float) -> tuple[MMCosine, g2d.MultimodalModel]:
    torch.manual_seed(5)  # no feature comes near length 0, where rounding decides its direction
    widths = {name: 2 + i for i, name in enumerate(NAMES[:k])}
    encoders = {name: nn.Linear(6, width) for name, width in widths.items()}
    model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, 4))
    return MMCosine(model, CLASSES, scale=scale), model


def samples(k: int, seed: int) -> g2d.Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(5, 6, generator=generator) for name in NAMES[:k]}
    target = torch.randint(4, (5,), generator=generator)
    return g2d.Batch(inputs, target, torch.arange(5))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_equals_the_reference_over_several_steps(k: int, scale: float) -> None:
    method, model = started(k, scale)
    params: dict[str, Tensor] = {}
    for name in NAMES[:k]:
        for part, value in model.encoders[name].state_dict().items():
            params[f"encoder.{name}.{part}"] = value.clone()
        params[f"classes.{name}"] = model.fusion.heads[name].weight.detach().clone()
    batches = [samples(k, seed) for seed in range(6)]
    expected, last = paper.train(
        params, [(b.inputs, b.target.tolist()) for b in batches], scale, rate=0.05
    )
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.05)
    losses = [float(step(method, optimizer, data)) for data in batches]
    assert losses == pytest.approx(expected, rel=1e-5)
    for name in NAMES[:k]:
        found = model.fusion.heads[name].weight
        torch.testing.assert_close(found.double(), last[f"classes.{name}"], rtol=1e-4, atol=1e-6)
        encoder = model.encoders[name].weight.double()
        torch.testing.assert_close(encoder, last[f"encoder.{name}.weight"], rtol=1e-4, atol=1e-6)


def test_a_louder_modality_changes_neither_loss_nor_direction() -> None:
    """Its gradient shrinks as its feature grows; the other's stays as it is."""
    gradients = []
    for loudness in (1.0, 50.0):
        method, model = started(2, 10.0)
        with torch.no_grad():
            for parameter in model.encoders["sound"].parameters():
                parameter.mul_(loudness)
        data = samples(2, 0)
        method.loss(model(data), data).backward()
        gradients.append({n: e.weight.grad.clone() for n, e in model.encoders.items()})
    torch.testing.assert_close(gradients[1]["image"], gradients[0]["image"])
    torch.testing.assert_close(gradients[1]["sound"] * 50, gradients[0]["sound"])


def test_the_scale_bounds_the_logits_and_reaches_the_model() -> None:
    _, model = started(3, 2.0)
    outputs = model(samples(3, 0))
    assert outputs.logits.abs().max() <= 6.0
    assert all(value.abs().max() <= 2.0 for value in outputs.unimodal.values())
    torch.testing.assert_close(outputs.logits, sum(outputs.unimodal.values()))


def test_trains_labels_and_missing_modalities() -> None:
    task, names = TASKS["multilabel"], NAMES[:3]
    model = student(names, task.outputs)
    method = MMCosine(model, task)
    optimizer = sgd(model)
    losses = [float(step(method, optimizer, batch(names, task, missing=True))) for _ in range(30)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("fusion", [g2d.LateFusion, SumFusion, ConcatFusion])
def test_is_the_same_classifier_for_every_sum(fusion: type[Fusion]) -> None:
    model = student(tuple(WIDTHS), 4, fusion)
    MMCosine(model, CLASSES, scale=3.0)
    shapes = {key: tuple(value.shape) for key, value in model.fusion.state_dict().items()}
    assert shapes == {f"heads.{name}.weight": (4, width) for name, width in WIDTHS.items()}


def test_refuses_what_it_is_not_defined_for() -> None:
    with pytest.raises(g2d.UserError, match="BiGatedFusion mixes"):
        MMCosine(student(NAMES[:2], 4, BiGatedFusion), CLASSES)
    for scale in (0.0, -1.0):
        with pytest.raises(g2d.UserError, match="scale must be above 0"):
            MMCosine(student(NAMES[:2], 4), CLASSES, scale=scale)
    with pytest.raises(g2d.UserError, match="is defined for Classification and MultiLabel"):
        MMCosine(student(NAMES[:2], 1), TASKS["regression"])
