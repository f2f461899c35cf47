"""Which modality is trained alone when, Eq. 6."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import g2d
from g2d import Schedule, UserError
from methods.small import NAMES, OPTIMIZERS, TASKS, bank, student
from reference import g2d as paper

TASK = TASKS["classification"]
TAUS = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.integers(0, 4), min_size=k, max_size=k).map(tuple)
)


@pytest.mark.parametrize(
    ("tau", "table"),
    [
        ((2, 2), "aa.."),
        ((0, 3), "..."),
        ((3, 0), "aaa."),
        ((0, 0), ".."),
        ((2, 1, 2), "aab.."),
        ((0, 2, 1), "bb."),
        ((2, 0, 1), "aa.."),
        ((1, 2, 1, 1), "abbc."),
        ((0, 0, 2, 1), "cc.."),
        ((1, 0, 1, 0), "ac.."),
    ],
)
def test_the_active_modality_by_epoch(tau: tuple[int, ...], table: str) -> None:
    """One letter an epoch: the modality that learns alone, or a dot for all."""
    ranking = ("a", "b", "c", "d")[: len(tau)]
    schedule = Schedule(tau)
    for epoch, expected in enumerate(table):
        active = schedule.active(epoch, ranking)
        assert active == (None if expected == "." else (expected,))


@given(TAUS, st.data())
def test_the_active_modality_is_that_of_equation_6(
    tau: tuple[int, ...], data: st.DataObject
) -> None:
    ranking = data.draw(st.permutations([f"m{j}" for j in range(len(tau))]))
    schedule = Schedule(tau)
    for epoch in range(sum(tau) + 3):
        active = schedule.active(epoch, ranking)
        expected = paper.active_set(epoch + 1, tau, ranking)
        assert set(ranking if active is None else active) == expected


@given(TAUS)
def test_every_stage_lasts_as_long_as_its_tau(tau: tuple[int, ...]) -> None:
    stages = [Schedule(tau).stage(epoch) for epoch in range(sum(tau))]
    assert stages == [stage for stage, length in enumerate(tau) for _ in range(length)]


@given(TAUS)
def test_boundaries_are_where_the_stage_changes(tau: tuple[int, ...]) -> None:
    schedule = Schedule(tau)
    stages = [schedule.stage(epoch) for epoch in range(sum(tau) + 2)]
    changes = [e for e in range(1, len(stages)) if stages[e] != stages[e - 1]]
    assert schedule.boundaries == tuple(changes)


@given(st.integers(2, 6), st.integers(1, 400))
def test_the_default_fills_the_epochs_and_gives_equal_shares(k: int, epochs: int) -> None:
    schedule = Schedule.default(k, epochs)
    schedule.check(k, epochs)
    assert sum(schedule.tau) == epochs
    assert len(set(schedule.tau[:-1])) == 1
    # the published schedules: half of the epochs before all learn together
    assert epochs / 2 - (k - 1) < sum(schedule.tau[:-1]) <= epochs / 2


@pytest.mark.parametrize("tau", [(), (3,), (1, -1), (1.5, 2), ("1", 2)])
def test_what_is_no_schedule_is_refused(tau: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="whole number of epochs"):
        Schedule(tau)


def test_a_schedule_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="2 stages and there are 3 modalities"):
        Schedule((1, 2)).check(3, 10)
    with pytest.raises(UserError, match="takes 3 epochs and training has 2"):
        Schedule((1, 2)).check(2, 2)


@pytest.mark.parametrize(("tau", "epochs"), [((10, 20), 8), ((3, 6, 2), 8), ((3, 6, 0), 2)])
def test_a_loop_that_ends_before_the_last_stage_is_refused(
    tau: tuple[int, ...], epochs: int
) -> None:
    """Otherwise one modality would be trained alone to the end, and no word said."""
    names = NAMES[: len(tau)]
    model = student(names, TASK.outputs)
    method = g2d.G2D(model, TASK, bank(names, TASK), tau)
    optimizer = OPTIMIZERS["sgd"](model)
    with pytest.raises(UserError, match=f"the loop has {epochs}, so .* shorten the schedule"):
        method.on_fit_start(g2d.Loop(optimizer, epochs=epochs))
    method.on_fit_start(g2d.Loop(optimizer))  # how many there will be is not known
    method.on_fit_start(g2d.Loop(optimizer, epochs=sum(tau[:-1]) + 1))


@pytest.mark.parametrize(("tau", "epochs"), [((3, 3), 1), ((1, 1), 1), ((2, 2), 2)])
def test_a_trial_of_one_epoch_and_a_loop_that_ends_between_stages_are_warned_of(
    tau: tuple[int, ...], epochs: int, caplog: pytest.LogCaptureFixture
) -> None:
    g2d.Schedule((2, 0)).check_reached(2)
    g2d.Schedule((0, 0)).check_reached(1)
    assert not caplog.records
    g2d.Schedule(tau).check_reached(epochs)
    assert f"begins its last stage after {tau[0]} epochs" in caplog.text
