"""What every fusion must do, whatever its equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from g2d.errors import UserError

if TYPE_CHECKING:
    from conftest import Case

masks_of_four = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=3)


def as_present(case: Case, rows: list[list[bool]], leave_out: int = -1) -> dict[str, Tensor]:
    return {
        name: torch.tensor(row)
        for i, (name, row) in enumerate(zip(case.widths, rows, strict=False))
        if i != leave_out
    }


@settings(max_examples=12, deadline=None)
@given(rows=masks_of_four, leave_out=st.integers(-1, 2))
def test_what_is_absent_is_not_heard(case: Case, rows: list[list[bool]], leave_out: int) -> None:
    fusion, features = case.build().eval(), case.features()
    present = as_present(case, rows, leave_out)
    fusion(case.features(seed=9))
    other = {name: feature.clone() for name, feature in features.items()}
    for name, mask in present.items():
        other[name][~mask] = torch.nan  # even this must not get through
    logits, unimodal = fusion(features, present)
    again, unimodal_again = fusion(other, present)
    assert torch.equal(logits, again)
    assert logits.isfinite().all()
    for name in case.widths:
        assert torch.equal(unimodal[name], unimodal_again[name])


@settings(max_examples=8, deadline=None)
@given(rows=masks_of_four)
def test_what_is_absent_learns_nothing(case: Case, rows: list[list[bool]]) -> None:
    fusion, present = case.build(), as_present(case, rows)
    features = case.features()
    for name, mask in present.items():
        features[name][~mask] = torch.nan
        features[name].requires_grad_()
    fusion(features, present)[0].square().sum().backward()
    for name, mask in present.items():
        gradient = features[name].grad
        assert gradient is not None
        assert (gradient[~mask] == 0).all()
        assert gradient.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in fusion.parameters())


def test_a_sample_does_not_depend_on_what_others_lack(case: Case) -> None:
    fusion, features = case.build().eval(), case.features()
    present = as_present(case, [[True, False, True, True]] * 3, leave_out=0)
    with_masks, without = fusion(features, present)[0], fusion(features)[0]
    torch.testing.assert_close(with_masks[[0, 2, 3]], without[[0, 2, 3]])
    assert not torch.allclose(with_masks[1], without[1])


@pytest.mark.parametrize("training", [True, False])
def test_all_present_is_no_mask(case: Case, training: bool) -> None:
    fusion, twin, features = case.build(), case.build(), case.features()
    everyone = {name: torch.ones(4, dtype=torch.bool) for name in case.widths}
    logits, unimodal = fusion.train(training)(features, everyone)
    expected, unimodal_expected = twin.train(training)(features)
    torch.testing.assert_close(logits, expected)
    assert list(unimodal) == list(unimodal_expected)
    for name, value in unimodal.items():
        torch.testing.assert_close(value, unimodal_expected[name])
    for key, value in fusion.state_dict().items():
        assert torch.equal(value, twin.state_dict()[key])


def test_names_are_free(case: Case) -> None:
    fusion, features = case.build(), case.features()
    new = {"north": "δ 1", "south": "north", "east": "get"}
    options = {"target": "δ 1"} if case.variant == "film-one-plus" else {}
    renamed = case.build({new[name]: width for name, width in case.widths.items()}, **options)
    renamed.load_state_dict(
        {
            ".".join(new.get(part, part) for part in key.split(".")): value
            for key, value in fusion.state_dict().items()
        }
    )
    logits, unimodal = fusion.eval()(features)
    again, unimodal_again = renamed.eval()({new[name]: f for name, f in features.items()})
    assert torch.equal(logits, again)
    for name, value in unimodal.items():
        assert torch.equal(value, unimodal_again[new[name]])


def test_the_order_of_the_features_given_does_not_matter(case: Case) -> None:
    fusion, features = case.build().eval(), case.features()
    backwards = dict(reversed(features.items()))
    logits, unimodal = fusion(features)
    again, unimodal_again = fusion(backwards)
    assert torch.equal(logits, again)
    assert list(unimodal) == list(unimodal_again) == list(case.widths)
    assert all(torch.equal(unimodal[name], unimodal_again[name]) for name in unimodal)


@pytest.mark.parametrize(
    "case",  # FiLM and the official gates tell the modalities apart by their order
    [
        (variant, k)
        for variant in (
            *("late", "sum", "concat", "concat-learned", "bigated-symmetric"),
            *("attention-pooled", "attention-sequence"),
        )
        for k in (2, 3)
    ],
    indirect=True,
)
def test_the_declared_order_does_not_matter(case: Case) -> None:
    fusion, features = case.build(), case.features()
    fusion(features)  # gives the means something to be permuted
    order = list(reversed(case.widths))
    permuted = case.build({name: case.widths[name] for name in order})
    state = fusion.state_dict()
    side_by_side = ["absent", "means.sums", "unite.weight"]
    if case.variant.startswith("concat"):
        side_by_side.append("head.weight")
    for key in side_by_side:
        if key in state:
            common = max(case.widths.values())
            widths = [common if key == "unite.weight" else width for width in case.widths.values()]
            slices = dict(zip(case.widths, state[key].split(widths, dim=-1), strict=True))
            state[key] = torch.cat([slices[name] for name in order], dim=-1)
    if "means.counts" in state:
        state["means.counts"] = state["means.counts"].flip(0)
    permuted.load_state_dict(state)
    logits, unimodal = fusion.eval()(features)
    again, unimodal_again = permuted.eval()(features)
    torch.testing.assert_close(logits, again)
    for name, value in unimodal.items():
        torch.testing.assert_close(value, unimodal_again[name])


def test_read_outs_are_there_when_they_cost_nothing(case: Case) -> None:
    fusion, features = case.build(), case.features()
    expected = list(case.widths) if case.is_additive else []
    assert list(fusion.train()(features)[1]) == expected
    assert list(fusion.eval()(features)[1]) == list(case.widths)


def test_a_single_sample_is_as_good_as_a_batch(case: Case) -> None:
    fusion, features = case.build().eval(), case.features()
    logits, unimodal = fusion(features)
    one, one_unimodal = fusion({name: feature[2:3] for name, feature in features.items()})
    torch.testing.assert_close(one, logits[2:3])
    for name, value in one_unimodal.items():
        torch.testing.assert_close(value, unimodal[name][2:3])


def test_refuses_a_single_modality(case: Case) -> None:
    if case.build().least_modalities == 1:
        fusion = case.build({"north": 8})
        logits, unimodal = fusion.eval()({"north": case.features()["north"]})
        assert torch.equal(logits, unimodal["north"])
        return
    with pytest.raises(UserError, match=r"a fusion needs 2 modalities or more, got \['north'\]"):
        case.build({"north": 8})
