"""The verdict in words that need no statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence

from g2d.analysis.intervals import Interval
from g2d.table.diagnosis.verdict import (
    Finding,
    Help,
    Overall,
    helps,
    judge,
    needs_seeds,
    overall,
    rows_needed,
)
from g2d.wording import listed

HEADLINES: dict[Overall, str] = {
    "suppressed": "A modality is suppressed",
    "balanced": "No imbalance here",
    "noise": "Not every modality carries signal",
    "unclear": "Not enough data to tell",
}


def headline(findings: Sequence[Finding]) -> str:
    """The verdict in one line."""
    kind = overall(findings)
    if kind == "suppressed":
        names = [f.modality for f in findings if judge(f) == "suppressed"]
        return f"{listed(names)} {'is' if len(names) == 1 else 'are'} suppressed"
    if kind == "noise":
        names = [f.modality for f in findings if judge(f) == "noise"]
        return f"{listed(names)} {'carries' if len(names) == 1 else 'carry'} no signal"
    if kind == "unclear" and all(rows_needed(f) is None for f in findings):
        return "Not enough training runs to tell"
    return HEADLINES[kind]


def sentences(findings: Sequence[Finding], gain: Interval, share: float, metric: str) -> list[str]:
    """A sentence on every modality, then one on whether G²D helps.

    Args:
        findings: One a modality.
        gain: Fused score on test with G²D, less that of joint training.
        share: Of all rows, those that judge.
        metric: What that score is called.
    """
    return [*(about(finding, share) for finding in findings), about_help(gain, metric)]


def about(finding: Finding, share: float) -> str:
    """Describes one modality in a sentence or two."""
    name, kind = finding.modality, judge(finding)
    alone = (
        f"A model that sees {name} alone gets {percent(finding.teacher)} of the way from guessing "
        "to perfect"
    )
    inside = percent(finding.readout)
    if kind == "suppressed":
        return (
            f"{alone}; inside the jointly trained model its unimodal logits get only "
            f"{inside}. So joint training loses {100 * (1 - finding.kept):.0f} % of what {name} "
            "can do: it is suppressed."
        )
    if kind == "kept":
        return (
            f"{alone}; inside the jointly trained model its unimodal logits get {inside}, which is "
            f"{100 * min(1.0, finding.kept):.0f} % of that. It is not suppressed."
        )
    if kind == "noise":
        return f"{alone}: {name} carries no signal by itself. G²D will not help it."
    if finding.rows == 0:
        return f"No held-out row has {name}, so it cannot be judged."
    if math.isnan(finding.teacher.mean):
        return f"The held-out rows of {name} all have the same target, so it cannot be judged."
    return f"{alone}, and inside the jointly trained model {inside}. {_doubt(finding, share)}"


def _doubt(finding: Finding, share: float) -> str:
    needed = rows_needed(finding)
    wanted = []
    if needed is not None:
        wanted.append(
            f"it was judged on {finding.rows} rows, and about {round_up(needed)} would be "
            f"needed, {round_up(needed / share)} rows in all"
        )
    if needs_seeds(finding):
        wanted.append(
            "the training runs differ too much, and more seeds would be needed"
            if finding.teacher.known
            else "an interval needs three seeds or more"
        )
    if not wanted:
        wanted.append("it loses about as much as is still usual, and the interval leaves it open")
    return f"That is too uncertain to say more: {'; '.join(wanted)}."


def about_help(gain: Interval, metric: str) -> str:
    """Whether G²D helps, in a sentence."""
    by = f"{100 * gain.mean:+.1f} points of {metric}{_between(gain)} on the test rows"
    sentence_of: dict[Help, str] = {
        "helps": f"G²D helps the fused prediction: {by}.",
        "hurts": f"G²D does harm to the fused prediction: {by}.",
        "no difference": f"G²D makes no difference to the fused prediction: {by}.",
        "cannot tell": f"Whether G²D helps the fused prediction is not certain: {by}.",
    }
    return sentence_of[helps(gain)]


def _between(gain: Interval) -> str:
    if not gain.known:
        return " (fewer than three seeds, so no interval)"
    return f" (between {100 * gain.low:+.1f} and {100 * gain.high:+.1f})"


def percent(value: Interval) -> str:
    """A share with its interval.

    Example:
        >>> percent(Interval(0.5, 0.03, 0.04)), percent(Interval(0.5, 0.03, float("inf")))
        ('50 % (45 to 55)', '50 %')
    """
    if value.mean != value.mean:
        return "an unknown part"
    mean = f"{in_percent(value.mean)} %"
    if not value.known:
        return mean
    # nothing beyond what is possible is shown
    low, high = max(value.low, -1.0), min(value.high, 1.0)
    return f"{mean} ({in_percent(low)} to {in_percent(high)})"


def in_percent(share: float, digits: int = 0) -> str:
    """A number for people, without a minus before 0.

    Example:
        >>> in_percent(0.123), in_percent(-0.001), in_percent(-0.012, digits=1)
        ('12', '0', '-1.2')
    """
    return f"{round(100 * share, digits) + 0.0:.{digits}f}"


def round_up(number: float) -> int:
    """Rounds up to two digits: it is a rough number.

    Example:
        >>> round_up(1234), round_up(7.2)
        (1300, 8)
    """
    step: int = 10 ** max(0, int(math.log10(max(number, 1))) - 1)
    return math.ceil(number / step) * step
