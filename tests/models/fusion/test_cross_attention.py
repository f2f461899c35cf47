"""Cross-attention against its equations, with the softmax written out."""

from __future__ import annotations

import math

import pytest
import torch
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
    with pytest.raises(UserError, match="got tokens='all', expected 'pooled' or 'sequence'"):
        CrossAttentionFusion(WIDTHS, 5, tokens="all")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="got 5 heads for width 12, expected a number that divides"):
        CrossAttentionFusion(WIDTHS, 5, tokens="sequence", heads=5)
