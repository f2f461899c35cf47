"""Compares students with their teachers, modality by modality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.analysis.scores import predictions_of
from g2d.errors import UserError
from g2d.methods.validation import FUSED
from g2d.runs.run import Run


@dataclass(frozen=True)
class Comparison:
    """Test accuracy of teachers and students, and who was suppressed.

    Attributes:
        modalities: In the declared order.
        weak: The modality whose teacher is least confident on held-out data.
        teachers: Accuracy of each teacher.
        students: Accuracy by method, then by modality and `"fused"`.
        confidence_ratio: By method: the weak modality's mean confidence in the right answer
            inside the student over its teacher's (Figure 6 of the paper), on test.
        right: By method, which test samples the fused prediction got right.
    """

    modalities: tuple[str, ...]
    weak: str
    teachers: dict[str, float]
    students: dict[str, dict[str, float]]
    confidence_ratio: dict[str, float]
    right: dict[str, NDArray[np.bool_]]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The table: head and rows, in percent."""
        columns = ["", *self.modalities, FUSED, f"confidence ratio ({self.weak})"]
        rows = [
            ["teachers", *(_percent(self.teachers[name]) for name in self.modalities), "-", "1.00"]
        ]
        for method, accuracy in self.students.items():
            parts = [_percent(accuracy[name]) for name in (*self.modalities, FUSED)]
            rows.append([method, *parts, f"{self.confidence_ratio[method]:.2f}"])
        return columns, rows

    def sentence(self, before: str, after: str) -> str:
        """What changed from one method to another, for better or worse.

        Args:
            before: The method compared with.
            after: The method that is compared with it.
        """
        old, new = self.students[before], self.students[after]
        gain = 100 * (new[FUSED] - old[FUSED])
        chance = mcnemar(self.right[before], self.right[after])
        if chance >= _LEVEL:
            verdict = "did not change the fused prediction beyond chance"
        elif gain > 0:
            verdict = "helped"
        else:
            verdict = "did worse"
        taught = self.teachers[self.weak]
        return (
            f"{self.weak} alone reaches {_percent(taught)} %; under {before} it was left at "
            f"{_percent(old[self.weak])} %, under {after} at {_percent(new[self.weak])} %. "
            f"Fused, {after} {verdict}: {_percent(new[FUSED])} % against {_percent(old[FUSED])} % "
            f"({gain:+.1f} points, one seed, {len(self.right[after])} test samples, "
            f"McNemar's p {_probability(chance)})."
        )


def compare_runs(folders: Sequence[Path], out: Path) -> Comparison:
    """Reads finished classification runs that share their teachers.

    Args:
        folders: Run folders of students.
        out: The folder that the runs name their teachers relative to.

    Raises:
        UserError: None of the runs names its teachers.
    """
    runs = [Run(folder, out=out) for folder in folders]
    results = [run.result for run in runs]
    for run in runs:
        kind = run.description["task"]["kind"]
        if kind != "classification":
            raise UserError(
                f"{run.path} is a run of {kind}; only classification is compared so far"
            )
    with_teachers = [run for run in runs if "teachers" in run.result]
    if not with_teachers:
        raise UserError("none of these runs has teachers to compare with")
    first = with_teachers[0]
    taught = {name: teacher.result for name, teacher in first.own_teachers.items()}
    # The one that joint training suppresses, as far as that is known from the teachers.
    known = (run.result["teachers"].get("speed") for run in with_teachers)
    heldout = first.result["teachers"]["confidence"]["heldout"]
    scores: dict[str, float] = next(filter(None, known), heldout)
    weak = min(scores, key=lambda name: scores[name])
    sure = taught[weak]["test"]["confidence"][weak]
    return Comparison(
        modalities=tuple(taught),
        weak=weak,
        teachers={name: result["test"]["accuracy"][FUSED] for name, result in taught.items()},
        students={result["method"]: result["test"]["accuracy"] for result in results},
        confidence_ratio={
            result["method"]: result["test"]["confidence"][weak] / sure for result in results
        },
        right={run.result["method"]: _right(run) for run in runs},
    )


def mcnemar(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """How often chance alone gives a difference this large, on the same samples.

    The exact test of McNemar (1947): of the samples that only one of two models gets right, each
    has half of them, were there no difference.

    Args:
        before: Which samples one model gets right.
        after: Which the other does.

    Example:
        >>> one, other = np.array([False] * 6 + [True] * 4), np.array([True] * 10)
        >>> mcnemar(one, other), mcnemar(one, one)
        (0.03125, 1.0)
    """
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    total, fewer = gained + lost, min(gained, lost)
    tail = sum(comb(total, i) for i in range(fewer + 1))
    return min(1.0, float(Fraction(2 * tail, 2**total)))


_LEVEL = 0.05


def _right(run: Run) -> NDArray[np.bool_]:
    arrays = run.predictions("test")
    right: NDArray[np.bool_] = (
        predictions_of(run.task, arrays[f"logits/{FUSED}"]) == arrays["target"]
    )
    return right


def _probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
