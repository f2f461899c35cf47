"""Tasks against scikit-learn, SciPy, and the formulas of the paper written out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from scipy.stats import entropy
from sklearn import metrics as sk

import g2d
from g2d.analysis.scores import score_samples
from g2d.errors import UserError
from g2d.tasks import task_from
from methods import small
from reference import g2d as paper

TASKS: dict[str, g2d.Task] = {
    "classification": g2d.Classification(5),
    "multilabel": g2d.MultiLabel(["rain", "wind", "sun"]),
    "regression": g2d.Regression(low=-2.0, high=6.0, std=1.7),
}
PAPER = {
    "classification": paper.Task("classification"),
    "multilabel": paper.Task("multilabel"),
    "regression": paper.Task("regression", -2.0, 6.0, 1.7),
}


def samples(kind: str, size: int, seed: int, scale: float = 2.0) -> tuple[torch.Tensor, ...]:
    """Logits of a model, logits of a teacher, targets."""
    generator = torch.Generator().manual_seed(seed)
    width = TASKS[kind].outputs
    logits, teacher = (scale * torch.randn(size, width, generator=generator) for _ in range(2))
    if kind == "classification":
        target = torch.randint(width, (size,), generator=generator)
    elif kind == "multilabel":
        target = torch.randint(2, (size, width), generator=generator)
    else:
        target = -2 + 8 * torch.rand(size, generator=generator)
    return logits, teacher, target


kinds = pytest.mark.parametrize("kind", TASKS)
sizes, seeds = st.integers(1, 8), st.integers(0, 10_000)


@kinds
@given(size=sizes, seed=seeds)
def test_loss_and_confidence_follow_the_formulas(kind: str, size: int, seed: int) -> None:
    logits, _, target = samples(kind, size, seed)
    task, truth = TASKS[kind], PAPER[kind]
    each = [truth.loss_of(logits[i].double(), target[i]).item() for i in range(size)]
    assert task.loss(logits, target).item() == pytest.approx(np.mean(each), rel=1e-4, abs=1e-6)
    confidence = task.confidence(logits, target)
    assert confidence.shape == (size,)
    for i in range(size):
        expected = truth.confidence_of(logits[i], target[i])
        assert confidence[i].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert 0 <= confidence[i] <= 1


@given(size=sizes, seed=seeds, temperature=st.floats(0.3, 8.0))
def test_divergences_are_those_of_scipy(size: int, seed: int, temperature: float) -> None:
    logits, teacher, _ = samples("classification", size, seed)
    found = TASKS["classification"].divergence(logits, teacher, temperature)
    z, t = logits.double().numpy() / temperature, teacher.double().numpy() / temperature
    expected = temperature**2 * entropy(softmax(t, axis=1), softmax(z, axis=1), axis=1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-5)

    logits, teacher, _ = samples("multilabel", size, seed)
    found = TASKS["multilabel"].divergence(logits, teacher, temperature)
    p, q = (
        expit(teacher.double().numpy() / temperature),
        expit(logits.double().numpy() / temperature),
    )
    bits = entropy(np.stack([p, 1 - p]), np.stack([q, 1 - q]), axis=0)
    np.testing.assert_allclose(
        found.numpy(), temperature**2 * bits.mean(axis=1), rtol=1e-3, atol=1e-5
    )

    logits, teacher, _ = samples("regression", size, seed)
    found = TASKS["regression"].divergence(logits, teacher, temperature)
    expected = (expit(logits.double().numpy()) - expit(teacher.double().numpy())) ** 2
    np.testing.assert_allclose(found.numpy(), expected[:, 0], rtol=1e-3, atol=1e-6)


@kinds
def test_no_divergence_from_oneself_and_no_gradient_to_the_teacher(kind: str) -> None:
    logits, teacher, _ = samples(kind, 6, seed=0)
    task = TASKS[kind]
    assert task.divergence(logits, logits, 2.0).abs().max() < 1e-6
    logits.requires_grad_()
    teacher.requires_grad_()
    divergence = task.divergence(logits, teacher, 2.0)
    assert divergence.shape == (6,)
    assert (divergence > 0).all()
    divergence.sum().backward()
    assert teacher.grad is None
    assert (logits.grad != 0).any()


@kinds
def test_logits_that_are_very_sure_stay_finite(kind: str) -> None:
    logits, teacher, target = samples(kind, 6, seed=1, scale=200.0)
    logits.requires_grad_()
    task = TASKS[kind]
    total = task.loss(logits, target) + task.divergence(logits, teacher).mean()
    total.backward()
    assert torch.isfinite(total)
    assert logits.grad.isfinite().all()
    assert task.confidence(logits, target).isfinite().all()


@kinds
def test_half_precision_is_computed_in_float32(kind: str) -> None:
    logits, teacher, target = (
        x.bfloat16() if x.is_floating_point() else x for x in samples(kind, 6, 2)
    )
    if kind == "regression":
        target = target.float()
    task = TASKS[kind]
    for low, high in (
        (task.loss(logits, target), task.loss(logits.float(), target)),
        (task.confidence(logits, target), task.confidence(logits.float(), target)),
        (task.divergence(logits, teacher), task.divergence(logits.float(), teacher.float())),
    ):
        assert low.dtype == torch.float32
        assert torch.equal(low, high)


def test_accuracy_is_that_of_scikit_learn() -> None:
    logits, _, target = samples("classification", 200, seed=3)
    task = TASKS["classification"]
    expected = sk.accuracy_score(target.numpy(), logits.numpy().argmax(axis=1))
    assert task.metrics(logits, target)["accuracy"] == pytest.approx(expected)

    logits, _, target = samples("multilabel", 200, seed=3)
    bits = expit(logits.numpy()) > 0.5
    found = TASKS["multilabel"].metrics(logits, target)
    assert found["accuracy"] == pytest.approx(1 - sk.hamming_loss(target.numpy(), bits))
    assert found["exact_match"] == pytest.approx(sk.accuracy_score(target.numpy(), bits))


@given(size=st.integers(2, 12), seed=seeds, levels=st.sampled_from([2, 5, 1000]))
def test_f1_and_map_of_several_labels_are_those_of_scikit_learn(
    size: int, seed: int, levels: int
) -> None:
    """Also where scores are equal, and where a label has no sample."""
    logits, _, target = samples("multilabel", size, seed)
    logits = (levels * logits).round() / levels
    target[:, 2] *= seed % 2
    truth, answers = target.numpy(), (logits > 0).int().numpy()
    found = TASKS["multilabel"].metrics(logits, target)
    if truth.any() or answers.any():
        assert found["f1"] == pytest.approx(sk.f1_score(truth, answers, average="micro"))
        labels = np.flatnonzero(truth.any(axis=0) | answers.any(axis=0))
        each = sk.f1_score(truth, answers, average=None, labels=labels, zero_division=0)
        assert found["macro_f1"] == pytest.approx(each.mean())
    there = truth.any(axis=0)
    if there.any():
        expected = sk.average_precision_score(truth[:, there], logits.numpy()[:, there])
        assert found["map"] == pytest.approx(expected)
    else:
        assert math.isnan(found["map"])


@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 5), seeds)
def test_recalls_and_f1_are_those_of_scikit_learn(
    size: int, truths: int, answers: int, seed: int
) -> None:
    """With classes that the split has not, that are never answered, or neither."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(truths, (size,), generator=generator)
    prediction = 4 - torch.randint(answers, (size,), generator=generator)
    logits = torch.nn.functional.one_hot(prediction, 5).float()
    found = TASKS["classification"].metrics(logits, target)
    said, truth = prediction.numpy(), target.numpy()
    there = np.unique(truth)  # classes without samples have no recall
    recall = sk.recall_score(truth, said, labels=there, average="macro", zero_division=0)
    assert found["uar"] == pytest.approx(recall)
    assert found["macro_f1"] == pytest.approx(sk.f1_score(truth, said, average="macro"))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, said))


