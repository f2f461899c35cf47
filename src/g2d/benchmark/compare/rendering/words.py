"""The tests and the ranking of a table in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from g2d.benchmark.compare.metrics import METRICS
from g2d.benchmark.compare.table import Column, PairedTest, Ranking, Table

LEVEL = 0.05

MEANING = (
    "A test over samples asks whether these very models would differ on more such samples, one "
    "over seeds whether models trained again would; the interval of a difference holds both."
)


def tested(table: Table) -> list[str]:
    """For every column, which rows differ from the reference row beyond chance."""
    found = []
    families: dict[tuple[str, tuple[str, ...]], list[PairedTest]] = {}
    for test in table.tests:
        families.setdefault((test.column, test.reference), []).append(test)
    columns = {column.label: column for column in table.columns}
    for (label, reference), tests in families.items():
        column = columns[label]
        samples = [test for test in tests if test.over == "samples"]
        seeds = [test for test in tests if test.over == "seeds"]
        parts = [*_of_samples(samples, column), *_of_seeds(seeds, column)]
        found.append(f"{label}, against {named(reference)}: {'; '.join(parts)}.")
    return found


def verdict(test: PairedTest, column: Column) -> tuple[str, bool]:
    """How a row differs by a test over samples, and whether that holds for models trained again.

    A test over samples alone is of these very runs: where the interval of the difference, over
    samples and seeds, holds zero, others trained in the same way may well turn out otherwise.

    Returns:
        `"better"`, `"worse"` or `"no different"`, and whether the interval leaves zero out.
    """
    if test.adjusted >= LEVEL:
        return "no different", False
    ahead = (test.difference > 0) == column.higher_is_better
    known = test.low is not None and test.high is not None
    holds = known and (cast(float, test.low) > 0 or cast(float, test.high) < 0)
    return ("better" if ahead else "worse"), holds


def ranked(ranking: Ranking) -> str:
    """Mean ranks, and what they are worth."""
    order = ", ".join(
        f"{named(row)} {rank:.2f}" for row, rank in zip(ranking.rows, ranking.ranks, strict=True)
    )
    text = (
        f"Mean ranks over {len(ranking.datasets)} datasets: {order}; Friedman's chi squared is "
        f"{ranking.statistic:.2f} (p {probability(ranking.p)}), Nemenyi's critical difference "
        f"{ranking.critical_difference:.2f}"
    )
    groups = [
        f"{named(ranking.rows[first])} to {named(ranking.rows[last])}"
        for first, last in ranking.groups
    ]
    if not groups:
        return f"{text}: all rows differ beyond chance."
    if ranking.groups == ((0, len(ranking.rows) - 1),):
        return f"{text}: no two rows differ beyond chance."
    return f"{text}: no difference beyond chance from {'; nor from '.join(groups)}."


def named(labels: Sequence[str]) -> str:
    """A row in one word or several."""
    return ", ".join(labels)


def probability(p: float) -> str:
    """A p-value as people read it.

    Example:
        >>> probability(0.0004), probability(0.25), probability(1.0)
        ('< 0.001', '= 0.25', '= 1')
    """
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def difference(test: PairedTest, column: Column) -> str:
    """A difference with its sign.

    Example:
        >>> column = Column("x, fused", "x", "accuracy", "fused", True, "%")
        >>> difference(PairedTest("", (), (), "seeds", "", 3.21, 3, 1, 1, 1), column)
        '+3.2'
    """
    return _signed(test.difference, column)


def span(test: PairedTest, column: Column) -> str:
    """The interval of a difference; nothing below three seeds.

    Example:
        >>> column = Column("x, fused", "x", "accuracy", "fused", True, "%")
        >>> span(PairedTest("", (), (), "seeds", "", 3.2, 3, 1, 1, 1, -1.0, 7.4), column)
        '-1.0 to +7.4'
    """
    if test.low is None or test.high is None:
        return "-"
    return f"{_signed(test.low, column)} to {_signed(test.high, column)}"


def _signed(value: float, column: Column) -> str:
    text = METRICS[column.metric].text(value)
    return text if text.startswith("-") else f"+{text}"


def _of_samples(tests: Sequence[PairedTest], column: Column) -> list[str]:
    if not tests:
        return []
    sorts: dict[str, list[str]] = {kind: [] for kind in _KINDS.values()}
    for test in tests:
        found = verdict(test, column)
        shown = f" ({difference(test, column)})" if found[0] != "no different" else ""
        sorts[_KINDS[found]].append(f"{named(test.row)}{shown}")
    return [f"{kind}: {', '.join(rows)}" for kind, rows in sorts.items() if rows]


_KINDS = {
    ("better", True): "better beyond chance",
    ("worse", True): "worse beyond chance",
    ("better", False): "better in these runs, which others may not repeat",
    ("worse", False): "worse in these runs, which others may not repeat",
    ("no different", False): "no different beyond chance",
}


def _verdicts(tests: Sequence[PairedTest], column: Column, over: str) -> list[str]:
    if not tests:
        return []
    sign = 1 if column.higher_is_better else -1
    sorts: dict[str, list[str]] = {"better": [], "worse": [], "no different beyond chance": []}
    for test in tests:
        beyond = test.adjusted < LEVEL
        sort = ("better" if sign * test.difference > 0 else "worse") if beyond else [*sorts][2]
        shown = f" ({difference(test, column)})" if beyond else ""
        sorts[sort].append(f"{named(test.row)}{shown}")
    parts = [f"{sort}: {', '.join(rows)}" for sort, rows in sorts.items() if rows]
    return [f"{over} {'; '.join(parts)}"]


def _of_seeds(tests: Sequence[PairedTest], column: Column) -> list[str]:
    if not tests:
        return ["over seeds nothing can be tested with one"]
    strong = [test for test in tests if test.least < LEVEL]
    if not strong:
        n, least = max((test.n, test.least) for test in tests)
        return [f"over {n} seeds no p can be below {least:g}, so they alone show nothing"]
    return _verdicts(strong, column, "over seeds")
