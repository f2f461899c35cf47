"""Cosine fusion hears directions and no lengths."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from g2d.functional.predictions import direction
from g2d.methods.heads.mmcosine import CosineFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}


@pytest.mark.parametrize("k", [2, 3])
def test_is_the_scaled_sum_of_cosines(k: int) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    fusion = CosineFusion(widths, outputs=5, scale=7.0)
    features = {name: torch.randn(3, width) for name, width in widths.items()}
    logits, said = fusion(features)
    for name, value in said.items():
        weight = fusion.heads[name].weight
        expected = 7 * F.cosine_similarity(features[name][:, None], weight[None], dim=-1)
        torch.testing.assert_close(value, expected)
    torch.testing.assert_close(logits, sum(said.values()))


def test_absent_modalities_are_left_out_and_learn_nothing() -> None:
    torch.manual_seed(0)
    fusion = CosineFusion(WIDTHS, outputs=5)
    features = {name: torch.randn(2, width) for name, width in WIDTHS.items()}
    features["south"][1] = torch.nan
    features["south"].requires_grad_()
    logits, said = fusion(features, {"south": torch.tensor([True, False])})
    torch.testing.assert_close(logits[1], said["north"][1] + said["east"][1])
    assert (said["south"][1] == 0).all()
    logits.square().sum().backward()
    assert (features["south"].grad[1] == 0).all()
    assert all(p.grad.isfinite().all() for p in fusion.parameters())


def test_zeros_have_no_direction_and_a_finite_gradient() -> None:
    zeros = torch.zeros(2, 3, requires_grad=True)
    said = direction(zeros)
    assert (said == 0).all()
    said.sum().backward()
    assert zeros.grad.isfinite().all()
    assert zeros.grad.abs().max() <= 1


def test_every_head_serves_its_modality() -> None:
    fusion = CosineFusion(WIDTHS, outputs=5)
    assert [tuple(p.shape) for p in fusion.head_parameters_of("south")] == [(5, 12)]
