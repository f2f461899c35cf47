"""Modulated features: in training only, unseen by the unimodal logits and the mean features."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.models.encoders import Transformer
from g2d.models.fusion import (
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    LateFusion,
    SumFusion,
    UnimodalHeads,
)
from g2d.models.readout import fit_readout
from g2d.student import Student

WIDTHS = {"north": 4, "south": 6}


def samples(**present: list[bool]) -> g2d.Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = {name: torch.randn(3, 3, generator=generator) for name in WIDTHS}
    there = {name: torch.tensor(mask) for name, mask in present.items()}
    return g2d.Batch(inputs, torch.tensor([0, 1, 0]), torch.arange(3), there)


def model_of(kind: type[Fusion]) -> g2d.MultimodalModel:
    torch.manual_seed(1)
    encoders = {name: nn.Linear(3, width) for name, width in WIDTHS.items()}
    return g2d.MultimodalModel(encoders, kind(WIDTHS, outputs=2))


def halves(widths: Mapping[str, int], size: int, present: object = None) -> dict[str, Tensor]:
    """Halves the feature of the first modality."""
    return {"north": torch.full((size, 1), 0.5)}


def halved(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {**features, "north": features["north"] / 2}


def modulated(kind: type[Fusion]) -> tuple[Student, g2d.MultimodalModel, g2d.MultimodalModel]:
    """A student whose features are halved, its model, and the same model without."""
    model = model_of(kind)
    student = g2d.attach(model)
    student.modulate(halves)
    return student, model, model_of(kind)


@pytest.mark.parametrize("kind", [LateFusion, SumFusion, FiLMFusion])
def test_changed_features_are_fused_in_training_only(kind: type[Fusion]) -> None:
    student, model, plain = modulated(kind)
    data = samples()
    expected = plain.fusion(halved(plain(data).features))[0]
    assert torch.equal(model(data).logits, expected)
    assert not torch.equal(expected, plain(data).logits)
    assert torch.equal(model(data).features["north"], plain(data).features["north"])
    student.modulate(None)
    assert torch.equal(model(data).logits, plain(data).logits)
    student.modulate(halves)
    model.eval()
    assert torch.equal(model(data).logits, plain.fusion(plain(data).features)[0])


def test_a_copy_of_the_model_fuses_its_features_as_they_are() -> None:
    """As an average of weights does, whose batches are not those of the method."""
    _, model, plain = modulated(FiLMFusion)
    data = samples()
    assert torch.equal(copy.deepcopy(model)(data).logits, plain(data).logits)


def test_unimodal_logits_are_of_the_features_as_they_are() -> None:
    _, model, plain = modulated(SumFusion)
    data = samples()
    for name, logits in model(data).unimodal.items():
        assert torch.equal(logits, plain(data).unimodal[name])


@pytest.mark.parametrize("kind", [LateFusion, FiLMFusion])
def test_heads_beside_a_fusion_read_the_features_as_they_are(kind: type[Fusion]) -> None:
    model = model_of(kind)
    student = g2d.attach(model)
    student.need_unimodal_logits(2, own=True)
    student.modulate(halves)
    assert isinstance(model.fusion, UnimodalHeads)
    outputs = model(samples())
    for name, logits in outputs.unimodal.items():
        torch.testing.assert_close(logits, model.fusion.heads[name](outputs.features[name]))
    expected = model.fusion.fusion.eval()(halved(outputs.features))[0]
    torch.testing.assert_close(outputs.logits, expected)


def test_the_mean_features_are_of_the_features_as_they_are() -> None:
    _, model, plain = modulated(FiLMFusion)
    data = samples(south=[True, False, True])
    model(data)
    given = plain(data).features
    means = model.fusion.means.read()
    torch.testing.assert_close(means["north"], given["north"].mean(dim=0))
    torch.testing.assert_close(means["south"], given["south"][[0, 2]].mean(dim=0))


def test_mean_features_are_followed_again_when_the_change_ends() -> None:
    student, model, plain = modulated(FiLMFusion)
    model(samples())
    student.modulate(None)
    model(samples())
    for _ in range(2):
        plain(samples())
    torch.testing.assert_close(model.fusion.means.read(), plain.fusion.means.read())
    assert torch.equal(model.fusion.means.counts, plain.fusion.means.counts)


@pytest.mark.parametrize("kind", [LateFusion, FiLMFusion])
def test_absent_values_do_not_get_through(kind: type[Fusion]) -> None:
    _, model, _ = modulated(kind)
    data = samples(north=[True, False, True])
    features = model(data).features
    features["north"] = features["north"].detach().clone()
    features["north"][1] = torch.nan
    logits, _ = model.fusion(features, data.present)
    assert logits.isfinite().all()
    logits.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.fusion.parameters())


def test_tokens_of_a_modality_share_its_factor() -> None:
    torch.manual_seed(0)
    widths = dict.fromkeys(WIDTHS, 8)
    fusion = CrossAttentionFusion(widths, outputs=2, tokens="sequence", heads=2)
    encoders = {name: Transformer(3, width=8, heads=2, layers=1, dropout=0.0) for name in widths}
    model = g2d.MultimodalModel(encoders, fusion)
    half_of_them = torch.tensor([[1.0] * 4 + [0.0] * 4])
    g2d.attach(model).modulate(lambda widths, size, present: {"north": half_of_them})
    data = g2d.Batch(
        {name: torch.randn(3, 5, 3) for name in widths}, torch.zeros(3), torch.arange(3)
    )
    outputs = model(data)
    masked = outputs.fusion_inputs["north"].clone()
    masked[:, :, 4:] = 0.0
    expected = fusion.eval()({**outputs.fusion_inputs, "north": masked})[0]
    torch.testing.assert_close(outputs.logits, expected)


def test_exact_means_reach_the_fusion_inside() -> None:
    model = model_of(FiLMFusion)
    student = g2d.attach(model)
    student.need_unimodal_logits(2, detached=True)
    student.modulate(halves)
    data = samples()
    fit_readout(model, [data])
    expected = model.encoders["north"](data.inputs["north"]).mean(dim=0)
    torch.testing.assert_close(model.fusion.fusion.means.read()["north"], expected)
