"""How far a metric is from guessing to perfect."""

from __future__ import annotations

import pytest

from g2d import Classification, Regression
from g2d.monitor.judging import skill


@pytest.mark.parametrize(
    ("task", "perfect"), [(Classification(2), 1.0), (Regression(low=0.0, high=1.0, std=1.0), 0.0)]
)
def test_skill_is_0_for_a_guess_1_for_what_is_perfect_and_below_0_for_worse(task, perfect):
    guess = 0.5
    found = [skill(task, value, guess) for value in (guess, perfect, 2 * guess - perfect)]
    assert found == [0.0, 1.0, -1.0]
