"""Rows of a column set against each other: tests against a reference, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from g2d.analysis.comparison import mcnemar
from g2d.analysis.intervals import Floats
from g2d.benchmark.compare.statistics.holm import holm
from g2d.benchmark.compare.statistics.permutation import least_p, sign_flip
from g2d.benchmark.compare.statistics.place import Place
from g2d.benchmark.compare.table import Best, PairedTest
from g2d.runs.run import Run

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Places:
    """A column: the place of every row that has one.

    Attributes:
        label: Of the column.
        rows: Labels of all rows.
        places: By position of the row.
    """

    label: str
    rows: tuple[Labels, ...]
    places: Mapping[int, Place]

    def alike(self) -> list[list[int]]:
        """Rows that were measured under the same conditions, in their order."""
        groups: dict[frozenset[tuple[str, str]], list[int]] = {}
        for row, place in self.places.items():
            if len(place.conditions) == 1:
                groups.setdefault(place.conditions, []).append(row)
        return list(groups.values())


def paired_tests(column: Places) -> list[PairedTest]:
    """Every row against the reference row of those measured alike.

    The reference is the row of joint training, the longest where there are several, or the first
    row where there is none. Over test samples: McNemar's exact test of one seed's predictions, or
    a permutation test of the samples' scores averaged over seeds. Over seeds: a permutation test
    of the seeds' differences. Each family is corrected after Holm for the rows of the column.
    """
    over_samples: list[PairedTest] = []
    over_seeds: list[PairedTest] = []
    for rows in column.alike():
        first = {row: column.places[row].runs[0] for row in rows}
        joint = [row for row in rows if first[row].result["method"] == "joint"]
        reference = max(joint, key=lambda row: _planned_epochs(first[row]), default=rows[0])
        for row in rows:
            if row != reference:
                samples, seeds = _tests(column, reference, row)
                over_samples += samples
                over_seeds += seeds
    return [*_corrected(over_samples), *_corrected(over_seeds)]


def best_rows(column: Places) -> tuple[Best, ...]:
    """The best row of every set that was measured alike, where a set has two rows or more."""
    found = []
    for rows in column.alike():
        if len(rows) < 2:
            continue
        sign = 1 if column.places[rows[0]].metric.higher_is_better else -1
        means = {row: round(column.places[row].mean, 9) for row in rows}
        first, second, *_ = sorted(rows, key=lambda row: -sign * means[row])
        level = tuple(row for row in rows if row != first and means[row] == means[first])
        beyond = not level and _beyond_chance(column.places[first], column.places[second], sign)
        found.append(Best(first, beyond, level))
    return tuple(found)


def _beyond_chance(best: Place, runner_up: Place, sign: int) -> bool:
    seeds = best.shared(runner_up)
    if not seeds:
        return False
    difference = best.only(seeds).less(runner_up.only(seeds))
    return difference.low > 0 if sign > 0 else difference.high < 0


def _tests(column: Places, reference: int, row: int) -> tuple[list[PairedTest], list[PairedTest]]:
    place, other = column.places[row], column.places[reference]
    seeds = place.shared(other)
    if not seeds:
        return [], []
    place, other = place.only(seeds), other.only(seeds)
    difference = place.less(other)
    blank = PairedTest(
        column=column.label,
        reference=column.rows[reference],
        row=column.rows[row],
        over="seeds",
        test="permutation",
        difference=difference.mean,
        n=len(seeds),
        p=1.0,
        adjusted=1.0,
        least=least_p(len(seeds)),
        low=difference.low if difference.known else None,
        high=difference.high if difference.known else None,
    )
    over_seeds = []
    if len(seeds) > 1:
        over_seeds = [replace(blank, p=sign_flip(place.values - other.values))]
    if not place.pairs_with(other):
        return [], over_seeds
    parts = place.parts_less(other)
    name, p = _over_samples(parts)
    # McNemar's test is exact whatever the number of pairs.
    least = 2.0 ** (1 - len(parts)) if name == "McNemar" else least_p(len(parts))
    tested = replace(blank, over="samples", test=name, n=len(parts), p=p, least=least)
    return [tested], over_seeds


def _over_samples(parts: Floats) -> tuple[str, float]:
    """One seed's predictions are right or wrong, and their test is exact."""
    if np.isin(parts, (-1.0, 0.0, 1.0)).all():
        return "McNemar", mcnemar(parts < 0, parts > 0)
    return "permutation", sign_flip(parts)


def _corrected(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """Adjusted p, and the least that it could have been: that of all tests at their least."""
    adjusted, least = holm([test.p for test in tests]), holm([test.least for test in tests])
    return [
        replace(test, adjusted=p, least=bound)
        for test, p, bound in zip(tests, adjusted, least, strict=True)
    ]


def _planned_epochs(run: Run) -> int:
    """Of training, as the recipe has them."""
    return int(run.about["recipe"].get("training", {}).get("epochs", 0))
