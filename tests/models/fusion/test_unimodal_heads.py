"""Heads beside a fusion: they add unimodal logits and take nothing away."""

from __future__ import annotations

import pytest
import torch

from g2d.models.fusion import (
    ConcatFusion,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    LateFusion,
    UnimodalHeads,
)

WIDTHS = {"north": 4, "south": 6, "east": 5}


def features() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(3, width, generator=generator).requires_grad_()
        for name, width in WIDTHS.items()
    }


@pytest.mark.parametrize("inner", [LateFusion, ConcatFusion, FiLMFusion])
@pytest.mark.parametrize("training", [True, False])
def test_the_fused_logits_are_the_inner_fusions(inner: type[Fusion], training: bool) -> None:
    fusion = UnimodalHeads(inner(WIDTHS, outputs=2)).train(training)
    given = features()
    assert torch.equal(fusion(given)[0], fusion.fusion(given)[0])


def test_each_head_reads_its_own_modality() -> None:
    fusion, given = UnimodalHeads(FiLMFusion(WIDTHS, outputs=2)), features()
    _, said = fusion(given)
    for name in WIDTHS:
        head = fusion.heads[name]
        expected = torch.stack([head.weight @ row + head.bias for row in given[name]])
        torch.testing.assert_close(said[name], expected)
    said["south"].sum().backward()
    assert given["south"].grad is not None
    assert given["north"].grad is None


def test_detached_heads_learn_and_send_nothing_back() -> None:
    fusion, given = UnimodalHeads(FiLMFusion(WIDTHS, outputs=2), detached=True), features()
    _, said = fusion(given)
    said["south"].sum().backward()
    assert all(value.grad is None for value in given.values())
    assert fusion.heads["south"].weight.grad is not None


def test_detached_heads_leave_evaluation_as_it_is() -> None:
    fusion = UnimodalHeads(FiLMFusion(WIDTHS, outputs=2), detached=True).eval()
    said, own = fusion(features())[1], fusion.fusion(features())[1]
    assert said.keys() == own.keys()
    assert all(torch.equal(said[name], own[name]) for name in own)


def test_an_absent_modality_says_nothing() -> None:
    fusion, given = UnimodalHeads(LateFusion(WIDTHS, outputs=2)), features()
    present = {"east": torch.tensor([True, False, True])}
    given["east"] = given["east"].detach().clone()
    given["east"][1] = torch.nan
    said = fusion(given, present)[1]["east"]
    assert (said[1] == 0).all()
    assert (said[[0, 2]] != 0).all()


def test_tokens_are_averaged() -> None:
    widths = dict.fromkeys(WIDTHS, 8)
    fusion = UnimodalHeads(CrossAttentionFusion(widths, outputs=2, tokens="sequence"))
    assert fusion.needs_tokens
    tokens = {name: torch.randn(3, 5, 8) for name in widths}
    _, said = fusion(tokens)
    head = fusion.heads["east"]
    torch.testing.assert_close(said["east"], head(tokens["east"].mean(dim=1)))


def test_padding_is_no_token() -> None:
    widths = dict.fromkeys(WIDTHS, 8)
    fusion = UnimodalHeads(CrossAttentionFusion(widths, outputs=2, tokens="sequence"))
    fusion.expect_padding({"east"})
    tokens = {name: torch.randn(3, 5, 8) for name in widths}
    for name in ("east", "north"):
        tokens[name][1, 2:] = 0
    _, said = fusion(tokens)
    east, north = fusion.heads["east"], fusion.heads["north"]
    torch.testing.assert_close(said["east"][1], east(tokens["east"][1, :2].mean(dim=0)))
    torch.testing.assert_close(said["east"][0], east(tokens["east"][0].mean(dim=0)))
    torch.testing.assert_close(said["north"][1], north(tokens["north"][1].mean(dim=0)))
    assert fusion.fusion.padded == {"east"}


def test_a_branch_holds_both_heads() -> None:
    fusion = UnimodalHeads(LateFusion(WIDTHS, outputs=2))
    assert len(fusion.head_parameters_of("east")) == 4
