"""Cross-attention against its equations, with the softmax written out."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion import CrossAttentionFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}
HEADS, WIDTH = 4, 12


def layer_norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    var, mean = torch.var_mean(x, dim=-1, unbiased=False, keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt() * norm.weight + norm.bias


def attend(attention: nn.MultiheadAttention, queries: Tensor, keys: Tensor) -> Tensor:
    """One sample `(N, d)` to another `(M, d)`, head by head."""
    projected = []
    for part, tokens in enumerate((queries, keys, keys)):
        rows = slice(part * WIDTH, (part + 1) * WIDTH)
        projected.append(tokens @ attention.in_proj_weight[rows].T + attention.in_proj_bias[rows])
    query, key, value = projected
    size, found = WIDTH // HEADS, []
    for head in range(HEADS):
        columns = slice(head * size, (head + 1) * size)
        weights = torch.exp(query[:, columns] @ key[:, columns].T / math.sqrt(size))
        found.append(weights / weights.sum(dim=1, keepdim=True) @ value[:, columns])
    return torch.cat(found, dim=1) @ attention.out_proj.weight.T + attention.out_proj.bias


def from_equation(
    fusion: CrossAttentionFusion, sample: dict[str, Tensor], there: set[str]
) -> Tensor:
    """The logits of one sample `(N_m, d_m)`, of which only some modalities are there."""
    tokens = {}
    for name, own in sample.items():
        if name in fusion.projections:
            linear = fusion.projections[name]
            own = own @ linear.weight.T + linear.bias
        tokens[name] = own
    united = []
    for query in fusion.widths:
        if query not in there:
            united.append(torch.zeros(WIDTH))
            continue
        found = tokens[query]
        for key in fusion.widths:
            if key != query and key in there:
                block = fusion.attention[query][key]
                if fusion.needs_tokens:
                    found = found + attend(block.attention, tokens[query], tokens[key])
                else:
                    value = block.value.weight @ tokens[key][0] + block.value.bias
                    found = found + block.out.weight @ value + block.out.bias
        united.append(layer_norm(fusion.norms[query], found).mean(dim=0))
    unified = fusion.unite.weight @ torch.cat(united) + fusion.unite.bias
    return fusion.head.weight @ unified + fusion.head.bias


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("tokens", ["pooled", "sequence"])
@pytest.mark.parametrize("training", [True, False])
def test_equals_its_equation(k: int, tokens: str, training: bool) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    fusion = CrossAttentionFusion(widths, 5, tokens=tokens, heads=HEADS)  # type: ignore[arg-type]
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.3)
    lengths = {"north": 5, "south": 3, "east": 2} if tokens == "sequence" else {}
    features = {name: torch.randn(4, lengths.get(name, 1), width) for name, width in widths.items()}
    given = features if lengths else {name: f.squeeze(1) for name, f in features.items()}
    present = {
        "north": torch.tensor([True, False, True, False]),
        "south": torch.tensor([True, True, False, False]),
    }
    fusion.train(training)
    logits, masked = fusion(given)[0], fusion(given, present)[0]
    for i in range(4):
        sample = {name: feature[i] for name, feature in features.items()}
        there = {name for name in widths if name not in present or present[name][i]}
        expected = from_equation(fusion, sample, set(widths))
        torch.testing.assert_close(logits[i], expected, rtol=1e-4, atol=1e-5)
        expected = from_equation(fusion, sample, there)
        torch.testing.assert_close(masked[i], expected, rtol=1e-4, atol=1e-5)


LENGTHS = {"north": 5, "south": 3, "east": 2}
# How many of these tokens are none of padding, in four samples.
FILLED = {"north": [5, 2, 0, 1], "south": [1, 3, 2, 0], "east": [2, 2, 2, 2]}


def padded_case() -> tuple[CrossAttentionFusion, dict[str, Tensor]]:
    """North and south come padded with zeros, east is never padded."""
    torch.manual_seed(0)
    fusion = CrossAttentionFusion(WIDTHS, 5, tokens="sequence", heads=HEADS)
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.3)
    fusion.expect_padding({"north", "south"})
    features = {name: torch.randn(4, LENGTHS[name], width) for name, width in WIDTHS.items()}
    for name, lengths in FILLED.items():
        for row, length in enumerate(lengths):
            features[name][row, length:] = 0
    return fusion, features


@pytest.mark.parametrize("training", [True, False])
def test_padding_is_as_if_it_were_not_there(training: bool) -> None:
    fusion, features = padded_case()
    present = {"north": torch.tensor([True, False, True, True])}
    logits = fusion.train(training)(features)[0]
    masked = fusion(features, present)[0]
    for i in range(4):
        cut = {name: feature[i, : FILLED[name][i]] for name, feature in features.items()}
        there = {name for name in WIDTHS if FILLED[name][i]}
        torch.testing.assert_close(
            logits[i], from_equation(fusion, cut, there), rtol=1e-4, atol=1e-5
        )
        there -= {"north"} if i == 1 else set()
        torch.testing.assert_close(
            masked[i], from_equation(fusion, cut, there), rtol=1e-4, atol=1e-5
        )


def test_zero_tokens_of_an_encoder_that_does_not_pad_are_tokens() -> None:
    fusion, features = padded_case()
    fusion.expect_padding(set())
    logits = fusion(features)[0]
    for i in range(4):
        sample = {name: feature[i] for name, feature in features.items()}
        expected = from_equation(fusion, sample, set(WIDTHS))
        torch.testing.assert_close(logits[i], expected, rtol=1e-4, atol=1e-5)


def test_expecting_padding_changes_nothing_where_there_is_none() -> None:
    fusion, features = padded_case()
    features = {name: torch.randn_like(feature) for name, feature in features.items()}
    expected = fusion.eval()(features)[0]
    fusion.expect_padding(set())
    torch.testing.assert_close(fusion(features)[0], expected)


def test_nothing_but_padding_stays_finite_and_gets_no_gradient() -> None:
    fusion, features = padded_case()
    features = {name: torch.zeros_like(f).requires_grad_() for name, f in features.items()}
    fusion.expect_padding(WIDTHS)
    logits, _ = fusion(features)
    logits.square().sum().backward()
    assert logits.isfinite().all()
    for feature in features.values():
        assert feature.grad is not None
        assert (feature.grad == 0).all()
    for parameter in fusion.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@settings(max_examples=20, deadline=None)
@given(more=st.fixed_dictionaries({"north": st.integers(0, 4), "south": st.integers(0, 4)}))
def test_more_padding_changes_no_prediction_and_no_mean(more: dict[str, int]) -> None:
    fusion, features = padded_case()
    longer = {
        name: F.pad(feature, (0, 0, 0, more.get(name, 0))) for name, feature in features.items()
    }
    twin, _ = padded_case()
    for one, given_features in ((fusion, features), (twin, longer)):
        one.train()(given_features)
    for name, mean in fusion.means.read().items():
        torch.testing.assert_close(mean, twin.means.read()[name])
    (expected, alone), (logits, again) = fusion.eval()(features), twin.eval()(longer)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    for name, value in alone.items():
        torch.testing.assert_close(again[name], value, rtol=1e-4, atol=1e-5)


def test_attention_to_one_token_does_not_depend_on_the_question() -> None:
    torch.manual_seed(0)
    block = CrossAttentionFusion({"north": 8, "south": 8}, 5).attention["north"]["south"]
    full = nn.MultiheadAttention(8, 4, batch_first=True)
    nn.init.normal_(full.in_proj_weight)  # any keys and queries
    with torch.no_grad():
        full.in_proj_weight[16:] = block.value.weight
        full.in_proj_bias[16:] = block.value.bias
    full.out_proj.load_state_dict(block.out.state_dict())
    token = torch.randn(3, 1, 8)
    for _ in range(3):
        question = torch.randn(3, 1, 8)
        found, weights = full(question, token, token)
        assert (weights == 1).all()
        torch.testing.assert_close(found, block(question, token))


@pytest.mark.parametrize(("k", "blocks"), [(2, 2), (3, 6)])
def test_every_ordered_pair_has_its_own_block(k: int, blocks: int) -> None:
    widths = dict.fromkeys(["north", "south", "east"][:k], 16)
    fusion = CrossAttentionFusion(widths, 5, tokens="sequence")
    attention = [part for part in fusion.modules() if isinstance(part, nn.MultiheadAttention)]
    assert len(attention) == blocks
    assert (
        len({id(parameter) for block in attention for parameter in block.parameters()})
        == 4 * blocks
    )
    for one in attention[1:]:
        assert not torch.equal(one.in_proj_weight, attention[0].in_proj_weight)


def test_projects_other_widths_only() -> None:
    fusion = CrossAttentionFusion({"north": 8, "south": 12, "east": 12}, 5)
    assert list(fusion.projections) == ["north"]
    assert fusion.head.in_features == 12
    assert list(CrossAttentionFusion({"north": 8, "south": 8}, 5).projections) == []
    assert list(CrossAttentionFusion({"north": 8, "south": 8}, 5, width=6).projections) == [
        "north",
        "south",
    ]


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(UserError, match="tokens: expected pooled or sequence, got 'all'"):
        CrossAttentionFusion(WIDTHS, 5, tokens="all")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="got 5 heads for width 12, expected a number that divides"):
        CrossAttentionFusion(WIDTHS, 5, tokens="sequence", heads=5)
