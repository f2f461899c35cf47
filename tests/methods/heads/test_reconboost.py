"""The boosted sum against its equation, and what of it is absent."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from g2d.errors import UserError
from g2d.methods.heads.reconboost import BoostedSum

WIDTHS = {"north": 8, "south": 12, "east": 8}
PRESENT = {
    "north": torch.tensor([True, False, False]),
    "east": torch.tensor([True, True, False]),
    "south": torch.tensor([True, True, False]),
}


def build(hidden: int = 6) -> BoostedSum:
    torch.manual_seed(1)
    fusion = BoostedSum(WIDTHS, 5, hidden)
    nn.init.constant_(fusion.rate, 1.5)
    return fusion


def features() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, width, generator=generator) for name, width in WIDTHS.items()}


@pytest.mark.parametrize("hidden", [6, 0])
@pytest.mark.parametrize("training", [True, False])
def test_equals_its_equation(hidden: int, training: bool) -> None:
    fusion, given = build(hidden).train(training), features()
    logits, unimodal = fusion(given, PRESENT)
    layers = [layer for layer in fusion.head if isinstance(layer, nn.Linear)]
    assert len(layers) == (2 if hidden else 1)
    for i in range(3):
        total = torch.zeros(5)
        for name in WIDTHS:
            row = given[name][i]
            if name == "south":
                row = fusion.adapters[name].weight @ row + fusion.adapters[name].bias
            for layer in layers[:-1]:
                row = (layer.weight @ row + layer.bias).clamp(min=0)
            row = layers[-1].weight @ row + layers[-1].bias
            if not PRESENT[name][i]:
                row = torch.zeros(5)
            torch.testing.assert_close(unimodal[name][i], row)
            total = total + row
        torch.testing.assert_close(logits[i], 1.5 * total)


def test_what_is_absent_is_not_read_and_learns_nothing() -> None:
    fusion, given = build(), features()
    for name, mask in PRESENT.items():
        given[name][~mask] = torch.nan
        given[name].requires_grad_()
    logits, _ = fusion(given, PRESENT)
    logits.square().sum().backward()
    for name, mask in PRESENT.items():
        gradient = given[name].grad
        assert gradient is not None
        assert gradient.isfinite().all()
        assert (gradient[~mask] == 0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in fusion.parameters())


def test_the_rate_begins_at_1_and_learns() -> None:
    fusion = BoostedSum(WIDTHS, 5)
    assert fusion.rate == 1
    fusion(features())[0].square().sum().backward()
    assert fusion.rate.grad != 0


def test_a_negative_width_is_refused() -> None:
    with pytest.raises(UserError, match="hidden must be 0 or more"):
        BoostedSum(WIDTHS, 5, hidden=-1)
