"""The stages of a run: none for a modality that knows nothing, and a word where they are short."""

from __future__ import annotations

import logging

import pytest

from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import load_recipe
from g2d.runs.stages import fit_stages

NAMES = ("sound", "image", "depth")
RANKING = {"sound": 0.9, "image": 0.2, "depth": 0.5}  # image leads first, then depth


def plan(schedule: object, **options: object) -> MethodPlan:
    method = {"name": "g2d", "schedule": schedule, **options}
    changes = [("method", method), ("training.epochs", 12)]
    return plan_method(load_recipe("avdigits", changes), NAMES)


def test_an_adaptive_schedule_leaves_out_who_is_at_chance(caplog: pytest.LogCaptureFixture) -> None:
    fitted = fit_stages(plan("auto"), RANKING, ("image",), steps=1000)
    assert fitted.schedule is not None
    assert fitted.schedule.tau == (0, 3, 9)
    assert fitted.schedule.patience == 3
    assert "teacher of image is at chance" in caplog.text


def test_one_that_is_fixed_is_kept_and_said(caplog: pytest.LogCaptureFixture) -> None:
    fitted = fit_stages(plan("halves"), RANKING, ("image",), steps=1000)
    assert fitted.schedule is not None
    assert fitted.schedule.tau == (3, 3, 6)
    assert "--method.schedule auto leaves such stages out" in caplog.text


@pytest.mark.parametrize(
    ("schedule", "idle", "steps"),
    [("auto", (), 1000), ("auto", ("sound",), 1000), (0, ("image",), 1)],
)
def test_nothing_is_said_where_nothing_is_wrong(
    schedule: object, idle: tuple[str, ...], steps: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The strongest has no stage of its own; without stages there is nothing to leave out."""
    asked = plan(schedule)
    with caplog.at_level(logging.WARNING):
        assert fit_stages(asked, RANKING, idle, steps) == asked
    assert not caplog.text


def test_a_stage_of_few_steps_is_said(caplog: pytest.LogCaptureFixture) -> None:
    fit_stages(plan([1, 3, 8]), RANKING, (), steps=20)
    assert "the shortest stage has 20 steps (epochs: 1)" in caplog.text


def test_ranked_anew_in_every_batch_no_stage_is_known_to_be_idle() -> None:
    asked = plan("halves", preset="paper")
    assert fit_stages(asked, None, ("image",), steps=1000) == asked
