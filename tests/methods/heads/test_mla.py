"""The shared head and its certainty-weighted sum against the equation, sample by sample."""

from __future__ import annotations

import pytest
import torch

from g2d.errors import UserError
from g2d.methods.heads.mla import SharedHead
from reference.mla import mix

WIDTHS = {"north": 8, "south": 12, "east": 8}
FIXED = {"east": 0.4, "north": 0.35, "south": 0.25}


def features(seed: int = 0, size: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: 3 * torch.randn(size, w, generator=generator) for name, w in WIDTHS.items()}


def build(fixed: dict[str, float] | None = None, outputs: int = 5) -> SharedHead:
    torch.manual_seed(1)
    return SharedHead(WIDTHS, outputs, fixed).eval()


PRESENT = {
    "north": torch.tensor([True, False, True, False]),
    "south": torch.tensor([True, True, False, False]),
    "east": torch.tensor([True, True, False, False]),
}


@pytest.mark.parametrize("fixed", [None, FIXED])
@pytest.mark.parametrize("some", [False, True])
def test_equals_its_equation(fixed: dict[str, float] | None, some: bool) -> None:
    fusion, given = build(fixed), features()
    present = PRESENT if some else None
    logits, unimodal = fusion(given, present)
    for i in range(4):
        said = {}
        for name in WIDTHS:
            if some and not PRESENT[name][i]:
                assert (unimodal[name][i] == 0).all()
                continue
            row = given[name][i]
            if name == "south":
                adapter = fusion.adapters[name]
                row = torch.stack([w @ row for w in adapter.weight]) + adapter.bias
            z = torch.stack([w @ row for w in fusion.head.weight]) + fusion.head.bias
            torch.testing.assert_close(unimodal[name][i], z)
            said[name] = z.tolist()
        expected = mix(said, fixed) if said else [0.0] * 5
        assert logits[i].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_sample_does_not_depend_on_its_batch() -> None:
    fusion, given = build(), features()
    whole, _ = fusion(given)
    for i in range(4):
        alone, _ = fusion({name: value[i : i + 1] for name, value in given.items()})
        torch.testing.assert_close(alone, whole[i : i + 1])


def test_the_surer_is_heard_more_and_equals_alike() -> None:
    fusion = build()
    sure, unsure = torch.tensor([[9.0, 0, 0, 0, 0]]), torch.tensor([[0.1, 0, 0, 0, 0]])
    said = dict(zip(WIDTHS, (sure, unsure, unsure), strict=True))
    heard = fusion.weights(said, {}).flatten()
    assert heard.sum() == pytest.approx(1)
    assert heard[0] > heard[1]
    assert heard[1] == heard[2]
    alike = dict(zip(WIDTHS, (sure, sure.flip(1), sure), strict=True))
    torch.testing.assert_close(fusion.weights(alike, {}).flatten(), torch.full((3,), 1 / 3))


def test_one_output_has_no_entropy() -> None:
    fusion = build(outputs=1)
    logits, unimodal = fusion(features())
    torch.testing.assert_close(logits, torch.stack(list(unimodal.values())).mean(dim=0))


def test_what_is_absent_is_not_read_and_learns_nothing() -> None:
    fusion, given = build(), features()
    for name, mask in PRESENT.items():
        given[name][~mask] = torch.nan
        given[name].requires_grad_()
    logits, _ = fusion(given, PRESENT)
    logits.square().sum().backward()
    assert logits.isfinite().all()
    for name, mask in PRESENT.items():
        gradient = given[name].grad
        assert gradient is not None
        assert gradient.isfinite().all()
        assert (gradient[~mask] == 0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in fusion.parameters())


def test_the_weights_of_a_checkpoint_do_not_hold_the_fixed_ones() -> None:
    assert build(FIXED).state_dict().keys() == build().state_dict().keys()


@pytest.mark.parametrize(
    "fixed",
    [{"north": 1.0}, {**FIXED, "south": -0.1}, dict.fromkeys(WIDTHS, 0.0)],
)
def test_fixed_weights_that_make_no_sense(fixed: dict[str, float]) -> None:
    with pytest.raises(UserError, match="fixed weights"):
        build(fixed)
