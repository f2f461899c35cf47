"""What is planned fits into the time there is, and the most of it that does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.table.diagnosis.budget import fit_budget, seconds_for

speeds = st.floats(0.001, 100)
budgets = st.floats(1, 10_000)
lengths = st.integers(1, 60)


@given(speeds, budgets, lengths)
def test_a_plan_fits_or_is_the_least_there_is(epoch, budget, epochs):
    plan = fit_budget(epoch, budget, epochs)
    assert 1 <= plan.seeds <= 5
    assert min(epochs, 8) <= plan.epochs <= epochs
    if seconds_for(epoch, plan.epochs, plan.seeds) > budget:
        assert (plan.seeds, plan.epochs) == (1, min(epochs, 8))
        assert "too short" in plan.cut[-1]


@given(speeds, budgets, lengths)
def test_what_is_cut_is_said(epoch, budget, epochs):
    plan = fit_budget(epoch, budget, epochs)
    said = " ".join(plan.cut)
    assert plan.shortened == (plan.epochs < epochs)
    assert (plan.epochs < epochs) == (f"instead of the recipe's {epochs}" in said)
    assert (plan.seeds < 5) == ("instead of 5" in said)


@given(speeds, budgets, lengths, st.floats(1, 10))
def test_more_time_never_trains_less(epoch, budget, epochs, factor):
    short, long = (fit_budget(epoch, b, epochs) for b in (budget, factor * budget))
    assert (long.seeds, long.epochs) >= (short.seeds, short.epochs)


@given(speeds, budgets, lengths)
def test_seeds_go_to_three_before_epochs_go_at_all(epoch, budget, epochs):
    plan = fit_budget(epoch, budget, epochs)
    if plan.epochs < epochs:
        assert plan.seeds <= 3


@given(speeds, lengths, st.integers(1, 5))
def test_every_seed_takes_as_long_as_the_first(epoch, epochs, seeds):
    """Everything is trained anew; an epoch trains four models and asks the teachers."""
    one = seconds_for(epoch, epochs, 1)
    assert seconds_for(epoch, epochs, seeds) == pytest.approx(seeds * one)
    assert one >= 4 * epochs * epoch


def test_seeds_that_are_asked_for_are_kept():
    assert fit_budget(10, 600, 20, seeds=4).seeds == 4
    assert fit_budget(0.001, 600, 20, seeds=2).cut == ()
