"""Gated fusion against its equations, sample by sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.models.fusion import BiGatedFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}


def from_equation(fusion: BiGatedFusion, sample: dict[str, Tensor], there: set[str]) -> Tensor:
    """The logits of one sample, of which only some modalities are there."""
    hidden = {}
    for name in fusion.widths:
        linear = fusion.projections[name]
        hidden[name] = linear.weight @ sample[name] + linear.bias
    first, *others = fusion.widths
    fused = torch.zeros_like(hidden[first])
    if fusion.mode == "official":
        for name in others:
            if name in there:
                gate = torch.sigmoid(hidden[first]) if first in there else 1
                fused = fused + gate * hidden[name]
    else:
        for name in there:
            term = hidden[name]
            for other in there - {name}:
                term = term / (1 + torch.exp(-hidden[other]))
            fused = fused + term
    return fusion.head.weight @ fused + fusion.head.bias


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("mode", ["symmetric", "official"])
def test_equals_its_equation(k: int, mode: str) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    fusion = BiGatedFusion(widths, 5, mode=mode, width=7)  # type: ignore[arg-type]
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    features = {name: torch.randn(4, width) for name, width in widths.items()}
    present = {
        "north": torch.tensor([True, False, True, False]),
        "south": torch.tensor([True, True, False, False]),
    }
    logits = fusion(features)[0]
    masked = fusion(features, present)[0]
    for i in range(4):
        sample = {name: feature[i] for name, feature in features.items()}
        there = {name for name in widths if name not in present or present[name][i]}
        torch.testing.assert_close(logits[i], from_equation(fusion, sample, set(widths)))
        torch.testing.assert_close(masked[i], from_equation(fusion, sample, there))


def test_has_the_parameters_of_the_official_layer() -> None:
    fusion = BiGatedFusion({"north": 512, "south": 512}, outputs=6, mode="official")
    assert sum(p.numel() for p in fusion.parameters()) == 2 * (512 * 512 + 512) + 512 * 6 + 6


def test_refuses_an_unknown_mode() -> None:
    with pytest.raises(UserError, match="mode: expected symmetric or official, got 'both'"):
        BiGatedFusion(WIDTHS, 5, mode="both")  # type: ignore[arg-type]
