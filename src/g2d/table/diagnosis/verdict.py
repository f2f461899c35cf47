"""Is a modality suppressed? A rule over measured numbers, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from g2d.analysis.intervals import Interval
from g2d.monitor.judging import SIGNAL, TOLERATED

# A teacher that is not above SIGNAL and surely below this carries no useful signal.
NOISE = 0.20
# Of its teacher's skill a modality loses a little in any joint training, since what the others
# explain needs not be learned twice. More than this is suppression when it is sure.
LOST = 0.10

Kind = Literal["suppressed", "kept", "noise", "unclear"]
Overall = Literal["suppressed", "balanced", "noise", "unclear"]
Help = Literal["helps", "hurts", "no difference", "cannot tell"]
# A difference of the fused score that is surely smaller than this makes no difference.
SMALL = 0.02


@dataclass(frozen=True)
class Finding:
    """The measurements of one modality on held-out samples.

    Attributes:
        modality: Its name.
        rows: Held-out samples that have it.
        teacher: Skill of its teacher, from guessing (0) to perfect (1).
        readout: Skill of its unimodal logits inside the joint model.
        lost: Teacher less unimodal logits, sample by sample and seed by seed.
        after: Skill of its unimodal logits inside the model trained by G²D.
        confidence_ratio: Confidence of the unimodal logits over that of the teacher (Fig. 6 of the
            paper).
        shapley_share: Its share of the fused score of the joint model.
    """

    modality: str
    rows: int
    teacher: Interval
    readout: Interval
    lost: Interval
    after: Interval
    confidence_ratio: Interval
    shapley_share: Interval

    @property
    def kept(self) -> float:
        """Share of the teacher's skill that is left in the joint model; `nan` without skill."""
        if not self.teacher.mean > 0:
            return math.nan
        return max(0.0, 1 - self.lost.mean / self.teacher.mean)

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain values."""
        return {
            "modality": self.modality,
            "verdict": judge(self),
            "rows": self.rows,
            "kept": round(self.kept, 6) if math.isfinite(self.kept) else None,
            "teacher": self.teacher.as_dict(),
            "readout": self.readout.as_dict(),
            "lost": self.lost.as_dict(),
            "readout_with_g2d": self.after.as_dict(),
            "confidence_ratio": self.confidence_ratio.as_dict(),
            "shapley_share": self.shapley_share.as_dict(),
        }


def judge(finding: Finding) -> Kind:
    """The verdict on one modality.

    `suppressed`: its teacher's interval lies above `SIGNAL` and that of the loss above `LOST` times
    the teacher's skill. `kept`: the loss is at most that, and surely below `TOLERATED` times.
    `noise`: the teacher's interval reaches down to `SIGNAL` and stays below `NOISE`. Else
    `unclear`.

    Example:
        >>> def about(teacher, lost):
        ...     n = Interval(0, 0, 0)
        ...     return Finding(
        ...         "m", 99, Interval(teacher, 0.05, 0), n, Interval(lost, 0.05, 0), n, n, n
        ...     )
        >>> [judge(about(*pair)) for pair in [(0.8, 0.5), (0.8, 0.0), (0.0, 0.0), (0.8, 0.1)]]
        ['suppressed', 'kept', 'noise', 'unclear']
    """
    teacher, lost = finding.teacher, finding.lost
    if teacher.low > SIGNAL:
        if lost.low > LOST * teacher.mean:
            return "suppressed"
        if lost.mean <= LOST * teacher.mean and lost.high < TOLERATED * teacher.mean:
            return "kept"
        return "unclear"
    return "noise" if teacher.high < NOISE else "unclear"


def overall(findings: Sequence[Finding]) -> Overall:
    """The verdict on all modalities: suppression outweighs doubt, and doubt outweighs the rest."""
    kinds = [judge(finding) for finding in findings]
    if "suppressed" in kinds:
        return "suppressed"
    if "unclear" in kinds:
        return "unclear"
    return "noise" if "noise" in kinds else "balanced"


def helps(gain: Interval) -> Help:
    """The effect of G²D on the fused score on test.

    Example:
        >>> helps(Interval(0.05, 0.02, 0.01)), helps(Interval(0.05, 0.04, 0.04))
        ('helps', 'cannot tell')
    """
    if gain.low > 0:
        return "helps"
    if gain.high < 0:
        return "hurts"
    return "no difference" if max(gain.high, -gain.low) < SMALL else "cannot tell"


def _gap(finding: Finding) -> tuple[Interval, float]:
    """What is in doubt, and the half-width that would end the doubt as things stand."""
    teacher, lost = finding.teacher, finding.lost
    if teacher.low > SIGNAL:
        return lost, max(abs(lost.mean - LOST * teacher.mean), 0.5 * LOST * teacher.mean)
    return teacher, max(NOISE - teacher.mean, teacher.mean - SIGNAL)


def rows_needed(finding: Finding) -> int | None:
    """Held-out samples that would make an unclear modality clear, roughly; `None` where as many do.

    The half-width falls with the root of the number of samples. Below three seeds there is
    no number: the next ones may end the doubt.
    """
    if judge(finding) != "unclear":
        return None
    doubted, gap = _gap(finding)
    if not doubted.known or not math.isfinite(gap):
        return None
    allowed = _allowed(gap, doubted.seeds)
    if doubted.half <= gap or doubted.rows <= allowed:
        return None
    return math.ceil(finding.rows * (doubted.rows / allowed) ** 2)


def needs_seeds(finding: Finding) -> bool:
    """Whether it is (also) the spread over seeds that leaves a modality unclear."""
    if judge(finding) != "unclear":
        return False
    doubted, gap = _gap(finding)
    if not math.isfinite(doubted.seeds):
        return True
    return doubted.half > gap and doubted.seeds > _allowed(gap, doubted.rows)


def _allowed(gap: float, other: float) -> float:
    """What one source of chance may take of a half-width; half of its square at least."""
    return math.sqrt(max(gap**2 - other**2, gap**2 / 2))
