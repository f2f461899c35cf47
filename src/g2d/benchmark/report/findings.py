"""A table in sentences: which row is best, whether by chance, how far the paper is."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from g2d.analysis.intervals import LEAST_SEEDS
from g2d.benchmark.compare.metrics import METRICS
from g2d.benchmark.compare.rendering.words import verdict
from g2d.benchmark.compare.table import Column, Number, Table
from g2d.methods.validation import FUSED
from g2d.wording import listed


def findings(table: Table) -> list[str]:
    """The best row of a table, and whether that is more than chance; one sentence a column."""
    sentences = []
    for place, column in enumerate(table.columns):
        if column.read == FUSED and table.best[place]:
            ahead = _ahead if len(table.best[place]) == 1 else _ahead_of_each
            sentences.append(f"{ahead(table, place, column)}{_against(table, column)}")
    return sentences


def _ahead(table: Table, place: int, column: Column) -> str:
    """All were measured alike: the best, and who follows."""
    (best,) = table.best[place]
    if best.level:
        names = listed([" · ".join(table.rows[row].labels) for row in best.rows], 6)
        score = _score(table.rows[best.row].numbers[place], column)
        label = METRICS[column.metric].label
        return (
            f"On {column.dataset}, {names} are level with the best {column.read} {label}, {score}."
        )
    sign = 1 if column.higher_is_better else -1
    others = sorted(
        (-sign * number.mean, " · ".join(row.labels), number)
        for position, row in enumerate(table.rows)
        if position != best.row
        and (number := row.numbers[place]) is not None
        and number.mean is not None
        and not _apart(number)
    )
    best_row = f"On {column.dataset}, {_best_of(table, place, best.row, column)}"
    if not others:
        return f"{best_row}."
    _, name, second = others[0]
    first = table.rows[best.row].numbers[place]
    if best.beyond_chance:
        return f"{best_row}, beyond chance ({name} follows with {_score(second, column)})."
    seeds = min(second.n, second.n if first is None else first.n)
    why = "not beyond chance"
    if seeds < LEAST_SEEDS:
        why = f"{'one seed' if seeds == 1 else 'two seeds'} cannot tell"
    return f"{best_row}; {name} has {_score(second, column)}: {why}."


def _ahead_of_each(table: Table, place: int, column: Column) -> str:
    """Of every set that was measured alike, the best."""
    parts: list[str] = []
    for best in table.best[place]:
        row = _names(table, place, best.row) if parts else _best_of(table, place, best.row, column)
        parts.append(f"{row}, {'' if best.beyond_chance else 'not '}beyond chance")
    return f"On {column.dataset}, of those measured alike, {'; of others, '.join(parts)}."


def _best_of(table: Table, place: int, row: int, column: Column) -> str:
    number = table.rows[row].numbers[place]
    most = "highest" if column.higher_is_better else "lowest"
    has = f"{' · '.join(table.rows[row].labels)} has the {most} {column.read}"
    return f"{has} {METRICS[column.metric].label}, {_score(number, column)}"


def _names(table: Table, place: int, row: int) -> str:
    score = _score(table.rows[row].numbers[place], table.columns[place])
    return f"{' · '.join(table.rows[row].labels)}, {score}"


def _score(number: Number | None, column: Column) -> str:
    if number is None or number.mean is None:
        return ""
    unit = f"\u00a0{column.unit}" if column.unit else ""
    return f"{METRICS[column.metric].text(number.mean)}{unit}"


def _apart(number: Number) -> bool:
    """Whether it was not measured like the best of its column, which has the usual protocol."""
    return any(mark.startswith(("another protocol", "other data")) for mark in number.marks)


def _against(table: Table, column: Column) -> str:
    """How many rows differ from the reference row, and of how many that holds beyond these runs."""
    tests = [t for t in table.tests if t.column == column.label and t.over == "samples"]
    references = {test.reference for test in tests}
    if len(references) != 1 or len(tests) < 2:
        return ""
    verdicts = [verdict(test, column) for test in tests]
    counts = listed(
        [f"{n} {words}" for kind, words in _KINDS.items() if (n := verdicts.count(kind))]
    )
    name = " · ".join(next(iter(references)))
    return f" Against {name}, over test samples and seeds: {counts}."


_KINDS = {
    ("better", True): "better",
    ("worse", True): "worse",
    ("better", False): "better in these runs only",
    ("worse", False): "worse in these runs only",
    ("no different", False): "not told apart",
}


def beside_the_paper(tables: Iterable[Table]) -> str:
    """How far the numbers are from the paper's, if there are any to compare."""
    gaps = [
        number.mean - number.paper
        for table in tables
        for row in table.rows
        for number, column in zip(row.numbers, table.columns, strict=True)
        if number is not None
        and number.mean is not None
        and number.paper is not None
        and column.unit == "%"
    ]
    if not gaps:
        return ""
    middle = median(gaps)
    return (
        f"For {len(gaps)} of these numbers the paper gives its own; ours lie "
        f"{abs(middle):.1f} points {'above' if middle > 0 else 'below'} in the median. Epochs, "
        "data and models may differ: the notes and the command of every table show how."
    )
