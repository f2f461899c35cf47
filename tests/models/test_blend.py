"""A blend says the weighted sum of what its members say, whatever is absent."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from g2d import Batch, UserError
from g2d.models.blend import blend
from g2d.models.fusion.concat import ConcatFusion
from g2d.models.fusion.cross_attention import CrossAttentionFusion
from g2d.models.fusion.late import LateFusion
from g2d.models.fusion.sum import SumFusion
from g2d.models.multimodal import MultimodalModel

INPUTS = {"sound": 4, "image": 6, "words": 3}


def model(kind, names, width):
    encoders = {name: nn.Sequential(nn.Linear(INPUTS[name], width), nn.ReLU()) for name in names}
    return MultimodalModel(encoders, kind(dict.fromkeys(names, width), 5))


@pytest.fixture
def members():
    torch.manual_seed(0)
    return [
        model(SumFusion, ("sound", "image", "words"), 8),
        model(LateFusion, ("image", "words"), 7),
        model(ConcatFusion, ("sound", "image"), 6),
    ]


def batch(present=None):
    torch.manual_seed(1)
    inputs = {name: torch.randn(4, width) for name, width in INPUTS.items()}
    return Batch(inputs, torch.zeros(4, dtype=torch.int64), torch.arange(4), present or {})


def asked(member, given):
    """What a member says by itself, of its own modalities."""
    own = {name: given.inputs[name] for name in member.modalities}
    there = {name: mask for name, mask in given.present.items() if name in own}
    return member.eval()(Batch(own, given.target, given.index, there))


WEIGHTS = [0.5, 2.0, 0.25]


def test_the_logits_are_the_weighted_sum(members):
    whole = blend(tuple(INPUTS), members, WEIGHTS).eval()
    outputs = whole(batch())
    expected = sum(w * asked(m, batch()).logits for w, m in zip(WEIGHTS, members, strict=True))
    torch.testing.assert_close(outputs.logits, expected)
    assert {name: f.shape[1] for name, f in outputs.features.items()} == whole.fusion.widths
    image = [asked(member, batch()).unimodal["image"] for member in members]
    torch.testing.assert_close(
        outputs.unimodal["image"], sum(w * one for w, one in zip(WEIGHTS, image, strict=True))
    )


def test_a_member_without_any_of_its_modalities_leaves_its_weight_to_the_others(members):
    there = torch.tensor([True, True, False, False])
    given = batch({"image": there, "words": torch.tensor([True, False, True, False])})
    outputs = blend(tuple(INPUTS), members, WEIGHTS).eval()(given)
    said = [asked(member, given).logits for member in members]
    for row in range(4):
        # only the last row has neither image nor words, which is all that the second reads
        weights = WEIGHTS if row < 3 else [w * 2.75 / 0.75 for w in (0.5, 0.0, 0.25)]
        expected = sum(w * one[row] for w, one in zip(weights, said, strict=True))
        torch.testing.assert_close(outputs.logits[row], expected)


def test_weights_load_into_a_blend_of_the_same_members(members):
    whole = blend(tuple(INPUTS), members, WEIGHTS).eval()
    fresh = [
        model(SumFusion, ("sound", "image", "words"), 8),
        model(LateFusion, ("image", "words"), 7),
        model(ConcatFusion, ("sound", "image"), 6),
    ]
    again = blend(tuple(INPUTS), fresh, [1.0] * 3)
    again.load_state_dict(whole.state_dict())
    assert torch.equal(again.eval()(batch()).logits, whole(batch()).logits)


def test_what_cannot_be_blended_is_refused(members):
    with pytest.raises(UserError, match="no member of the blend has 'smell'"):
        blend((*INPUTS, "smell"), members, WEIGHTS)
    encoders = {name: _Tokens(INPUTS[name], 8) for name in ("sound", "image")}
    widths = {"sound": 8, "image": 8}
    attending = MultimodalModel(encoders, CrossAttentionFusion(widths, 5, tokens="sequence"))
    with pytest.raises(UserError, match="attends over tokens, and a blend has features alone"):
        blend(("sound", "image"), [attending], [1.0])


class _Tokens(nn.Linear):
    """An encoder of one token."""

    def tokens(self, inputs):
        return self(inputs)[:, None]

    def pool(self, tokens):
        return tokens.mean(dim=1)
