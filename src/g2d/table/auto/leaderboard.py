"""The leaderboard: the candidates' scores, their standard errors, and which one is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.analysis.scores import score_samples
from g2d.table.auto.candidates import BLENDED, FLOOR, Candidate
from g2d.table.auto.round_folder import CandidatePredictions
from g2d.tasks import Task

Floats = NDArray[np.float64]
Prefer = Literal["best", "simplest"]


@dataclass(frozen=True)
class Line:
    """A candidate on the leaderboard.

    Attributes:
        candidate: Who.
        score: Mean over the rows that compare.
        error: Standard error of that mean, over rows.
        behind: How far it is behind the best that can be kept, sample by sample.
        behind_error: Standard error of that difference.
        seconds: Process time of all its rounds, teachers included.
        keepable: Whether every row has one of its modalities.
        weights: Of the modalities where it is the ensemble, of the members where it is a blend;
            the mean over rounds.
    """

    candidate: Candidate
    score: float
    error: float
    behind: float
    behind_error: float
    seconds: float
    keepable: bool = True
    weights: Mapping[str, float] | None = None

    @property
    def tied(self) -> bool:
        """Whether it is within one standard error of the best."""
        return self.behind <= self.behind_error

    def as_dict(self) -> dict[str, Any]:
        """The line as plain values."""
        return {
            "name": self.candidate.name,
            "floor": self.candidate.kind == FLOOR,
            "blend": self.candidate.kind == BLENDED,
            "modalities": list(self.candidate.modalities),
            "score": _plain(self.score),
            "error": _plain(self.error),
            "behind": _plain(self.behind),
            "behind_error": _plain(self.behind_error),
            "seconds": round(self.seconds, 2),
            "keepable": self.keepable,
            **({"weights": dict(self.weights)} if self.weights is not None else {}),
        }


def rank(
    task: Task,
    predictions: Mapping[Candidate, Sequence[CandidatePredictions]],
    unkeepable: Sequence[Candidate] = (),
) -> list[Line]:
    """The leaderboard, the best first; ties in score go to the simpler one.

    Args:
        task: Of the predictions.
        predictions: Of every candidate in all rounds, on the same rows.
        unkeepable: Candidates that cannot predict some rows.
    """
    scores = {candidate: _scores(task, found) for candidate, found in predictions.items()}
    order = sorted(scores, key=lambda one: (-float(scores[one].mean()), one.simplicity))
    best = scores[next(one for one in order if one not in unkeepable)]
    lines = []
    for candidate in order:
        own, rounds = scores[candidate], predictions[candidate]
        lost = best - own
        weights = {
            name: float(np.mean([one.weights[name] for one in rounds]))
            for name in rounds[0].weights
        }
        lines.append(
            Line(
                candidate,
                score=float(own.mean()),
                error=_error(own),
                behind=float(lost.mean()),
                behind_error=_error(lost),
                seconds=sum(one.seconds for one in rounds),
                keepable=candidate not in unkeepable,
                weights=weights or None,
            )
        )
    return lines


def choose(lines: Sequence[Line], prefer: Prefer = "best") -> Line:
    """Chooses the line that is kept.

    The best of many is partly lucky, and a blend of them is less so.

    Args:
        lines: As `rank` gives them.
        prefer: `best` is the blend, unless the best is better than it by more than two standard
            errors of the difference; `simplest`, and without a blend, is the simplest within one
            standard error of the best.

    Example:
        >>> from g2d.table.auto.candidates import ALONE, JOINT
        >>> one, two = Candidate(ALONE, ("a",)), Candidate(JOINT, ("a", "b"))
        >>> best = Line(two, 0.90, 0.02, 0.0, 0.0, 9.0)
        >>> choose([best, Line(one, 0.89, 0.02, 0.01, 0.02, 1.0)]).candidate.name
        'a alone'
        >>> choose([best, Line(one, 0.80, 0.02, 0.10, 0.02, 1.0)]).candidate.name
        'joint'
    """
    blends = [line for line in lines if line.candidate.kind == BLENDED]
    if prefer == "best" and blends:
        best = next(line for line in lines if line.keepable)
        return best if blends[0].behind > 2 * blends[0].behind_error else blends[0]
    near = [line for line in lines if line.keepable and line.tied]
    return min(near, key=lambda line: (line.candidate.simplicity, -line.score))


def _scores(task: Task, rounds: Sequence[CandidatePredictions]) -> Floats:
    logits = torch.cat([one.logits for one in rounds])
    target = torch.cat([one.target for one in rounds])
    if not task.unsettled or len(target) < 2:
        return score_samples(task, logits, target)
    # what is left to validation is chosen on the other half of the rows
    halves = [slice(0, None, 2), slice(1, None, 2)]
    scores = np.empty(len(target))
    for own, other in (halves, halves[::-1]):
        chosen = task.settled(logits[other], target[other])
        scores[own] = score_samples(chosen, logits[own], target[own])
    return scores


def _error(values: Floats) -> float:
    if len(values) < 2:
        return math.inf
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
