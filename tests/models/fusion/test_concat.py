"""Concatenation against one linear layer over the joined features, and against late fusion."""

from __future__ import annotations

import math

import pytest
import torch

from g2d.errors import UserError
from g2d.models.fusion import ConcatFusion, LateFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}


def features_for(widths: dict[str, int], batch: int = 3) -> dict[str, torch.Tensor]:
    return {name: torch.randn(batch, width) for name, width in widths.items()}


@pytest.mark.parametrize("k", [2, 3])
def test_is_one_linear_layer_over_all_features(k: int) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    fusion, features = ConcatFusion(widths, outputs=5), features_for(widths)
    torch.nn.init.normal_(fusion.head.bias)
    logits, said = fusion(features)
    torch.testing.assert_close(logits, fusion.head(torch.cat(list(features.values()), dim=1)))
    torch.testing.assert_close(logits, sum(said.values()))
    offset = 0
    for name, width in widths.items():
        weight = fusion.head.weight[:, offset : offset + width]
        torch.testing.assert_close(said[name], features[name] @ weight.T + fusion.head.bias / k)
        offset += width


@pytest.mark.parametrize("k", [2, 3])
def test_is_late_fusion_after_mapping_the_weights(k: int) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    late, fusion, features = LateFusion(widths, 5), ConcatFusion(widths, 5), features_for(widths)
    heads = list(late.heads.values())
    for head in heads:
        torch.nn.init.normal_(head.bias)
    with torch.no_grad():
        fusion.head.weight.copy_(torch.cat([head.weight for head in heads], dim=1) / k)
        fusion.head.bias.copy_(torch.stack([head.bias for head in heads]).mean(dim=0))
    torch.testing.assert_close(fusion(features)[0], late(features)[0])


def test_starts_as_in_the_paper() -> None:
    torch.manual_seed(0)
    fusion = ConcatFusion({"north": 512, "south": 256}, outputs=100)
    assert fusion.head.weight.std().item() == pytest.approx(math.sqrt(2 / (768 + 100)), rel=0.03)
    assert (fusion.head.bias == 0).all()
    assert sum(p.numel() for p in fusion.parameters()) == 768 * 100 + 100


def test_zeros_stand_in_for_the_absent() -> None:
    torch.manual_seed(0)
    fusion, features = ConcatFusion(WIDTHS, outputs=5), features_for(WIDTHS)
    logits, said = fusion(features, {"south": torch.tensor([True, False, True])})
    features["south"][1] = 0
    expected, expected_said = fusion(features)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(said["south"], expected_said["south"])


def test_a_learned_vector_stands_in_for_the_absent() -> None:
    torch.manual_seed(0)
    fusion, features = ConcatFusion(WIDTHS, outputs=5, absent="learned"), features_for(WIDTHS)
    assert fusion.absent is not None
    assert (fusion.absent == 0).all()
    torch.nn.init.normal_(fusion.absent)
    logits, _ = fusion(features, {"south": torch.tensor([True, False, True])})
    replaced = {**features, "south": features["south"].clone()}
    replaced["south"][1] = fusion.absent[8:20].detach()
    torch.testing.assert_close(logits, fusion(replaced)[0])
    logits.sum().backward()
    assert fusion.absent.grad is not None
    learned = fusion.absent.grad != 0
    assert learned[8:20].all()
    assert not learned[:8].any()
    assert not learned[20:].any()


def test_refuses_another_stand_in() -> None:
    with pytest.raises(UserError, match="absent: expected zero or learned, got 'mean'"):
        ConcatFusion(WIDTHS, 5, absent="mean")  # type: ignore[arg-type]


def test_has_no_head_of_one_modality() -> None:
    with pytest.raises(UserError, match="ConcatFusion has no head of its own for 'south'"):
        ConcatFusion(WIDTHS, 5).head_parameters_of("south")
