"""Metrics by pattern, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d import Classification, Regression
from g2d.engine import Evaluation
from g2d.engine.patterns import with_patterns

NAMES = ("x", "y", "z")
rows_of = st.lists(st.tuples(*[st.booleans()] * 3), min_size=1, max_size=30)


def evaluation(target, logits, present, index=None):
    return Evaluation(
        logits={"fused": logits},
        target=target,
        index=torch.arange(len(target)) if index is None else index,
        present=present,
        metrics={"accuracy": {"fused": 0.5}},
    )


@settings(max_examples=40, deadline=None)
@given(rows=rows_of, seed=st.integers(0, 99), told=st.booleans())
def test_every_sample_counts_in_its_own_pattern(rows, seed, told):
    rng = np.random.default_rng(seed)
    logits, target = rng.normal(size=(len(rows), 4)), rng.integers(4, size=len(rows))
    masks = {name: np.array([row[i] for row in rows]) for i, name in enumerate(NAMES)}
    present = {name: torch.from_numpy(mask) for name, mask in masks.items()}
    said = evaluation(torch.from_numpy(target), torch.from_numpy(logits), present if told else {})
    found = with_patterns(said, Classification(4), NAMES, None if told else masks)
    by_hand: dict[str, list[bool]] = {}
    for row, values, right in zip(rows, logits, target, strict=True):
        name = "+".join(n for n, has in zip(NAMES, row, strict=True) if has) or "none"
        by_hand.setdefault(name, []).append(int(np.argmax(values)) == right)
    if all(map(all, rows)):
        assert found is said
        assert "patterns" not in found.record()
        return
    patterns = found.record()["patterns"]
    assert {name: values["n"] for name, values in patterns.items()} == {
        name: len(hits) for name, hits in by_hand.items()
    }
    for name, hits in by_hand.items():
        assert patterns[name]["accuracy"] == pytest.approx(sum(hits) / len(hits))
    assert list(found.patterns) == sorted(
        found.patterns, key=lambda name: -len(name.split("+")) if name != "none" else 0
    )
    assert found.metrics == said.metrics


def test_the_rows_of_an_evaluation_are_found_by_their_index():
    """Several processes, or a subset: row i of the evaluation need not be sample i."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    said = evaluation(torch.tensor([0, 0]), logits, {}, index=torch.tensor([3, 1]))
    there = {"x": np.array([True, False, True, True])}
    found = with_patterns(said, Classification(2), ("x", "y"), there).patterns
    counted = {name: (values["n"], values["accuracy"]) for name, values in found.items()}
    assert counted == {"x+y": (1, 1.0), "y": (1, 0.0)}


def test_a_pattern_of_one_sample_has_no_r2():
    task = Regression(0.0, 10.0, 2.0)
    present = {"x": torch.tensor([True, True, False])}
    said = evaluation(torch.tensor([1.0, 4.0, 6.0]), torch.zeros(3, 1), present)
    found = with_patterns(said, task, ("x", "y")).patterns
    assert np.isnan(found["y"]["r2"])
    assert found["y"]["mae"] == pytest.approx(1.0)
    assert found["x+y"]["mae"] == pytest.approx(2.5)
