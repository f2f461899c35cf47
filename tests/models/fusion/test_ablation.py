"""Mean-ablation: its definition, and what it is for a fusion that is a sum."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from g2d.models.fusion import (
    AblationFusion,
    BiGatedFusion,
    CrossAttentionFusion,
    FiLMFusion,
    LateFusion,
    mean_ablation,
)

WIDTHS = {"north": 8, "south": 12, "east": 4}


def some_features(batch: int = 4, length: int | None = None) -> dict[str, Tensor]:
    return {
        name: torch.randn((batch, width) if length is None else (batch, length, width)) + 1
        for name, width in WIDTHS.items()
    }


def some_means() -> dict[str, Tensor]:
    return {name: torch.randn(width) for name, width in WIDTHS.items()}


def test_for_a_sum_it_is_the_head_and_a_constant() -> None:
    torch.manual_seed(0)
    fusion, means, features = LateFusion(WIDTHS, 5), some_means(), some_features()

    def fuse(features: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        return fusion(features)[0]

    alone, heads = mean_ablation(fuse, features, means), fusion(features)[1]
    constants = {name: fusion.heads[name](mean) / 3 for name, mean in means.items()}
    for name in WIDTHS:
        others = sum(constant for other, constant in constants.items() if other != name)
        torch.testing.assert_close(alone[name], heads[name] / 3 + others)


def check(fusion: AblationFusion, length: int | None = None) -> None:
    """Unimodal logits are the prediction from one modality and the means of the others."""
    means, features = some_means(), some_features(length=length)
    fusion.set_means(means)
    unimodal = fusion.eval()(features)[1]
    for name in WIDTHS:
        replaced = {other: mean.expand(4, -1) for other, mean in means.items()}
        if length is not None:
            replaced = {other: mean.unsqueeze(1) for other, mean in replaced.items()}
        replaced[name] = features[name]
        torch.testing.assert_close(unimodal[name], fusion(replaced)[0])


def test_is_the_prediction_with_the_others_at_their_mean() -> None:
    torch.manual_seed(0)
    check(FiLMFusion(WIDTHS, 5))
    check(BiGatedFusion(WIDTHS, 5))
    check(CrossAttentionFusion(WIDTHS, 5))
    check(CrossAttentionFusion(WIDTHS, 5, tokens="sequence", heads=4), length=6)


def test_training_follows_the_mean_and_evaluation_does_not() -> None:
    torch.manual_seed(0)
    fusion, features = FiLMFusion(WIDTHS, 5), some_features()
    present = {"south": torch.tensor([True, False, False, True])}
    fusion(features, present)
    expected = {name: feature.mean(dim=0) for name, feature in features.items()}
    expected["south"] = features["south"][present["south"]].mean(dim=0)
    for _ in range(2):
        for name, mean in fusion.means.read().items():
            torch.testing.assert_close(mean, expected[name])
        fusion.eval()(some_features())


def test_where_a_modality_is_absent_its_read_out_is_a_constant() -> None:
    torch.manual_seed(0)
    fusion, features = CrossAttentionFusion(WIDTHS, 5).eval(), some_features()
    means = some_means()
    fusion.set_means(means)
    unimodal = fusion(features, {"south": torch.tensor([True, False, False, True])})[1]
    others = {name: mean[None] for name, mean in means.items()}
    without = fusion(others, {"south": torch.tensor([False])})[0][0]
    torch.testing.assert_close(unimodal["south"][1], without)
    torch.testing.assert_close(unimodal["south"][2], without)
    assert not torch.allclose(unimodal["south"][0], unimodal["south"][3])
    everyone = fusion(features)[1]
    torch.testing.assert_close(unimodal["north"], everyone["north"])
