"""MBSD against its equations, and what distillation may and may not do."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import g2d
from g2d.methods.mbsd import MBSD
from methods.by_equations import Seen, follow, late
from methods.small import TASKS
from reference import mbsd as reference

TASK = TASKS["classification"]
WEIGHTS = {
    "all": {"unimodal": 0.7, "divergence": 1.3, "distance": 0.5},
    "divergence": {"unimodal": 0.0, "divergence": 2.0, "distance": 0.0},
    "distance": {"unimodal": 1.0, "divergence": 0.0, "distance": 1.0},
}


def loss_of(p, features, seen: Seen, weights):
    rows = {
        m: torch.stack(
            [
                (p[f"fusion.heads.{m}.weight"] @ f + p[f"fusion.heads.{m}.bias"]) * seen.has(m, i)
                for i, f in enumerate(feature)
            ]
        )
        for m, feature in features.items()
    }
    there = [sum(seen.has(m, i) for m in rows) for i in range(len(seen.target))]
    fused = sum(rows.values()) / torch.tensor(there)[:, None]
    return reference.loss(rows, fused, seen.target, seen.has, **weights)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", WEIGHTS)
def test_training_follows_the_equations(name: str, missing: bool, k: int) -> None:
    weights = WEIGHTS[name]
    follow(MBSD(late(k), TASK, **weights), partial(loss_of, weights=weights), missing)


def outputs(*rows: list[float]) -> tuple[g2d.Outputs, list[torch.Tensor]]:
    logits = [torch.tensor([row], requires_grad=True) for row in rows]
    unimodal = dict(zip("abc", logits, strict=False))
    return g2d.Outputs(sum(logits) / len(logits), {}, unimodal), logits


def distilled(target: int, *rows: list[float]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    said, logits = outputs(*rows)
    batch = g2d.Batch({}, torch.tensor([target]), torch.arange(1))
    loss = MBSD(late(2), g2d.Classification(3), unimodal=0.0)._distillation(said, batch)
    loss.backward()
    return loss, [z.grad for z in logits]


def test_only_the_weaker_one_learns_and_towards_the_stronger() -> None:
    loss, (strong, weak) = distilled(0, [3.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert loss > 0
    assert strong is None or not strong.any()
    assert weak[0, 0] < 0 < weak[0, 1]


def test_who_teaches_is_decided_by_the_sample() -> None:
    _, (first, second) = distilled(1, [3.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert first.any()
    assert not second.any()


def test_nobody_teaches_where_both_are_wrong() -> None:
    loss, _ = distilled(2, [3.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert loss == 0


def test_of_three_the_middle_one_both_teaches_and_learns() -> None:
    _, (best, middle, worst) = distilled(0, [3.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert not best.any()
    assert middle.any()
    assert worst.any()


def test_what_is_no_weight_or_no_class_is_refused() -> None:
    with pytest.raises(g2d.UserError, match="divergence must be 0 or more"):
        MBSD(late(2), TASK, divergence=-1.0)
    with pytest.raises(g2d.UserError, match="is defined for Classification"):
        MBSD(late(2), TASKS["regression"])
