"""The verdict follows from the numbers as documented, whatever the numbers are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.analysis.intervals import Interval
from g2d.table.diagnosis.verdict import (
    LOST,
    NOISE,
    SIGNAL,
    TOLERATED,
    Finding,
    helps,
    judge,
    needs_seeds,
    overall,
    rows_needed,
)
from g2d.table.diagnosis.wording import about, headline, sentences

NOTHING = Interval(0.0, 0.0, 0.0)
numbers = st.floats(-1, 1)
widths = st.floats(0, 1)


def finding(teacher, lost, rows=100, name="m"):
    readout = Interval(teacher.mean - lost.mean, teacher.rows, teacher.seeds)
    return Finding(name, rows, teacher, readout, lost, readout, NOTHING, NOTHING)


findings = st.builds(
    lambda t, tr, ts, d, dr, ds: finding(Interval(t, tr, ts), Interval(d, dr, ds)),
    *(numbers, widths, widths, numbers, widths, widths),
)

carrying = st.builds(
    lambda low, t, d, dr, ds: finding(Interval(low + t, t, 0.0), Interval(d, dr, ds)),
    *(st.floats(SIGNAL + 1e-6, 1), st.floats(0, 0.5), numbers, widths, widths),
)


@given(findings)
def test_what_shows_no_signal_is_never_called_drowned(found):
    if found.teacher.low <= SIGNAL:
        assert judge(found) in ("noise", "unclear")


@given(findings)
def test_each_verdict_means_what_is_documented(found):
    teacher, lost, kind = found.teacher, found.lost, judge(found)
    if kind == "suppressed":
        assert teacher.low > SIGNAL
        assert lost.low > LOST * teacher.mean > 0
    if kind == "kept":
        assert teacher.low > SIGNAL
        assert lost.high < TOLERATED * teacher.mean
        assert found.kept >= 1 - LOST - 1e-9
    if kind == "noise":
        assert teacher.low <= SIGNAL
        assert teacher.high < NOISE


@pytest.mark.parametrize(
    ("lost", "kind"), [(0.05, "kept"), (0.10, "unclear"), (0.14, "suppressed")]
)
def test_a_loss_is_suppression_once_its_interval_lies_above_the_tolerated_share(lost, kind):
    """Of a skill of 0.8 a tenth is 0.08; a loss is known to 0.05 here."""
    assert judge(finding(Interval(0.8, 0.05, 0.0), Interval(lost, 0.05, 0.0))) == kind


@given(carrying, st.floats(0, 1))
def test_losing_more_never_looks_better(found, more):
    order = {"kept": 0, "unclear": 1, "suppressed": 2}
    lost = found.lost
    worse = finding(found.teacher, Interval(lost.mean + more, lost.rows, lost.seeds))
    assert order[judge(worse)] >= order[judge(found)]


@given(findings, st.floats(0, 1))
def test_knowing_less_never_makes_sure(found, more):
    """Wider intervals turn a verdict into doubt, and doubt into nothing else."""
    wider = finding(
        Interval(found.teacher.mean, found.teacher.rows + more, found.teacher.seeds),
        Interval(found.lost.mean, found.lost.rows + more, found.lost.seeds),
    )
    assert judge(wider) in (judge(found), "unclear")


@given(findings)
def test_one_seed_is_never_enough(found):
    once = finding(
        Interval(found.teacher.mean, 0.0, math.inf), Interval(found.lost.mean, 0.0, math.inf)
    )
    assert judge(once) == "unclear"
    assert needs_seeds(once)


@pytest.mark.parametrize("mean", [-0.1, 0.0, 0.3, 0.7])
@pytest.mark.parametrize("half", [0.35, 0.9])
def test_with_as_many_rows_as_are_said_to_be_needed_a_teacher_is_judged(mean, half):
    """The half-width falls with the root of the number of rows."""
    found = finding(Interval(mean, half, 0.0), NOTHING)
    if mean - half > SIGNAL:
        return
    needed = rows_needed(found)
    narrow = half * math.sqrt(found.rows / (needed + 1))
    assert judge(finding(Interval(mean, narrow, 0.0), NOTHING)) == ("kept" if mean > 0 else "noise")
    less = half * math.sqrt(found.rows / (0.8 * needed))
    assert judge(finding(Interval(mean, less, 0.0), NOTHING)) == "unclear"


def test_nothing_measured_is_unclear_and_can_be_said():
    nan = Interval(math.nan, math.nan, math.nan)
    found = finding(nan, nan)
    assert (judge(found), rows_needed(found)) == ("unclear", None)
    assert "all have the same target" in about(found, 0.25)
    assert found.as_dict()["teacher"]["mean"] is None


def test_one_seed_is_not_said_to_differ_from_others():
    found = finding(Interval(0.8, 0.05, math.inf), Interval(0.1, 0.05, math.inf))
    assert about(found, 0.25).endswith("an interval needs three seeds or more.")


STRONG = Interval(0.8, 0.05, 0.02)
SUPPRESSED = finding(STRONG, Interval(0.5, 0.05, 0.02), name="slow")
KEPT = finding(STRONG, Interval(0.01, 0.05, 0.02), name="quick")
NOISY = finding(Interval(0.01, 0.05, 0.02), Interval(0.0, 0.1, 0.1), name="hiss")
UNCLEAR = finding(Interval(0.3, 0.4, 0.02), Interval(0.1, 0.4, 0.02), name="rare", rows=20)


@pytest.mark.parametrize(
    ("found", "kind", "said"),
    [
        ([KEPT, KEPT], "balanced", "No imbalance here"),
        ([KEPT, SUPPRESSED], "suppressed", "slow is suppressed"),
        ([UNCLEAR, SUPPRESSED, NOISY], "suppressed", "slow is suppressed"),
        ([KEPT, NOISY], "noise", "hiss carries no signal"),
        ([NOISY, UNCLEAR, KEPT], "unclear", "Not enough data to tell"),
    ],
)
def test_the_whole_is_said_in_a_line(found, kind, said):
    assert overall(found) == kind
    assert headline(found) == said


def test_words_name_the_modality_and_by_how_much():
    said = sentences(
        [KEPT, SUPPRESSED, NOISY, UNCLEAR], Interval(0.031, 0.01, 0.01), 0.25, "accuracy"
    )
    assert "its unimodal logits get 79 %" in said[0]
    assert "99 % of that. It is not suppressed." in said[0]
    assert "its unimodal logits get only 30 % (25 to 35). So joint training loses 62 %" in said[1]
    assert "hiss carries no signal by itself. G²D will not help it." in said[2]
    needed = rows_needed(UNCLEAR)
    assert f"judged on 20 rows, and about {needed} would be needed" in said[3]
    assert said[4].startswith("G²D helps the fused prediction: +3.1 points of accuracy")


@given(numbers, widths)
def test_help_is_claimed_only_where_the_interval_says_so(mean, half):
    gain = Interval(mean, half, 0.0)
    said = helps(gain)
    assert (said == "helps") == (gain.low > 0)
    assert (said == "hurts") == (gain.high < 0)
    if said == "no difference":
        assert -0.02 < gain.low <= gain.high < 0.02
