"""CGGM as the authors' code computes it: the sizes of gradients, the direction, what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import g2d
from g2d.functional.modulation import cggm_balance
from g2d.methods.cggm import CGGM
from g2d.models.fusion import ConcatFusion, FiLMFusion, LateFusion, SumFusion
from methods.by_equations import Seen, batches, begin, follow, in_one_and_in_halves, late
from methods.small import NAMES, TASKS, batch, gradients, sgd, student, weights
from reference import cggm as paper

CLASSES = TASKS["classification"]
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "sizes alone": {"direction": 0.0},
    "direction alone": {"rho": None, "direction": 2.0},
    "both, strong": {"rho": 0.6, "direction": 1.0},
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_code_of_the_authors(name: str, missing: bool, k: int) -> None:
    options = CASES[name]
    guide = paper.Guide(options.get("rho", 1.3), options.get("direction", 0.2), bounded=True)

    def loss_of(p: paper.Params, features: Any, seen: Seen) -> torch.Tensor:
        return guide.loss(p, features, seen.target, seen.present)

    follow(CGGM(late(k), CLASSES, **options), loss_of, missing)


gains = st.lists(st.integers(-16, 16).map(lambda rise: rise / 16), min_size=2, max_size=4)


@given(gains, st.booleans())
def test_the_balance_is_that_of_the_authors(values: list[float], bounded: bool) -> None:
    expected = paper.balance({str(m): gain for m, gain in enumerate(values)}, bounded)
    found = cggm_balance(torch.tensor(values, dtype=torch.float64), bounded)
    assert found.tolist() == pytest.approx(list(expected.values()), rel=1e-9)
    if not bounded and sum(values):
        assert float(found.sum()) == pytest.approx(len(values) - 1, rel=1e-6, abs=1e-4)


def test_nobody_is_slowed_where_nothing_changes() -> None:
    assert cggm_balance(torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]


def test_encoders_are_scaled_by_what_the_others_gained_and_nothing_else_is() -> None:
    data, found = batches(3)[0], []
    for rho in (None, 1.3):
        method = CGGM(late(3), CLASSES, rho=rho)
        begin(method, [data], epochs=1)
        found.append(gradients(method, data))
    accuracy = method.state_dict()["accuracy"]
    expected = (accuracy.sum() - accuracy) / accuracy.sum()  # from nothing: all is gained
    for key, plain in found[0].items():
        name = key.split(".")[1]
        factor = 1.3 * float(expected[NAMES.index(name)]) if key.startswith("encoders") else 1.0
        torch.testing.assert_close(found[1][key], factor * plain, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("fusion", [LateFusion, SumFusion, ConcatFusion])
def test_the_output_layer_turns_towards_the_classifiers_of_those_that_lag(fusion: Any) -> None:
    data = batches(2)[0]
    model = student(NAMES[:2], 4, fusion)
    method = CGGM(model, CLASSES, direction=50.0)
    begin(method, [data], epochs=1)
    model.train()
    model(data)
    method._balance = torch.tensor([1.0, 0.0])  # the first lags, and the second does not
    before = method._cosines().detach()
    method.step(data)
    after = method._cosines().detach()
    assert after[0] > before[0] + 0.01
    assert abs(after[1] - before[1]) < after[0] - before[0]


def test_a_model_with_heads_of_its_own_is_turned_and_one_without_is_not() -> None:
    encoders = {name: nn.Sequential(nn.Flatten(), nn.LazyLinear(3)) for name in NAMES[:2]}
    heads = {name: nn.Linear(3, 4) for name in NAMES[:2]}
    net = nn.ModuleList([*encoders.values(), *heads.values()])
    assert CGGM(g2d.attach(net, encoders, heads=heads), CLASSES).direction == 0.2
    assert CGGM(g2d.attach(net, encoders), CLASSES).direction == 0.0
    with pytest.raises(g2d.UserError, match="set direction to 0"):
        CGGM(g2d.attach(net, encoders), CLASSES, direction=0.1)
    with pytest.raises(g2d.UserError, match="use late, sum or concat fusion"):
        CGGM(student(NAMES[:2], 4, FiLMFusion), CLASSES, direction=0.1)


class Deep(nn.Module):
    """Its heads have a layer more, so there is no one matrix that reads the feature."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({name: nn.Linear(6, 3) for name in ("far", "near")})
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4)) for name in ("far", "near")}
        )

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        said = [self.heads[name](self.encoders[name](x)) for name, x in inputs.items()]
        return torch.stack(said).sum(dim=0)


