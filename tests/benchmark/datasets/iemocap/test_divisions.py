"""Who is in which split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.benchmark.datasets.iemocap.divisions import divide, leave_session_out, random_turns
from g2d.errors import UserError

SPEAKERS = [f"{session}{letter}" for session in range(1, 6) for letter in "FM"]


def test_ten_folds_test_every_speaker_once():
    speakers = np.array(SPEAKERS * 4)
    tested = []
    for fold in range(1, 11):
        name, parts = divide("clean", fold, speakers)
        assert name == f"clean-fold{fold}"
        assert sorted(np.concatenate(parts).tolist()) == list(range(40))
        who = [set(speakers[rows].tolist()) for rows in parts]
        assert len(who[0]) == 8
        assert len(who[1]) == len(who[2]) == 1
        assert not who[0] & (who[1] | who[2])
        (val,), (test,) = who[1], who[2]
        assert val[0] == test[0], "of one session"
        assert int(test[0]) == (fold + 1) // 2
        tested.append(test)
    assert sorted(tested) == SPEAKERS


def test_the_sizes_of_mla():
    assert [len(rows) for rows in random_turns(5531)] == [3318, 1106, 1107]


@given(count=st.integers(5, 500))
def test_random_turns_are_disjoint_and_always_the_same(count):
    parts = random_turns(count)
    assert [len(rows) for rows in parts][:2] == [int(0.6 * count), int(0.2 * count)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    assert all(np.array_equal(a, b) for a, b in zip(parts, random_turns(count), strict=True))


def test_what_leaks_says_so():
    speakers = np.array(SPEAKERS)
    assert divide("mla_random", 1, speakers)[0] == "random-turns-leaky"
    name, parts = divide("paper", 1, speakers)
    assert name == "random-turns-leaky-selects-on-test"
    assert parts.val is parts.test
    with pytest.raises(UserError, match="got fold=11, expected 1 to 10"):
        leave_session_out(speakers, 11)
