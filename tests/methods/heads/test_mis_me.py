"""MIS-ME's heads: their sizes, what they hear of, what dropout drops."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.errors import UserError
from g2d.methods.heads.mis_me import DeepConcatFusion, WeightedBranches, WideHead, branch_heads
from g2d.models.fusion import Fusion
from g2d.models.readout import fit_readout

WIDTHS = {"north": 8, "south": 70, "east": 12}
BUILD: dict[str, Callable[..., Fusion]] = {"joint": DeepConcatFusion, "branches": WeightedBranches}
fusions = pytest.mark.parametrize("kind", BUILD)


def build(kind: str, k: int = 3, dropout: bool = False) -> Fusion:
    """With running statistics and biases that differ from their first values."""
    torch.manual_seed(3)
    fusion = BUILD[kind](dict(list(WIDTHS.items())[:k]), 5)
    for parameter in fusion.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.5)
    for _ in range(5):
        fusion.train()(features(k, size=16))
    for part in fusion.modules():
        if isinstance(part, nn.Dropout) and not dropout:
            part.p = 0.0
    return fusion


def features(k: int = 3, size: int = 4) -> dict[str, Tensor]:
    return {name: torch.randn(size, width) for name, width in list(WIDTHS.items())[:k]}


def size_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_heads_have_the_sizes_of_the_paper() -> None:
    widths = {"weather": 16, "soil": 1280}
    assert size_of(DeepConcatFusion(widths, 1)) == 368_417
    heads = branch_heads(widths, 1)
    assert size_of(heads["soil"]) == 1_027_201
    assert size_of(heads["weather"]) == 16 + 1
    assert size_of(WeightedBranches(widths, 1)) == 1_027_201 + 17 + 2
    assert size_of(WeightedBranches(widths, 1, complementary=True)) == 1_027_201 + 17 + 1


@pytest.mark.parametrize(("width", "wide"), [(1, False), (64, False), (65, True), (512, True)])
def test_hidden_layers_begin_above_64(width: int, wide: bool) -> None:
    head = branch_heads({"north": width}, 3)["north"]
    assert isinstance(head, WideHead) == wide
    assert head.eval()(torch.randn(2, width)).shape == (2, 3)


@pytest.mark.parametrize(
    "rest", [DeepConcatFusion(WIDTHS, 5).rest, WideHead(1280, 5).rest], ids=["joint", "wide"]
)
def test_dropout_drops_three_and_five_tenths(rest: nn.Sequential) -> None:
    ones, dropped = torch.ones(200_000), []
    for part in rest:
        if isinstance(part, nn.Dropout):
            torch.manual_seed(0)
            dropped.append((part.train()(ones) == 0).float().mean().item())
    assert dropped == pytest.approx([0.3, 0.5], abs=0.01)


def test_the_first_layer_begins_as_one_over_all_features() -> None:
    torch.manual_seed(0)
    fusion = DeepConcatFusion({"weather": 16, "soil": 1280}, 1)
    expected = (2 / (1296 + 256)) ** 0.5
    for block in fusion.blocks.values():
        assert block.weight.std().item() == pytest.approx(expected, rel=0.05)


@fusions
def test_what_is_absent_is_not_heard(kind: str) -> None:
    fusion, given = build(kind).eval(), features()
    present = {
        "south": torch.tensor([True, False, True, False]),
        "north": torch.tensor([True, True, False, False]),
    }
    other = {name: value.clone() for name, value in given.items()}
    for name, mask in present.items():
        other[name][~mask] = torch.nan
    logits, unimodal = fusion(given, present)
    again, unimodal_again = fusion(other, present)
    assert torch.equal(logits, again)
    assert logits.isfinite().all()
    for name in WIDTHS:
        assert torch.equal(unimodal[name], unimodal_again[name])
    without = fusion(given)[0]
    torch.testing.assert_close(logits[0], without[0])
    assert not torch.allclose(logits[1:], without[1:])


@fusions
def test_what_is_absent_learns_nothing(kind: str) -> None:
    fusion, given = build(kind).train(), features()
    mask = torch.tensor([True, False, True, False])
    given["south"][~mask] = torch.nan
    for value in given.values():
        value.requires_grad_()
    fusion(given, {"south": mask})[0].square().sum().backward()
    gradient = given["south"].grad
    assert gradient is not None
    assert (gradient[~mask] == 0).all()
    assert gradient.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in fusion.parameters())


@fusions
@pytest.mark.parametrize("training", [True, False])
def test_all_present_is_no_mask(kind: str, training: bool) -> None:
    fusion, twin = build(kind), build(kind)
    given = features()
    everyone = {name: torch.ones(4, dtype=torch.bool) for name in WIDTHS}
    logits, _ = fusion.train(training)(given, everyone)
    expected, _ = twin.train(training)(given)
    torch.testing.assert_close(logits, expected)


@fusions
def test_names_are_free_and_their_order_is_nothing(kind: str) -> None:
    fusion, given = build(kind), features()
    new = {"north": "get", "south": "δ 1", "east": "share"}
    order = list(reversed(WIDTHS))
    other = BUILD[kind]({new[name]: WIDTHS[name] for name in order}, 5)
    state = {
        ".".join(new.get(part, part) for part in key.split(".")): value
        for key, value in fusion.state_dict().items()
    }
    if "means.sums" in state:
        parts = dict(zip(WIDTHS, state["means.sums"].split(list(WIDTHS.values())), strict=True))
        state["means.sums"] = torch.cat([parts[name] for name in order])
        state["means.counts"] = state["means.counts"].flip(0)
    other.load_state_dict(state)
    logits, unimodal = fusion.eval()(given)
    again, unimodal_again = other.eval()({new[name]: given[name] for name in order})
    torch.testing.assert_close(logits, again)
    for name, value in unimodal.items():
        torch.testing.assert_close(value, unimodal_again[new[name]])


def test_the_joint_head_reads_out_by_ablation() -> None:
    """A modality alone is the model with the others at their mean training features."""
    torch.manual_seed(0)
    encoders = {name: nn.Linear(3, width) for name, width in WIDTHS.items()}
    model = g2d.MultimodalModel(encoders, DeepConcatFusion(WIDTHS, 5))
    inputs = {name: torch.randn(12, 3) for name in WIDTHS}
    data = g2d.Batch(inputs, torch.zeros(12, dtype=torch.long), torch.arange(12))
    model.train()(data)
    fit_readout(model, [data])
    said = model.eval()(data)
    means = {name: value.mean(dim=0).expand(12, -1) for name, value in said.features.items()}
    for name in WIDTHS:
        alone = model.fusion({**means, name: said.features[name]})[0]
        torch.testing.assert_close(said.unimodal[name], alone, rtol=1e-4, atol=1e-5)


def test_a_branch_holds_its_head_and_its_scalar() -> None:
    free, one = WeightedBranches({"a": 4, "b": 6}, 1), WeightedBranches({"a": 4, "b": 6}, 1, True)
    assert [tuple(p.shape) for p in free.head_parameters_of("b")] == [(1, 6), (1,), ()]
    assert [tuple(p.shape) for p in one.head_parameters_of("b")] == [(1, 6), (1,)]
    with pytest.raises(UserError, match="no head of its own"):
        DeepConcatFusion({"a": 4, "b": 6}, 1).head_parameters_of("b")


def test_a_single_sample_is_refused_in_training_only() -> None:
    for kind in BUILD:
        fusion = build(kind)
        assert fusion.eval()(features(size=1))[0].shape == (1, 5)
        with pytest.raises(UserError, match="one sample to train on, expected 2 or more"):
            fusion.train()(features(size=1))


def test_branches_of_linear_heads_train_on_a_single_sample() -> None:
    fusion = WeightedBranches({"north": 8, "east": 12}, 5).train()
    assert fusion({"north": torch.randn(1, 8), "east": torch.randn(1, 12)})[0].isfinite().all()
