"""The teachers' confidence on several views of the data, and which is weak by it (Figure 3).

The paper ranks modalities by the teachers' confidence on training batches as the student sees them
(Eq. 5). A teacher that has memorised its training data is sure there, and one whose inputs are
cropped at random is less sure than one whose inputs are not. So the same is measured on training
samples without augmentation and on held-out ones. Teachers are frozen, so over the student's epochs
nothing changes but the draw of the batches: what is drawn is one epoch and the spread of its
batches, and beside it how sure each teacher was over the epochs of its own training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g2d.analysis.confidence_figure import draw
from g2d.analysis.subject import Subject
from g2d.analysis.teacher_confidence import HELDOUT, SEEN, SPEED, TRAIN, Teachers, teachers_of
from g2d.errors import UserError
from g2d.figures import known


@dataclass(frozen=True)
class Confidence:
    """Figure 3 of the paper, on three views of the data.

    Attributes:
        cases: One for each distinct set of teachers.
    """

    cases: tuple[Teachers, ...]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Every teacher on every view, and its place in the ranking that follows."""
        rows = []
        for case in self.cases:
            of = f"{case.label}: " if len(self.cases) > 1 else ""
            for by, ranking in case.rankings.items():
                for name, sure in case.confidence.get(by, {}).items():
                    cells = [f"{sure.mean.value:.3f}", _range(sure.mean.low, sure.mean.high)]
                    place = str(ranking.index(name) + 1)
                    rows.append([of + by, name, *cells, _range(*sure.band), place])
            for name, speed in case.speed.items():
                place = str(case.rankings[SPEED].index(name) + 1)
                rows.append([of + SPEED, name, f"{speed:.3f}", "-", "-", place])
        columns = ["by", "teacher", "sure", "95 %", "batches 5-95 %", "rank"]
        return columns, rows

    def sentence(self) -> str:
        """Where the rankings agree, and how much is memory."""
        return " ".join(_sentence(case) for case in self.cases)

    def as_dict(self) -> dict[str, Any]:
        """Every number but those of single samples."""
        return {"cases": [_case_as_dict(case) for case in self.cases]}

    def plot(self, path: Path) -> Path:
        """Draws the views, and each teacher's own training, into a file."""
        return draw(self.cases, path)


def confidence(subjects: Sequence[Subject]) -> Confidence:
    """Asks the teachers of some subjects; those with the same teachers are one case.

    Args:
        subjects: With teachers; the others of the same command are passed over if any has them.

    Raises:
        UserError: No subject has teachers.
    """
    groups: dict[tuple[Any, ...], list[Subject]] = {}
    for subject in subjects:
        if subject.teachers:
            places = tuple(subject.teacher_folders.items()) or (id(subject),)
            groups.setdefault(places, []).append(subject)
    if not groups:
        raise UserError(
            "none of these runs has teachers; train them with g2d teach, the run's recipe and the "
            "run's --out"
        )
    return Confidence(
        tuple(teachers_of(g[0], ", ".join(s.label for s in g)) for g in groups.values())
    )


def _sentence(case: Teachers) -> str:
    by: dict[tuple[str, ...], list[str]] = {}
    for view, ranking in case.rankings.items():
        if view == SEEN and not case.augmented:
            continue
        by.setdefault(ranking[:1], []).append(view)
    parts = []
    for (weak,), views in by.items():
        shares = [case.weakest_share[view] for view in views if view in case.weakest_share]
        words = [view for view in views if view != SPEED]
        if shares:
            words[-1] += f" ({_often(min(shares))} resamples)"
        words += [f"{SPEED}{_by_what(case)}" for view in views if view == SPEED]
        parts.append(f"{weak} by {', '.join(words)}")
    agree = "the weakest modality is the same by all" if len(by) == 1 else "the rankings differ"
    gaps = [
        f"{name} {case.confidence[TRAIN][name].mean.value - heldout.mean.value:+.3f}"
        for name, heldout in case.confidence[HELDOUT].items()
    ]
    seen = "" if case.augmented else " Nothing is augmented, so both views of train are the same."
    return (
        f"Teachers of {case.label}: {agree}: {'; '.join(parts)}. Confidence on train less that "
        f"held out (above zero it is memory): {', '.join(gaps)}.{seen}"
    )


def _by_what(case: Teachers) -> str:
    """What decides where the slowest teachers are as fast as each other."""
    first, *others = sorted(case.speed.values())
    return " (two are as slow; held-out confidence decides)" if first in others else ""


def _case_as_dict(case: Teachers) -> dict[str, Any]:
    return {
        "teachers_of": case.label,
        "augmented": case.augmented,
        "chance": known(case.chance),
        "batch_size": case.batch_size,
        "views": {
            view: {
                name: {
                    **s.mean.as_dict(),
                    "batches_5_95": [known(end) for end in s.band],
                    "batches": len(s.batches),
                }
                for name, s in found.items()
            }
            for view, found in case.confidence.items()
        },
        "rankings": {by: list(ranking) for by, ranking in case.rankings.items()},
        "weakest_share": {view: known(share) for view, share in case.weakest_share.items()},
        "own_training": {
            name: {
                "heldout": [known(value) for value in m.heldout],
                "train_at_least": [known(value) for value in m.train],
            }
            for name, m in case.memory.items()
        },
        "learning_speed": {name: known(value) for name, value in case.speed.items()},
    }


def _often(share: float) -> str:
    return "in all" if share == 1 else f"in at least {100 * share:.0f} % of"


def _range(low: float, high: float) -> str:
    if math.isnan(low):
        return "-"
    return f"{low:.3f}-{high:.3f}"
