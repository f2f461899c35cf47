"""Gates in front of a fusion: whom they listen to, and when they are the mean ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.methods.heads.greedy import CrossGates
from g2d.models.fusion import CrossAttentionFusion, LateFusion

WIDTHS = {"north": 4, "south": 6}


def features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, width, generator=generator) for name, width in WIDTHS.items()}


def gated() -> CrossGates:
    torch.manual_seed(0)
    return CrossGates(LateFusion(WIDTHS, outputs=2))


def test_a_modality_is_gated_by_what_the_others_say() -> None:
    fusion, given = gated(), features()
    _, said = fusion(given)
    _, other = fusion({**given, "south": given["south"] + 1})
    assert not torch.equal(said["north"], other["north"])


def test_with_a_mean_gate_the_others_are_not_heard_and_in_evaluation_they_are() -> None:
    fusion, given = gated(), features()
    fusion.means = {name: torch.full((width,), 0.25) for name, width in WIDTHS.items()}
    fusion.averaged = {"north": torch.tensor(True), "south": torch.tensor(False)}
    _, said = fusion(given)
    head = fusion.fusion.heads["north"]
    torch.testing.assert_close(said["north"], head(given["north"] / 4))
    assert torch.equal(fusion.eval()(given)[1]["south"], said["south"])
    assert not torch.equal(fusion(given)[1]["north"], said["north"])


def test_gates_are_noted_in_training_over_those_who_are_there() -> None:
    fusion, given = gated(), features()
    given["south"][1] = torch.nan
    logits, _ = fusion(given, {"south": torch.tensor([True, False, True])})
    assert logits.isfinite().all()
    given["south"][1] = 0.0
    gates = fusion.gates(given)
    total, count = fusion.seen["south"]
    assert count == 2
    torch.testing.assert_close(total, gates["south"][[0, 2]].sum(dim=0).detach())
    fusion.seen = {}
    fusion.eval()(given)
    assert not fusion.seen


def test_the_order_of_declaration_does_not_matter() -> None:
    fusion, given = gated(), features()
    turned = CrossGates(LateFusion(dict(reversed(WIDTHS.items())), outputs=2))
    turned.load_state_dict(fusion.state_dict())
    torch.testing.assert_close(turned(dict(reversed(given.items())))[0], fusion(given)[0])


def test_tokens_are_gated_alike() -> None:
    widths = dict.fromkeys(WIDTHS, 8)
    fusion = CrossGates(CrossAttentionFusion(widths, outputs=2, tokens="sequence"))
    assert fusion.needs_tokens
    tokens = {name: torch.randn(3, 5, 8) for name in widths}
    pooled = {name: value.mean(dim=1) for name, value in tokens.items()}
    gates = fusion.gates(tokens)
    torch.testing.assert_close(gates["north"], fusion.gates(pooled)["north"])
    inner = {name: value * gates[name][:, None] for name, value in tokens.items()}
    torch.testing.assert_close(fusion(tokens)[0], fusion.fusion(inner)[0])


def test_whose_parameters_are_whose() -> None:
    fusion = gated()
    assert len(fusion.gate_parameters_of("north")) == 4
    assert fusion.head_parameters_of("north") == fusion.fusion.head_parameters_of("north")


def test_a_hidden_layer_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="reduction"):
        CrossGates(LateFusion(WIDTHS, outputs=2), reduction=30)
