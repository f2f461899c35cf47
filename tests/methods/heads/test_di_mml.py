"""DI-MML's fusion against its equation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from g2d.methods.heads.di_mml import DetachedFusion
from reference import di_mml as paper

WIDTHS = {"north": 8, "south": 12, "east": 12}


def build(k: int, temperature: float = 1.0) -> tuple[DetachedFusion, dict[str, Tensor]]:
    torch.manual_seed(3)
    widths = dict(list(WIDTHS.items())[:k])
    fusion = DetachedFusion(widths, outputs=5, temperature=temperature)
    for parameter in fusion.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.5)
    return fusion.eval(), {name: torch.randn(4, width) for name, width in widths.items()}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("temperature", [0.2, 3.0])
@pytest.mark.parametrize("k", [2, 3])
def test_the_prediction_weighs_by_certainty(
    k: int, temperature: float, fused: bool, missing: bool
) -> None:
    fusion, features = build(k, temperature)
    fusion.fused_takes_part.fill_(fused)
    present = {"south": torch.tensor([True, False, True, False])} if missing else {}
    logits, unimodal = fusion(features, present)
    p = {f"fusion.{key}": value.double() for key, value in fusion.state_dict().items()}
    doubles = paper.aligned(p, {m: f.double() for m, f in features.items()}, 12)
    masks = {name: mask.tolist() for name, mask in present.items()}
    expected = paper.predict(p, doubles, masks, fused, temperature)
    torch.testing.assert_close(logits, expected.float())
    said = paper.linear(p, "fusion.heads.north", doubles["north"][0])
    torch.testing.assert_close(unimodal["north"][0], said.float())


def test_a_large_temperature_is_the_plain_mean() -> None:
    fusion, features = build(3, temperature=1e6)
    logits, unimodal = fusion(features)
    torch.testing.assert_close(logits, sum(unimodal.values()) / 3)


def test_in_training_the_fused_source_listens_and_is_not_heard() -> None:
    fusion, features = build(3)
    for value in features.values():
        value.requires_grad_()
    logits, _ = fusion.train()(features)
    logits.sum().backward()
    assert all(value.grad is None for value in features.values())
    learns = {key for key, parameter in fusion.named_parameters() if parameter.grad is not None}
    assert learns == {key for key, _ in fusion.named_parameters() if key.startswith("fused.")}


@pytest.mark.parametrize("fused", [False, True])
def test_what_is_absent_is_not_heard(fused: bool) -> None:
    fusion, features = build(3)
    fusion.fused_takes_part.fill_(fused)
    present = {name: torch.tensor([True, False, False, name == "east"]) for name in features}
    other = {name: value.clone() for name, value in features.items()}
    for name, mask in present.items():
        other[name][~mask] = torch.nan
    logits, unimodal = fusion(features, present)
    again, unimodal_again = fusion(other, present)
    assert torch.equal(logits, again)
    assert logits.isfinite().all()
    for name in features:
        assert torch.equal(unimodal[name], unimodal_again[name])
    if not fused:
        assert (logits[1] == 0).all()


def test_whether_the_fused_source_speaks_is_saved_with_the_weights() -> None:
    fusion, features = build(2)
    fusion.fused_takes_part.fill_(True)
    again, _ = build(2)
    before = again(features)[0]
    again.load_state_dict(fusion.state_dict())
    assert torch.equal(again(features)[0], fusion(features)[0])
    assert not torch.allclose(before, again(features)[0])


def test_an_adapter_stands_where_a_feature_is_narrower() -> None:
    fusion, _ = build(3)
    assert list(fusion.adapters) == ["north"]
    assert [tuple(p.shape) for p in fusion.head_parameters_of("north")][2:] == [(12, 8), (12,)]
    assert [tuple(p.shape) for p in fusion.head_parameters_of("east")] == [(5, 12), (5,)]