def test_uar_weighs_classes_alike() -> None:
    """One class with all its 9 right, one with its only sample wrong."""
    target = torch.tensor([0] * 9 + [1])
    logits = torch.nn.functional.one_hot(torch.zeros(10, dtype=torch.long), 5).float()
    found = TASKS["classification"].metrics(logits, target)
    assert (found["accuracy"], found["uar"]) == (0.9, 0.5)
    assert found["macro_f1"] == pytest.approx((18 / 19 + 0) / 2)


def test_regression_metrics_are_those_of_scikit_learn_on_the_original_scale() -> None:
    logits, _, target = samples("regression", 200, seed=4)
    prediction = -2 + 8 * expit(logits.double().numpy()[:, 0])
    truth = target.double().numpy()
    found = TASKS["regression"].metrics(logits, target)
    expected = {
        "mape": sk.mean_absolute_percentage_error(truth, prediction),
        "r2": sk.r2_score(truth, prediction),
        "rmse": sk.root_mean_squared_error(truth, prediction),
        "mae": sk.mean_absolute_error(truth, prediction),
        "mpe": np.mean(1 - prediction / truth),
    }
    assert found == pytest.approx(expected, rel=1e-5)


def test_what_a_split_does_not_define_is_nan() -> None:
    task = TASKS["regression"]
    constant = task.metrics(torch.zeros(3, 1), torch.full((3,), 2.0))
    assert math.isnan(constant["r2"])
    assert constant["rmse"] == 0
    zeros = task.metrics(torch.zeros(3, 1), torch.zeros(3))
    assert math.isnan(zeros["mape"])
    assert math.isnan(zeros["mpe"])
    assert zeros["mae"] == 2
    some = task.metrics(torch.zeros(2, 1), torch.tensor([0.0, 4.0]))  # the prediction is 2
    assert (some["mape"], some["mpe"]) == (0.5, 0.5)


