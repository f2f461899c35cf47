"""Epochs of a grid, scaled: what is kept whatever the numbers."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from g2d.benchmark.compare.epochs import scaled

stages = st.lists(st.integers(0, 400), min_size=1, max_size=6)
factors = st.floats(0.001, 20, allow_nan=False)


def both(schedule, factor):
    changes = [("training.epochs", sum(schedule)), ("method.schedule", schedule)]
    (_, epochs), (_, new) = scaled(changes, factor)
    return epochs, new


@given(stages, factors)
def test_a_schedule_ends_with_the_training_it_was_written_for(schedule, factor):
    epochs, new = both(schedule, factor)
    if sum(schedule):
        assert sum(new) == epochs
    assert len(new) == len(schedule)
    assert all(stage >= 0 for stage in new)


@given(stages, factors)
def test_a_stage_keeps_an_epoch_where_there_are_enough_and_none_begins(schedule, factor):
    epochs, new = both(schedule, factor)
    lasting = [stage > 0 for stage in schedule]
    if sum(schedule) and epochs >= sum(lasting):
        assert [stage > 0 for stage in new] == lasting


@given(stages, factors)
def test_a_stage_ends_near_its_share_of_the_whole(schedule, factor):
    """Within half an epoch of rounding, and one for every stage that had to be given its one."""
    _, new = both(schedule, factor)
    for before, after in zip(accumulate(schedule), accumulate(new), strict=True):
        assert abs(after - before * factor) <= 0.5 + len(schedule)


@given(stages)
def test_the_same_number_of_epochs_changes_nothing(schedule):
    changes = [("training.epochs", 300), ("method.schedule", schedule), ("method.alpha", 0.5)]
    assert scaled(changes, 1.0) == changes


@given(
    st.sampled_from(["training.epochs", "teachers.epochs", "method.schedule", "method.alpha"]),
    st.none() | st.booleans() | st.text() | st.floats() | st.lists(st.text() | st.floats()),
    st.floats(0.001, 0.9),
)
def test_what_is_no_number_of_epochs_is_left_for_the_check_of_the_recipe(key, value, factor):
    assert scaled([(key, value)], factor)[0][1] is value
