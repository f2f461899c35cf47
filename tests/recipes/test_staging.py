"""Schedules said in three ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.methods.schedule import Schedule
from g2d.recipes.staging import schedule_from


@given(st.integers(2, 6), st.integers(0, 400), st.integers(0, 400))
def test_shares_are_fair_and_lose_no_epoch(modalities, alone, together):
    tau = Schedule.shared(modalities, alone, together).tau
    *leading, last = tau
    assert (len(tau), sum(leading), last) == (modalities, alone, together)
    assert max(leading) - min(leading) <= 1
    assert sorted(leading, reverse=True) == leading


def test_the_paper_in_words_of_any_number_of_modalities():
    """τ of Table 7 and of Section A.4."""
    written = {"alone": 150, "together": 150}
    assert schedule_from(written, 2, 300).tau == (150, 150)
    assert schedule_from(written, 3, 300).tau == (75, 75, 150) == schedule_from(None, 3, 300).tau
    assert schedule_from({"alone": 150}, 3, 400).tau == (75, 75, 250)
    assert schedule_from([75, 75, 150], 3, 300).tau == (75, 75, 150)
    assert schedule_from(0, 3, 300).tau == (0, 0, 300)
    assert schedule_from("halves", 3, 300) == schedule_from(None, 3, 300)
    assert schedule_from("auto", 3, 300) == Schedule((75, 75, 150), patience=3)
    shared = {"alone": 100, "together": 150, "patience": 5}
    assert schedule_from(shared, 2, 300) == Schedule((100, 150), patience=5)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"alone": 200, "together": 150}, "takes 350 epochs and training has 300"),
        ({"alone": 301}, "takes 301 epochs"),
        ({"lonely": 1}, "lonely: no such key; known: alone, together"),
        ({"alone": 10, "patience": 0}, "patience must be 1 epoch or more, got 0"),
        ({"alone": 1.5}, r"expected a whole number of epochs, 0 or more, got 1\.5"),
        ({"alone": True}, "got True"),
        ([1, 2, 3], "3 stages and there are 2 modalities"),
        ("half", "expected a list of epochs, alone and together, halves, auto, or 0"),
    ],
)
def test_what_does_not_fit_is_refused(option, said):
    with pytest.raises(UserError, match=f"method.schedule: .*{said}"):
        schedule_from(option, 2, 300)
