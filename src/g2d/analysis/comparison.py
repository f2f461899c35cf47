"""Did it help? Students beside their teachers, modality by modality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g2d.engine.evaluate import FUSED
from g2d.engine.records import RunFolder
from g2d.errors import UserError


@dataclass(frozen=True)
class Comparison:
    """Test accuracy of teachers and students, and who was drowned out.

    Attributes:
        modalities: In the declared order.
        weak: The modality whose teacher is least confident on held-out data.
        teachers: Accuracy of each teacher.
        students: Accuracy by method, then by modality and `"fused"`.
        confidence_ratio: By method: the weak modality's mean confidence in the right answer
            inside the student over its teacher's (Figure 6 of the paper), on test.
        samples: Size of the test split.
    """

    modalities: tuple[str, ...]
    weak: str
    teachers: dict[str, float]
    students: dict[str, dict[str, float]]
    confidence_ratio: dict[str, float]
    samples: int

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, in percent."""
        columns = ["", *self.modalities, FUSED, f"confidence ratio ({self.weak})"]
        rows = [
            ["teachers", *(_percent(self.teachers[name]) for name in self.modalities), "-", "1.00"]
        ]
        for method, accuracy in self.students.items():
            parts = [_percent(accuracy[name]) for name in (*self.modalities, FUSED)]
            rows.append([method, *parts, f"{self.confidence_ratio[method]:.2f}"])
        return columns, rows

    def sentence(self, before: str, after: str) -> str:
        """What changed from one method to another, whichever way it went.

        Args:
            before: The method compared with.
            after: The method looked at.
        """
        old, new = self.students[before], self.students[after]
        gain = 100 * (new[FUSED] - old[FUSED])
        # Both students answer the same samples; the error of an accuracy is at most this.
        noise = 100 * (2 * new[FUSED] * (1 - new[FUSED]) / self.samples) ** 0.5
        if abs(gain) <= noise:
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
            f"({gain:+.1f} points, one seed, {self.samples} test samples)."
        )


def compare_runs(folders: Sequence[Path], out: Path) -> Comparison:
    """Reads finished classification runs that share their teachers.

    Args:
        folders: Run folders of students.
        out: The folder that the runs name their teachers relative to.

    Raises:
        UserError: None of the runs names its teachers.
    """
    results = [RunFolder(folder).read_json("result.json") for folder in folders]
    with_teachers = [result for result in results if "teachers" in result]
    if not with_teachers:
        raise UserError("none of these runs has teachers to compare with")
    about: dict[str, Any] = with_teachers[0]["teachers"]
    taught = {
        name: RunFolder(out / place).read_json("result.json")
        for name, place in about["folders"].items()
    }
    heldout: dict[str, float] = about["confidence"]["heldout"]
    weak = min(heldout, key=lambda name: heldout[name])
    sure = taught[weak]["test"]["confidence"][weak]
    return Comparison(
        modalities=tuple(taught),
        weak=weak,
        teachers={name: result["test"]["accuracy"][FUSED] for name, result in taught.items()},
        students={result["method"]: result["test"]["accuracy"] for result in results},
        confidence_ratio={
            result["method"]: result["test"]["confidence"][weak] / sure for result in results
        },
        samples=results[0]["samples"]["test"],
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
