"""How close the features of a student are to those of its teachers (Figure 5)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.analysis.cka import linear_cka
from g2d.analysis.features import Features, Floats, student_features, teacher_features, unit
from g2d.analysis.subject import Subject
from g2d.errors import UserError, require
from g2d.figures import (
    INK,
    blank,
    colours,
    known,
    legend_below,
    percent,
    save,
    without_box,
)
from g2d.models.unimodal import UnimodalModel
from g2d.teachers.cache import cache_key


@dataclass(frozen=True)
class Aligned:
    """The alignment of one modality of one run with its teacher.

    Attributes:
        label: The run; for the baseline whose teachers are set beside these.
        modality: Which.
        samples: That have it.
        mean: Mean of the cosines.
        std: Their standard deviation.
        cka: Linear CKA, which no rotation of the feature space changes.
        above: Share of the samples whose cosine is above that of the first run; `nan` for the
            first run itself and for the baseline.
        baseline: Whether this is no student but another teacher, trained independently.
    """

    label: str
    modality: str
    samples: int
    mean: float
    std: float
    cka: float
    above: float = math.nan
    baseline: bool = False


@dataclass(frozen=True)
class Alignment:
    """Figure 5 of the paper: cosine of student and teacher features, sample by sample.

    Attributes:
        rows: One a run and modality, then the baseline where there is one.
        cosines: `(N_m,)` by run and modality, a_i^m = cos(f_student^m(x_i), f_teacher^m(x_i)).
        items: Position in the split of every sample, by modality.
        split: Which samples.
    """

    rows: tuple[Aligned, ...]
    cosines: Mapping[str, Mapping[str, Floats]]
    items: Mapping[str, NDArray[np.int64]]
    split: str

    @property
    def _first(self) -> str:
        return self.rows[0].label

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A table with a row for each run and modality."""
        head = ["run", "modality", "cosine", "std", f"above {self._first}", "CKA", "samples"]
        return head, [
            [
                row.label,
                row.modality,
                f"{row.mean:.3f}",
                f"{row.std:.3f}",
                percent(row.above),
                f"{row.cka:.3f}",
                str(row.samples),
            ]
            for row in self.rows
        ]

    def sentence(self) -> str:
        """The means, the baseline, and why this is no evidence."""
        parts = []
        for name in self.items:
            rows = [row for row in self.rows if row.modality == name]
            means = ", ".join(
                f"{row.mean:.2f} in {row.label}"
                + (f" (above {self._first} for {percent(row.above)})" if row.above >= 0 else "")
                for row in rows
                if not row.baseline
            )
            base = [row for row in rows if row.baseline]
            beside = f"; {base[0].mean:.2f} between independent teachers" if base else ""
            parts.append(f"{name} {means}{beside}")
        return (
            f"Mean cosine of student and teacher features on the {self.split} split: "
            f"{'; '.join(parts)}. G²D minimises the distance of these very features (Eq. 2), so "
            "this is a sanity check of its training and no independent evidence. Features of "
            "independent runs are not aligned by construction, though after a ReLU their cosine is "
            "positive all the same; CKA does not depend on the axes."
        )

    def as_dict(self) -> dict[str, Any]:
        """The numbers, and the cosine of every sample."""
        numbers = ("mean", "std", "cka", "above")
        return {
            "split": self.split,
            "rows": [
                {**asdict(row), **{n: known(getattr(row, n)) for n in numbers}} for row in self.rows
            ],
            "cosines": {
                label: {
                    name: {
                        "index": self.items[name].tolist(),
                        "cosine": np.round(values, 4).tolist(),
                    }
                    for name, values in panel.items()
                }
                for label, panel in self.cosines.items()
            },
        }

    def plot(self, path: Path) -> Path:
        """Draws one panel a modality: every sample a dot, the mean of a run a line."""
        require("matplotlib", "train")
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        figure = blank(3.8 * len(self.items), 3.4)
        axes = figure.subplots(1, len(self.items), sharey=True, squeeze=False)[0]
        colour_of = colours(self.cosines)
        for axis, (name, items) in zip(axes, self.items.items(), strict=True):
            for label, panel in self.cosines.items():
                shade = colour_of[label]
                axis.scatter(items, panel[name], s=7, alpha=0.5, linewidths=0, color=shade)
                axis.axhline(panel[name].mean(), color=shade, linewidth=1.2)
            for row in self.rows:
                if row.baseline and row.modality == name:
                    axis.axhline(row.mean, color=INK, linewidth=1.2, linestyle="--")
            axis.set_title(name, fontsize=11)
            axis.set_xlabel(f"sample of the {self.split} split")
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.grid(axis="y", color="0.9", linewidth=0.8)
            axis.set_axisbelow(True)
            without_box(axis)
        axes[0].set_ylabel("cosine to the teacher")
        handles: dict[str, Any] = {
            label: Line2D([], [], color=shade, marker="o", markersize=4)
            for label, shade in colour_of.items()
        }
        for row in self.rows:
            if row.baseline:
                handles[row.label] = Line2D([], [], color=INK, linestyle="--")
        legend_below(figure, handles)
        return save(figure, path)


