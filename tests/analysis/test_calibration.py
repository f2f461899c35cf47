"""Calibration errors against a loop over samples, scikit-learn's bins, and what must be so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.subjects import NAMES, looks_drawn, subject, whole
from g2d import Classification, UserError
from g2d.analysis.calibration import (
    BINS,
    calibration,
    equal_mass,
    equal_width,
    predicted_confidence,
)


def by_samples(confidence, right, bins):
    """ECE as Guo et al. write it, sample by sample."""
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [i for i, c in enumerate(confidence) if low < c <= high or (b == 0 and c == 0)]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            sure = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - sure)
    return total


def made(count=500, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.beta(3, 2, size=count)
    return confidence, (rng.random(count) < confidence**2).astype(float)


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 20),
)
def test_the_error_is_that_of_a_loop_over_samples(pairs, bins):
    confidence = np.array([c for c, _ in pairs])
    right = np.array([float(r) for _, r in pairs])
    # A confidence on an edge may fall to either side by its last bit.
    if (np.abs(confidence * bins - np.round(confidence * bins)) < 1e-9).any():
        return
    found = equal_width(confidence, right, bins)
    assert found.error == pytest.approx(by_samples(confidence, right, bins), abs=1e-12)
    assert found.count.sum() == len(pairs)


@pytest.mark.parametrize(
    ("binned", "strategy"), [(equal_width, "uniform"), (equal_mass, "quantile")]
)
def test_the_bins_are_scikit_learns(binned, strategy):
    calibration_curve = pytest.importorskip("sklearn.calibration").calibration_curve
    confidence, right = made()
    accuracy, sure = calibration_curve(right, confidence, n_bins=BINS, strategy=strategy)
    found = binned(confidence, right)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.confidence == pytest.approx(sure)


def test_bins_of_equal_mass_hold_as_many():
    found = equal_mass(*made(600))
    assert len(found.count) == BINS
    assert found.count.min() >= 39
    assert found.count.max() <= 41


def test_who_is_as_right_as_sure_has_no_error():
    confidence = np.repeat([0.25, 0.75], 400)
    right = np.tile([1.0, 0, 0, 0], 100), np.tile([1.0, 1, 1, 0], 100)
    for binned in (equal_width, equal_mass):
        assert binned(confidence, np.concatenate(right)).error == pytest.approx(0, abs=1e-12)
    assert equal_width(np.ones(5), np.zeros(5)).error == 1


@pytest.mark.parametrize("masked", [False, True])
def test_every_prediction_is_measured_on_the_samples_that_have_it(masked):
    mine = subject(masked=masked)
    found = calibration([mine])
    assert [row.of for row in found.rows] == ["fused", *NAMES]
    batch = whole(mine.batches("test"))
    with torch.no_grad():
        outputs = mine.model(batch)
    for row in found.rows:
        logits = outputs.logits if row.of == "fused" else outputs.unimodal[row.of]
        there = batch.present.get(row.of, torch.ones(len(batch), dtype=torch.bool))
        probability = logits[there].double().softmax(1).numpy()
        right = probability.argmax(1) == batch.target[there].numpy()
        assert row.width.error == pytest.approx(by_samples(probability.max(1), right, BINS))
        assert row.accuracy == pytest.approx(right.mean())
        assert row.confidence == pytest.approx(probability.max(1).mean())


def test_other_targets_are_refused():
    with pytest.raises(UserError, match="mine predicts regression; calibration is defined here"):
        calibration([subject(), subject("numbers")])


def test_table_sentence_figure_and_numbers(tmp_path):
    found = calibration([subject(), subject(label="other", seed=1)], split="val")
    columns, rows = found.table()
    assert all(len(row) == len(columns) for row in rows)
    assert len(rows) == 8
    assert found.sentence().startswith("On val, on average: mine fused ")
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert sum(b["samples"] for b in told["predictions"][0]["equal_width"]) == 50
    assert looks_drawn(found.plot(tmp_path / "new" / "figure.png"))


def test_the_answer_is_the_likeliest_class():
    logits, target = torch.tensor([[0.0, 0.0, 1.0], [4.0, 0.0, 0.0]]), torch.tensor([2, 1])
    sure, right = predicted_confidence(Classification(3), logits, target)
    assert sure == pytest.approx([np.e / (2 + np.e), np.e**4 / (2 + np.e**4)])
    assert right.tolist() == [1, 0]


def test_of_classes_in_order_the_answer_is_the_median_class():
    likely = torch.tensor([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7], [0.45, 0.1, 0.45]])
    task = Classification(["poor", "fair", "good"], selects="mae")
    sure, right = predicted_confidence(task, likely.log(), torch.tensor([1, 2, 0]))
    assert sure == pytest.approx([0.3, 0.7, 0.1], abs=1e-6)
    assert right.tolist() == [1, 1, 0]


def test_of_two_classes_the_answer_is_by_the_threshold():
    likely = torch.tensor([[0.3, 0.7], [0.1, 0.9], [0.6, 0.4]])
    sure, right = predicted_confidence(
        Classification(2, threshold=0.8), likely.log(), torch.tensor([1, 1, 0])
    )
    assert sure == pytest.approx([0.3, 0.9, 0.6], abs=1e-6)
    assert right.tolist() == [0, 1, 1]


def test_the_accuracy_is_that_of_the_run():
    task = Classification(3, selects="mae")
    mine = replace(subject(seed=3), task=task)
    found = calibration([mine]).rows[0]
    batch = whole(mine.batches("test"))
    with torch.no_grad():
        logits = mine.model(batch).logits
    metrics = [kind.metrics(logits, batch.target)["accuracy"] for kind in (task, subject().task)]
    assert metrics[0] != metrics[1]  # else the test says nothing
    assert found.accuracy == pytest.approx(metrics[0])


def test_true_probabilities_have_no_error_by_any_rule():
    """Classes drawn from the probabilities that are said; the error left is that of chance."""
    generator = torch.Generator().manual_seed(0)
    for classes, rule in ((3, {"selects": "mae"}), (2, {"threshold": 0.7}), (3, {})):
        logits = torch.randn(40000, classes, generator=generator)
        target = logits.softmax(1).multinomial(1, generator=generator).squeeze(1)
        pair = predicted_confidence(Classification(classes, **rule), logits, target)
        assert equal_mass(*pair).error < 0.015
