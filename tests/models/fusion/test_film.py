"""FiLM against its equation, sample by sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.models.fusion import FiLMFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}


def from_equation(fusion: FiLMFusion, sample: dict[str, Tensor], there: set[str]) -> Tensor:
    """The logits of one sample, of which only some modalities are there."""
    if fusion.projections:
        sample = {
            name: fusion.projections[name].weight @ feature + fusion.projections[name].bias
            for name, feature in sample.items()
        }
    width = len(sample[fusion.target])
    hidden = sample[fusion.target] if fusion.target in there else torch.zeros(width)
    for name in fusion.widths:
        if name == fusion.target or name not in there:
            continue
        linear = fusion.conditioners[name]
        both = linear.weight @ sample[name] + linear.bias
        scale, shift = both[:width], both[width:]
        hidden = hidden * ((1 + scale) if fusion.one_plus else scale) + shift
    return fusion.head.weight @ hidden + fusion.head.bias


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("target", [None, "north"])
@pytest.mark.parametrize("one_plus", [False, True])
@pytest.mark.parametrize("width", [None, 6])
def test_equals_its_equation(k: int, target: str | None, one_plus: bool, width: int | None) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    fusion = FiLMFusion(widths, 5, target=target, one_plus=one_plus, width=width)
    assert fusion.target == (target or list(widths)[-1])
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    features = {name: torch.randn(4, own) for name, own in widths.items()}
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
    fusion = FiLMFusion({"north": 512, "south": 512}, outputs=6)
    assert sum(p.numel() for p in fusion.parameters()) == 512 * 1024 + 1024 + 512 * 6 + 6


def test_with_a_width_everything_is_projected_to_it_first() -> None:
    fusion = FiLMFusion({"north": 1280, "south": 16}, outputs=1, width=256)
    projections = (1280 + 1) * 256 + (16 + 1) * 256
    assert sum(p.numel() for p in fusion.parameters()) == projections + 257 * 512 + 257


def test_one_plus_starts_from_the_target_alone() -> None:
    fusion = FiLMFusion({"north": 8, "south": 12}, 5, one_plus=True)
    torch.nn.init.zeros_(fusion.conditioners["north"].weight)
    features = {"north": torch.randn(3, 8), "south": torch.randn(3, 12)}
    torch.testing.assert_close(fusion(features)[0], fusion.head(features["south"]))


def test_refuses_an_unknown_target() -> None:
    with pytest.raises(UserError, match=r"got target 'west', expected one of \['north', 'south'"):
        FiLMFusion(WIDTHS, 5, target="west")
