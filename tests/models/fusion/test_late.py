"""Late fusion against its equation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from g2d.models.fusion import LateFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}


@pytest.mark.parametrize("k", [2, 3])
def test_equals_its_equation(k: int) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    fusion = LateFusion(widths, outputs=5)
    features = {name: torch.randn(3, width) for name, width in widths.items()}
    logits, unimodal = fusion(features)
    for i in range(3):
        total = torch.zeros(5)
        for name, feature in features.items():
            head = fusion.heads[name]
            said = torch.stack([row @ feature[i] for row in head.weight]) + head.bias
            torch.testing.assert_close(unimodal[name][i], said)
            total = total + said
        torch.testing.assert_close(logits[i], total / k)


def test_absent_modalities_are_left_out_of_the_mean() -> None:
    torch.manual_seed(0)
    fusion = LateFusion(WIDTHS, outputs=5)
    features = {name: torch.randn(3, width) for name, width in WIDTHS.items()}
    present = {
        "north": torch.tensor([True, False, False]),
        "east": torch.tensor([True, True, False]),
    }
    logits, said = fusion(features, present)
    everything = fusion(features)[1]
    torch.testing.assert_close(logits[0], sum(everything.values())[0] / 3)
    torch.testing.assert_close(logits[1], (everything["south"] + everything["east"])[1] / 2)
    torch.testing.assert_close(logits[2], everything["south"][2])
    assert (said["north"][1:] == 0).all()
    nothing = {name: torch.zeros(3, dtype=torch.bool) for name in WIDTHS}
    assert (fusion(features, nothing)[0] == 0).all()


def test_starts_as_in_the_paper() -> None:
    torch.manual_seed(0)
    fusion = LateFusion({"north": 512, "south": 256}, outputs=100)
    for name, width in fusion.widths.items():
        head = fusion.heads[name]
        assert isinstance(head, nn.Linear)
        assert head.weight.std().item() == pytest.approx(math.sqrt(2 / (width + 100)), rel=0.03)
        assert (head.bias == 0).all()


def test_every_head_serves_its_modality() -> None:
    fusion = LateFusion(WIDTHS, outputs=5)
    assert [tuple(p.shape) for p in fusion.head_parameters_of("south")] == [(5, 12), (5,)]