def test_mpe_has_a_sign() -> None:
    task, predicted = g2d.Regression(0.0, 4.0, 1.0), torch.zeros(2, 1)  # 2, twice
    assert task.metrics(predicted, torch.tensor([4.0, 4.0]))["mpe"] == 0.5
    assert task.metrics(predicted, torch.tensor([1.0, 1.0]))["mpe"] == -1
    both = task.metrics(predicted, torch.tensor([4.0, 4 / 3]))
    assert both["mpe"] == pytest.approx(0, abs=1e-6)
    assert both["mape"] == pytest.approx(0.5)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=20))
def test_the_scale_of_regression_is_that_of_its_training_targets(values: list[float]) -> None:
    targets = torch.tensor(values)
    if targets.max() - targets.min() < 1e-2:
        return
    task = g2d.Regression.fit(targets)
    unit = task.scale(targets)
    assert unit.min() == 0
    assert unit.max() == pytest.approx(1)
    assert task.std == pytest.approx(np.std(np.array(values)), rel=1e-4)
    inside = unit.clamp(1e-3, 1 - 1e-3)  # a sigmoid does not reach 0 and 1
    back = task.predict(torch.logit(inside)[:, None])
    torch.testing.assert_close(
        back,
        task.low + (task.high - task.low) * inside,
        rtol=1e-3,
        atol=1e-3 * (task.high - task.low),
    )


@given(st.floats(0.1, 10.0), st.floats(-50.0, 50.0))
def test_regression_confidence_does_not_depend_on_the_unit(factor: float, shift: float) -> None:
    logits, _, target = samples("regression", 6, seed=5)
    here = g2d.Regression(-2.0, 6.0, 1.7).confidence(logits, target)
    there = g2d.Regression(-2 * factor + shift, 6 * factor + shift, 1.7 * factor)
    torch.testing.assert_close(
        there.confidence(logits, target * factor + shift), here, rtol=1e-2, atol=1e-3
    )


