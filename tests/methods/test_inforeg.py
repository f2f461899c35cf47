"""InfoReg against its equations: who is held, when, and how hard."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import g2d
from g2d.functional.inforeg import inforeg_gaps, inforeg_strength, inforeg_window
from g2d.methods.inforeg import InfoReg
from g2d.models.fusion import FiLMFusion, UnimodalHeads
from methods.by_equations import Seen, batches, begin, follow, in_one_and_in_halves, late
from methods.small import NAMES, TASKS, gradients, student, weights
from reference import g2d as networks
from reference import inforeg as paper

CLASSES = TASKS["classification"]
CASES: dict[str, dict[str, Any]] = {
    "from the first epoch": {"first": 0, "threshold": 0.0},
    "as in the paper": {"threshold": 0.0},
    "held hard": {"first": 1, "threshold": 0.0, "strength": 5.0, "beta": 2.0},
    "with unimodal losses": {"first": 0, "gamma": 0.7},
    "scores of the released code": {"first": 0, "score": "confidence", "smoothing": 2},
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_equations(name: str, missing: bool, k: int) -> None:
    options, model = CASES[name], late(k)
    with torch.no_grad():  # the encoders' gradients are small at first, and grow
        for head in model.fusion.heads.values():
            head.weight.mul_(0.1)
    regulation = paper.Regulation(paper.Plan(**options), networks.Task("classification"), NAMES[:k])

    def loss_of(p: paper.Params, features: Any, seen: Seen) -> torch.Tensor:
        said = {
            m: f @ p[f"fusion.heads.{m}.weight"].T + p[f"fusion.heads.{m}.bias"]
            for m, f in features.items()
        }
        fused = networks.late(p, features, seen.present, len(seen.target))
        return regulation.loss(p, fused, said, torch.tensor(seen.target), seen.present)

    follow(
        InfoReg(model, CLASSES, **options),
        loss_of,
        missing,
        epochs=5,
        before=lambda epoch, params, data: regulation.begin(epoch, params),
    )
    assert regulation.regulated, "or nothing was compared"


scores = st.lists(st.integers(-40, 0).map(lambda tenth: tenth / 8), min_size=2, max_size=4)


@given(scores, st.floats(0.0, 2.0))
def test_gaps_and_strength_are_those_of_the_equations(values: list[float], beta: float) -> None:
    expected = paper.gaps({str(place): value for place, value in enumerate(values)})
    found = inforeg_gaps(torch.tensor(values))
    assert found.tolist() == pytest.approx(list(expected.values()), abs=1e-6)
    alphas = [paper.strength(gap, beta) for gap in expected.values()]
    assert inforeg_strength(found, beta).tolist() == pytest.approx(alphas, rel=1e-5)


def test_a_modality_that_no_sample_has_takes_no_part() -> None:
    found = inforeg_gaps(torch.tensor([-1.0, math.nan, -3.0]))
    assert found.tolist() == [2.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("traces", "inside"),
    [
        ([], True),
        ([1.0, 1.05], True),
        ([1.0, 1.03], False),
        ([2.0, 1.0], False),
        ([0.0, 0.0], False),
        ([0.0, 1.0], True),
        ([1.0, math.nan], False),
    ],
)
def test_the_window_is_where_the_trace_grows(traces: list[float], inside: bool) -> None:
    assert inforeg_window(traces, 0.04) is inside


def test_smoothed_the_window_is_that_of_the_means() -> None:
    traces = [5.0, 1.0, 1.0, 1.3]  # (1.0 + 1.3) / 2 against (1.0 + 1.0) / 2
    assert inforeg_window(traces, 0.12, 2)
    assert not inforeg_window(traces, 0.14, 2)


def test_the_encoder_that_is_ahead_is_pulled_to_where_it_began_and_no_other() -> None:
    data = batches(2)[0]
    found = []
    for strength in (0.0, 1.0):
        model = late(2)
        method = InfoReg(model, CLASSES, strength=strength, first=0)
        begin(method, [data], epochs=1)
        method.on_epoch_start(0)
        start = {key: p.detach().clone() for key, p in model.named_parameters()}
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1)
        found.append(gradients(method, data))
    losses = {
        m: CLASSES.loss(logits, data.target).item() for m, logits in model(data).unimodal.items()
    }
    ahead, gap = min(losses, key=losses.__getitem__), abs(losses["sound"] - losses["image"])
    alpha = math.exp(0.9 * math.tanh(gap))
    for key, parameter in model.named_parameters():
        pull = found[1][key] - found[0][key]
        held = key.startswith(f"encoders.{ahead}.")
        expected = alpha * (parameter.detach() - start[key]) if held else torch.zeros_like(pull)
        torch.testing.assert_close(pull, expected, rtol=1e-4, atol=1e-6)


def test_a_step_of_two_batches_is_that_of_both_in_one() -> None:
    """The scores are those of the step, and so is the square of its gradient."""
    one, other = in_one_and_in_halves(
        lambda model: InfoReg(model, CLASSES, first=0, score="confidence")
    )
    torch.testing.assert_close(weights(other.student.net), weights(one.student.net))
    torch.testing.assert_close(other.state_dict()["sum"], one.state_dict()["sum"])


def test_an_epoch_that_is_told_of_twice_begins_once() -> None:
    model, data = late(2), batches(2)
    method = InfoReg(model, CLASSES, first=0)
    begin(method, data, epochs=2)
    for epoch in (0, 0, 1, 1):
        method.on_epoch_start(epoch)
        if epoch == 0:
            method.step(data[0])
    state = method.state_dict()
    assert (len(state["traces"]), state["steps"]) == (1, 0)


def test_records_say_when_the_window_is_open() -> None:
    data = batches(2)
    method = InfoReg(late(2), CLASSES, first=1, threshold=0.0)
    begin(method, data, epochs=3)
    stages = []
    for epoch in range(3):
        method.on_epoch_start(epoch)
        stages.append(method.stage())
        if epoch == 1:
            method._traces = [[2.0, 2.0], [1.0, 1.0]]  # what was taken in is less and less
            continue
        method.step(data[0])
    assert stages == ["joint", "prime learning window", "joint"]


def test_fusions_that_are_no_sum_get_heads_that_watch_or_learn() -> None:
    for gamma in (0.0, 1.0):
        model = student(NAMES[:2], 4, FiLMFusion)
        InfoReg(model, CLASSES, gamma=gamma)
        assert isinstance(model.fusion, UnimodalHeads)
        assert model.fusion.detached is (gamma == 0)
    model = student(NAMES[:2], 4, FiLMFusion)
    InfoReg(model, CLASSES, strength=0.0)
    assert isinstance(model.fusion, FiLMFusion)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, "beta must be 0 or more"),
        ({"threshold": math.nan}, "threshold must be 0 or more"),
        ({"smoothing": 0}, "smoothing must be 1 epoch or more, got 0"),
        ({"score": "accuracy"}, "score"),
        ({"first": -1}, "first must be 0 or more"),
    ],
)
def test_refuses_options_without_meaning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(g2d.UserError, match=message):
        InfoReg(late(2), CLASSES, **options)