def test_a_head_of_several_layers_is_refused_in_words() -> None:
    net = Deep()
    method = CGGM(g2d.attach(net, dict(net.encoders), heads=dict(net.heads)), CLASSES)
    inputs = {name: torch.ones(2, 6) for name in net.encoders}
    with pytest.raises(g2d.UserError, match="the head of 'far' is not one linear layer"):
        method.loss(net(**inputs), torch.tensor([0, 1]))


def test_a_step_of_two_batches_is_that_of_both_in_one() -> None:
    one, other = in_one_and_in_halves(lambda model: CGGM(model, CLASSES))
    torch.testing.assert_close(weights(other.student.net), weights(one.student.net))


def test_a_modality_that_nobody_has_is_taken_not_to_change() -> None:
    data = batches(2)
    method = CGGM(late(2), CLASSES)
    begin(method, data, epochs=1)
    method._accuracy = torch.tensor([0.25, 0.5])
    nobody = torch.zeros(len(data[1]), dtype=torch.bool)
    method.step(g2d.Batch(data[1].inputs, data[1].target, data[1].index, {"image": nobody}))
    assert method.state_dict()["accuracy"][1] == 0.5


def nearness(probability: list[float], target: int) -> float:
    """1 for the class itself, 0 for the farthest; the answer is the first with half below it."""
    up_to = [sum(probability[: place + 1]) for place in range(len(probability))]
    answer = next(place for place, share in enumerate(up_to) if share >= 0.5)
    return 1 - abs(answer - target) / (len(probability) - 1)


def by_threshold(probability: list[float], target: int) -> float:
    return float((probability[1] >= 0.8) == bool(target))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (g2d.Classification(4, selects="mae"), nearness),
        (g2d.Classification(2, threshold=0.8), by_threshold),
    ],
)
def test_a_classifier_is_judged_by_the_answer_that_the_task_gives(task: Any, expected: Any) -> None:
    model = student(NAMES[:2], task.outputs).train()
    method = CGGM(model, task)
    data = batch(NAMES[:2], task, size=32)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=1))
    classifiers = method.student.added_heads
    assert classifiers is not None
    with torch.no_grad():
        for each in classifiers.values():
            each.weight.mul_(8)  # of different opinions
        features = {name: model.encoders[name](data.inputs[name]) for name in NAMES[:2]}
        said = [classifiers[name](features[name]).softmax(dim=1).tolist() for name in NAMES[:2]]
    target = data.target.tolist()
    scores = [[expected(p, y) for p, y in zip(rows, target, strict=True)] for rows in said]
    likeliest = [
        [float(p.index(max(p)) == y) for p, y in zip(r, target, strict=True)] for r in said
    ]
    method.step(data)
    found = method.state_dict()["accuracy"].tolist()
    assert found == pytest.approx([sum(each) / 32 for each in scores])
    assert found != pytest.approx([sum(each) / 32 for each in likeliest])


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_other_tasks_are_learned(kind: str) -> None:
    task = TASKS[kind]
    model = student(NAMES[:3], task.outputs)
    method = CGGM(model.train(), task)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=1))
    losses = [float(method.step(batch(NAMES[:3], task, missing=True))) for _ in range(20)]
    assert losses[-1] < losses[0]
    assert float(method.state_dict()["accuracy"].min()) > 0
    assert float(method.state_dict()["accuracy"].max()) <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rho": -1.0}, "rho must be 0 or more"),
        ({"direction": math.inf}, "direction must be 0 or more"),
    ],
)
def test_refuses_options_without_meaning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(g2d.UserError, match=message):
        CGGM(late(2), CLASSES, **options)