def alignment(subjects: Sequence[Subject], split: str = "test") -> Alignment:
    """Cosine and linear CKA between the features of students and of the teachers they share.

    Args:
        subjects: Runs with the same teachers, the one to compare with (joint training) first.
            After two or more such runs, one of another seed gives the baseline: how close its
            teachers are to those of the others.
        split: Whose samples; those that lack a modality are left out of it.

    Raises:
        UserError: A run has no teachers, the runs do not share theirs or have not the same
            samples, or a student's features have another width than its teacher's.
    """
    students, other = _divided(subjects)
    teachers = students[0].teachers
    taught = teacher_features(teachers, students[0].batches(split))
    cosines: dict[str, dict[str, Floats]] = {}
    rows: list[Aligned] = []
    for subject in students:
        found = student_features(subject.model, subject.batches(split))
        if not np.array_equal(found.index, taught.index):
            raise UserError(
                f"{subject.label} has other samples in its {split} split than "
                f"{students[0].label}; compare runs on the same data"
            )
        of = cosines[subject.label] = {}
        for name in teachers:
            of[name], row = _aligned(subject.label, name, found, taught)
            first = cosines[students[0].label][name]
            above = float((of[name] > first).mean()) if subject is not students[0] else math.nan
            rows.append(replace(row, above=above))
    if other is not None:
        found, whose = teacher_features(other.teachers, students[0].batches(split)), other.label
        for name in teachers:
            row = _aligned(f"teachers of {whose}", name, found, taught)[1]
            rows.append(replace(row, baseline=True))
    items = {name: taught.index[taught.there[name]] for name in teachers}
    return Alignment(tuple(rows), cosines, items, split)


def _divided(subjects: Sequence[Subject]) -> tuple[list[Subject], Subject | None]:
    """The runs that share the first one's teachers, and the one whose teachers are beside them."""
    if not subjects:
        raise UserError("got no runs to compare with their teachers; give one or more")
    for subject in subjects:
        if not subject.teachers:
            raise UserError(
                f"{subject.label} has no teachers to compare with; run g2d teach with its recipe "
                "first, or give --out, the folder that it was trained in"
            )
    teachers = subjects[0].teachers
    students = [one for one in subjects if all(_same(teachers, one.teachers))]
    rest = [one for one in subjects if one not in students]
    if not rest:
        return students, None
    if len(students) < 2 or len(rest) > 1:
        raise UserError(
            f"{rest[0].label} has not the same teachers as {subjects[0].label}; compare runs that "
            "share them (the same data, encoders, seed and --out); a single run of another seed "
            "may follow two that do, and is their baseline"
        )
    other = rest[0].teachers
    if set(other) != set(teachers) or any(_same(teachers, other)):
        raise UserError(
            "the independent teachers are not of the same modalities, or are the runs' own; give "
            "those of another seed"
        )
    return students, rest[0]


def _same(one: Mapping[str, UnimodalModel], other: Mapping[str, UnimodalModel]) -> list[bool]:
    """Whether the teachers of each modality have the same weights."""

    def key(models: Mapping[str, UnimodalModel], names: Iterable[str]) -> str:
        return cache_key({name: models[name] for name in names if name in models}, "")

    names = dict.fromkeys([*one, *other])
    return [key(one, [name]) == key(other, [name]) for name in names]


def _aligned(label: str, name: str, found: Features, taught: Features) -> tuple[Floats, Aligned]:
    there = found.there[name] & taught.there[name]
    if not there.any():
        raise UserError(f"no sample of the split has {name!r}; choose another split")
    a, b = found.of[name][there], taught.of[name][there]
    if a.shape != b.shape:
        raise UserError(
            f"the features of {name!r} are {a.shape[1]} wide in {label} and {b.shape[1]} in the "
            "teacher, and have no cosine; compare encoders of the same width"
        )
    cosine: Floats = (unit(a) * unit(b)).sum(axis=1)
    row = Aligned(
        label, name, len(cosine), float(cosine.mean()), float(cosine.std()), linear_cka(a, b)
    )
    return cosine, row