@pytest.mark.parametrize("shift", [1.7e9, -4e7, 1e12])
def test_targets_far_from_zero_are_learnt_and_told_as_those_near_it(shift: float) -> None:
    """In float32 the neighbours of 1.7e9 are 128 apart."""
    target = torch.linspace(0.0, 8.0, 33, dtype=torch.float64)
    near, far = g2d.Regression.fit(target), g2d.Regression.fit(target + shift)
    logits = torch.randn(33, 1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(far.losses(logits, target + shift), near.losses(logits, target))
    told = far.predict(logits) - shift
    torch.testing.assert_close(told, near.predict(logits).double(), rtol=0, atol=1e-3)
    for metric in ("r2", "rmse", "mae"):
        found = far.metrics(logits, target + shift)[metric]
        assert found == pytest.approx(near.metrics(logits, target)[metric], rel=1e-3)
    assert near.digits == 8
    assert float(f"{8 + shift:.{far.digits}g}") - shift == pytest.approx(8, abs=1e-2)


@kinds
def test_a_task_is_built_again_from_what_it_says_of_itself(kind: str) -> None:
    task = TASKS[kind]
    again = task_from(json.loads(json.dumps(task.describe())))
    assert type(again) is type(task)
    assert again.describe() == task.describe()
    logits, teacher, target = samples(kind, 6, seed=6)
    assert torch.equal(again.loss(logits, target), task.loss(logits, target))
    assert torch.equal(again.divergence(logits, teacher), task.divergence(logits, teacher))
    assert torch.equal(again.predict(logits), task.predict(logits))


@kinds
def test_better_prefers_quality_the_earlier_and_what_is_a_number(kind: str) -> None:
    task, nan = TASKS[kind], float("nan")
    good, bad = (0.9, 0.1) if kind != "regression" else (0.1, 0.9)
    assert task.better(good, bad)
    assert not task.better(bad, good)
    assert not task.better(good, good)
    assert task.better(bad, None)
    assert task.better(bad, nan)
    assert not task.better(nan, bad)


def test_what_cannot_be_a_task_is_refused() -> None:
    with pytest.raises(UserError, match="2 classes or more, got 1"):
        g2d.Classification(1)
    with pytest.raises(UserError, match="1 label or more, got 0"):
        g2d.MultiLabel([])
    for targets in ([3.0, 3.0], [float("nan"), 1.0]):
        with pytest.raises(UserError, match="training targets that differ"):
            g2d.Regression.fit(torch.tensor(targets))
    with pytest.raises(UserError, match="unknown task 'ranking'; known: classification"):
        task_from({"kind": "ranking"})


@pytest.mark.parametrize("kind", TASKS)
def test_chance_is_the_confidence_of_the_frequencies(kind: str) -> None:
    """A loop over the samples, with the frequencies as the prediction for each."""
    task = TASKS[kind]
    target = small.targets(task, 40, torch.Generator().manual_seed(3))
    total = 0.0
    for one in target:
        if isinstance(task, g2d.Classification):
            total += float((target == one).double().mean())
        elif isinstance(task, g2d.MultiLabel):
            yes = target.double().mean(dim=0)
            total += float(torch.where(one > 0, yes, 1 - yes).mean())
        else:
            total += math.exp(-abs(float(one) - float(target.double().mean())) / task.std)
    assert task.chance(target) == pytest.approx(total / len(target), rel=1e-4)


@pytest.mark.parametrize("kind", TASKS)
def test_the_metric_is_that_of_the_mean_of_its_terms(kind: str) -> None:
    """In two halves of different size, as batches are."""
    task = TASKS[kind]
    random = torch.Generator().manual_seed(4)
    target = small.targets(task, 30, random)
    logits = torch.randn(30, task.outputs, generator=random)
    parts = [task.terms(logits[rows], target[rows]) for rows in torch.arange(30).split(20)]
    mean = sum(part.double().sum().item() for part in parts) / 30
    expected = task.metrics(logits, target)[task.metric]
    assert task.metric_of(mean) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("metric", ["accuracy", "uar", "macro_f1", "mae"])
def test_the_metric_that_selects_is_the_mean_of_its_terms(metric: str) -> None:
    random = torch.Generator().manual_seed(5)
    task = g2d.Classification(4, selects=metric)
    target = torch.tensor([0] * 30 + [1] * 6 + [2] * 4)  # and none of the last class
    logits = torch.randn(40, 4, generator=random)
    expected = task.metrics(logits, target)[metric]
    assert task.metric == metric
    assert task.terms(logits, target).double().mean().item() == pytest.approx(expected, rel=1e-5)


def test_the_answer_among_classes_in_order_is_expected_to_be_least_off() -> None:
    random = torch.Generator().manual_seed(7)
    task = g2d.Classification(["none", "mild", "moderate", "severe"], selects="mae")
    logits, target = 2 * torch.randn(50, 4, generator=random), torch.arange(50) % 4
    found, plain = task.predict(logits), logits.argmax(dim=1)
    places = torch.arange(4).double()
    for row, answer in zip(logits.double(), found.tolist(), strict=True):
        share = torch.exp(row) / torch.exp(row).sum()
        expected = [float((share * (places - a).abs()).sum()) for a in range(4)]
        assert expected[answer] == pytest.approx(min(expected), abs=1e-9)
    assert not torch.equal(found, plain)
    metrics = task.metrics(logits, target)
    assert metrics["mae"] == pytest.approx(sk.mean_absolute_error(target, found))
    assert metrics["accuracy"] == pytest.approx(sk.accuracy_score(target, found))
    explained = score_samples(task, logits, target).mean()
    assert explained == pytest.approx(sk.d2_absolute_error_score(target, found))
    assert task.better(0.4, 0.5)
    assert not task.better(0.6, 0.5)
    again = task_from(task.describe())
    assert torch.equal(again.predict(logits), found)


def test_two_classes_have_no_order_that_matters() -> None:
    with pytest.raises(g2d.UserError, match="selects=mae and 2 classes"):
        g2d.Classification(2, selects="mae")


def test_the_terms_of_macro_f1_are_the_jackknifes() -> None:
    """By leaving out one sample after the other, with scikit-learn."""
    random = torch.Generator().manual_seed(6)
    task = g2d.Classification(3, selects="macro_f1")
    target, logits = torch.tensor([0] * 9 + [1] * 4 + [2] * 3), torch.randn(16, 3, generator=random)
    answer = logits.argmax(dim=1)
    whole = sk.f1_score(target, answer, average="macro")
    rest = [torch.arange(16) != row for row in range(16)]
    without = torch.tensor([sk.f1_score(target[r], answer[r], average="macro") for r in rest])
    influence = 15 * (whole - without)
    expected = whole + influence - influence.mean()
    found = task.terms(logits, target).double()
    torch.testing.assert_close(found, expected.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [float("nan"), 1.0], [np.inf, 1.0]])
def test_weights_of_classes_that_are_none_are_refused(weights) -> None:
    with pytest.raises(UserError, match="expected numbers from 0, not all of them 0"):
        g2d.Classification(2, weights)
