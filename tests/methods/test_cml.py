"""CML against its equations with every order spelled out, and what is punished and what not."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import g2d
from g2d.methods.cml import CML
from g2d.methods.coalitions import anyone, coalition_logits, coalitions
from g2d.models.fusion import ConcatFusion
from methods.by_equations import Seen, batches, follow, late
from methods.small import NAMES, TASKS
from reference import cml as reference

TASK = TASKS["classification"]
OPTIONS = {
    "all": {"weight": 1.7, "partial": 0.6, "forgive": True},
    "unforgiving": {"weight": 3.0, "partial": 1.0, "forgive": False},
    "confidence alone": {"weight": 2.0, "partial": 0.0, "forgive": True},
    "sets alone": {"weight": 0.0, "partial": 1.0, "forgive": True},
}


def late_says(p, features, seen: Seen, members, i: int):
    """Late fusion from some modalities of one sample; `None` where it has none of them."""
    said = [
        p[f"fusion.heads.{m}.weight"] @ features[m][i] + p[f"fusion.heads.{m}.bias"]
        for m in members
        if seen.has(m, i)
    ]
    return sum(said) / len(said) if said else None


def loss_of(p, features, seen: Seen, options):
    says = partial(late_says, p, features, seen)
    return reference.loss(list(features), seen.target, says, **options)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_training_follows_the_equations(name: str, missing: bool, k: int) -> None:
    options = OPTIONS[name]
    follow(CML(late(k), TASK, **options), partial(loss_of, options=options), missing)


def rises(rows: dict[str, list[float]], target: int, forgive: bool = True) -> torch.Tensor:
    said = {frozenset(key): torch.tensor([row], requires_grad=True) for key, row in rows.items()}
    batch = g2d.Batch({}, torch.tensor([target]), torch.arange(1))
    return CML(late(2), g2d.Classification(2), forgive=forgive)._rises(said, batch).detach()


def test_confidence_that_falls_costs_nothing() -> None:
    assert rises({"a": [1.0, 0.0], "b": [0.0, 0.5], "ab": [2.0, 0.0]}, target=0) == 0


def test_confidence_that_rises_costs_what_it_rises() -> None:
    whole = torch.tensor([0.5, 0.0]).softmax(0).max()
    alone = torch.tensor([2.0, 0.0]).softmax(0).max()
    cost = rises({"a": [2.0, 0.0], "b": [0.1, 0.0], "ab": [0.5, 0.0]}, target=0)
    assert cost == pytest.approx(float(alone - whole) / 2)


def test_it_is_forgiven_only_where_the_part_is_right_and_the_whole_wrong() -> None:
    rows = {"a": [2.0, 0.0], "b": [0.0, 0.1], "ab": [0.0, 0.5]}
    assert rises(rows, target=0) == 0
    assert rises(rows, target=0, forgive=False) > 0
    assert rises(rows, target=1) > 0


def test_the_mean_over_a_batch_does_not_let_falls_pay_for_rises() -> None:
    part, whole = torch.tensor([[2.0, 0.0], [0.1, 0.0]]), torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    said = {frozenset("a"): part, frozenset("b"): 0 * part, frozenset("ab"): whole}
    batch = g2d.Batch({}, torch.tensor([0, 0]), torch.arange(2))
    assert CML(late(2), g2d.Classification(2))._rises(said, batch) > 0


@pytest.mark.parametrize("fusion", [g2d.LateFusion, ConcatFusion])
def test_a_coalition_is_the_model_with_the_others_absent(fusion: type) -> None:
    data = batches(3, missing=True)[0]
    model = late(3).eval()
    if fusion is not g2d.LateFusion:
        model = g2d.MultimodalModel(dict(model.encoders), fusion(model.fusion.widths, 4)).eval()
    outputs, attached = model(data), g2d.attach(model)
    for coalition in coalitions(NAMES[:3]):
        absent = {n: torch.zeros(len(data), dtype=torch.bool) for n in set(NAMES[:3]) - coalition}
        again = model(g2d.Batch(data.inputs, data.target, data.index, {**data.present, **absent}))
        torch.testing.assert_close(
            coalition_logits(attached, outputs, data, coalition), again.logits
        )


def test_who_has_anything_of_a_coalition() -> None:
    mask = torch.tensor([True, False])
    data = g2d.Batch({}, torch.zeros(2), torch.arange(2), {"a": mask, "b": ~mask})
    assert anyone(data, {"a", "b"}).tolist() == [True, True]
    assert anyone(data, {"a"}).tolist() == [True, False]
    assert anyone(data, {"a", "c"}) is None


def test_what_is_no_weight_or_no_class_is_refused() -> None:
    with pytest.raises(g2d.UserError, match="weight must be 0 or more"):
        CML(late(2), TASK, weight=-1.0)
    with pytest.raises(g2d.UserError, match="is defined for Classification"):
        CML(late(2), TASKS["regression"])
