"""ρ and the ranking, Eq. 5, against a loop over samples."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import g2d
from g2d.teachers.confidence import batch_confidence
from methods.small import NAMES, TASKS, bank, batch
from reference import g2d as paper

PAPER = {
    "classification": paper.Task("classification"),
    "multilabel": paper.Task("multilabel"),
    "regression": paper.Task("regression", -2.0, 6.0, 1.7),
}
BANKS = {kind: bank(NAMES[:3], task) for kind, task in TASKS.items()}


@pytest.mark.parametrize("kind", TASKS)
@given(size=st.integers(1, 7), seed=st.integers(0, 1000), missing=st.booleans())
def test_confidence_is_the_mean_over_the_samples_that_are_there(
    kind: str, size: int, seed: int, missing: bool
) -> None:
    teachers = BANKS[kind]
    data = batch(NAMES[:3], TASKS[kind], size=size, seed=seed, missing=missing)
    found = batch_confidence(teachers, [data])
    for name, said in teachers.outputs(data).items():
        present = data.present[name].tolist() if name in data.present else None
        expected = paper.confidence(PAPER[kind], said.logits, data.target, present)
        assert found[name].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", TASKS)
def test_over_uneven_batches_it_is_the_mean_over_samples(kind: str) -> None:
    teachers, task = BANKS[kind], TASKS[kind]
    batches = [batch(NAMES[:3], task, size=s, seed=s, missing=True) for s in (1, 5, 2, 9)]
    found = g2d.mean_confidence(teachers, iter(batches))
    for name in teachers.modalities:
        rows = [
            PAPER[kind].confidence_of(teachers.outputs(data)[name].logits[i], data.target[i])
            for data in batches
            for i in range(len(data))
            if name not in data.present or data.present[name][i]
        ]
        assert found[name] == pytest.approx(sum(rows) / len(rows), rel=1e-5)


def test_what_stands_in_the_place_of_an_absent_modality_has_no_say() -> None:
    teachers, task = BANKS["classification"], TASKS["classification"]
    data, other = (batch(NAMES[:3], task, missing=True) for _ in range(2))
    for name, mask in other.present.items():
        assert not mask.all()
        other.inputs[name][~mask] = torch.nan
    assert g2d.mean_confidence(teachers, [other]) == g2d.mean_confidence(teachers, [data])


def test_a_modality_that_no_sample_has_is_never_the_weakest() -> None:
    teachers = BANKS["classification"]
    data = batch(NAMES[:3], TASKS["classification"])
    data.present = {"depth": torch.zeros(len(data), dtype=torch.bool)}
    found = batch_confidence(teachers, [data])
    assert found["depth"] == math.inf
    assert g2d.rank(found)[-1] == "depth"


SCORES = st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]) | st.floats(0, 1), min_size=1, max_size=6)


@given(SCORES)
def test_the_ranking_ascends_and_ties_keep_the_declared_order(scores: list[float]) -> None:
    confidence = {f"m{i}": score for i, score in enumerate(scores)}
    assert list(g2d.rank(confidence)) == paper.ranking(confidence)
    tensors = {name: torch.tensor(v, dtype=torch.float64) for name, v in confidence.items()}
    assert g2d.rank(tensors) == g2d.rank(confidence)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5, unique=True), st.randoms())
def test_without_ties_the_declared_order_does_not_matter(scores: list[float], random) -> None:
    pairs = [(f"m{i}", score) for i, score in enumerate(scores)]
    shuffled = random.sample(pairs, len(pairs))
    assert g2d.rank(dict(shuffled)) == g2d.rank(dict(pairs))


curves = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(curves, st.floats(0, 0.5))
def test_speed_is_one_less_the_share_that_was_still_missing(
    curve: list[float], chance: float
) -> None:
    gained = max(curve) - chance
    if gained < 0.05 * (1 - chance):
        assert g2d.learning_speed(curve, chance) == 1
        return
    so_far = [max(max(curve[: i + 1]), chance) for i in range(len(curve))]
    missing = sum(max(curve) - value for value in so_far) / len(curve)
    assert g2d.learning_speed(curve, chance) == pytest.approx(1 - missing / gained)


@given(st.lists(st.floats(0.1, 1), min_size=2, max_size=30), st.floats(0, 1))
def test_what_is_unlearned_again_does_not_make_it_slow(curve: list[float], drop: float) -> None:
    """Confidence on held-out data falls when a teacher overfits; the best was learned before."""
    peak = curve.index(max(curve))
    fallen = [value if i <= peak else value * drop for i, value in enumerate(curve)]
    assert g2d.learning_speed(fallen) == pytest.approx(g2d.learning_speed(curve))


@given(curves, st.floats(0.2, 1))
def test_a_stronger_teacher_of_the_same_pace_is_as_fast(curve: list[float], size: float) -> None:
    """Above chance; measured from 0, the stronger would look slower."""
    chance, pace = 0.25, [min(value, 1.0) for value in [*curve, 1.0]]
    learned = [[chance + share * value * 0.75 for value in pace] for share in (size, 1.0)]
    slow, fast = (g2d.learning_speed(values, chance) for values in learned)
    assert slow == pytest.approx(fast)


@given(curves)
def test_the_same_confidence_learned_later_is_slower(curve: list[float]) -> None:
    late = sorted(curve)
    early = sorted(curve, reverse=True)
    assert g2d.learning_speed(late) <= g2d.learning_speed(curve) <= g2d.learning_speed(early)


def test_noise_is_not_slow() -> None:
    """A modality from which nothing can be learned never leads on the ground of its speed."""
    noise = [0.10, 0.11, 0.09, 0.10, 0.11, 0.10]
    slow = [0.10, 0.15, 0.30, 0.45, 0.55, 0.60]
    strong = [0.50, 0.58, 0.61, 0.62, 0.62, 0.63]
    speeds = {"noise": noise, "slow": slow, "strong": strong}
    found = {name: g2d.learning_speed(curve, chance=0.1) for name, curve in speeds.items()}
    assert g2d.rank(found) == ("slow", "strong", "noise")


@pytest.mark.parametrize("ask", [g2d.mean_confidence, g2d.calibrate])
def test_what_a_loader_yields_is_no_batch_and_is_named(ask) -> None:
    teacher = g2d.UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=2)
    teachers = g2d.OnlineTeachers({"sound": teacher}, g2d.Classification(2))
    with pytest.raises(g2d.UserError, match=r"got a tuple, expected a g2d\.Batch"):
        ask(teachers, [(torch.randn(2, 4), torch.tensor([0, 1]))])
