"""What was run and what came of it, in sentences for the top of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from g2d.compare.metrics import METRICS
from g2d.compare.record import GridRecord
from g2d.compare.table import Column, Number, Table
from g2d.engine.evaluate import FUSED
from g2d.report.groups import Group
from g2d.report.runs import Run
from g2d.report.wording import counted, listed


@dataclass(frozen=True)
class Trouble:
    """Runs that failed for one reason.

    Attributes:
        reason: As it was said.
        settings: What failed, and the runs of it that did.
    """

    reason: str
    settings: tuple[tuple[Group, tuple[Run, ...]], ...]

    @property
    def count(self) -> int:
        """How many runs failed."""
        return sum(len(runs) for _, runs in self.settings)


@dataclass(frozen=True)
class Made:
    """What runs were made with.

    Attributes:
        letter: How the page refers to it.
        words: Versions, machine and commit.
        short: The same in a few words.
        runs: How many were, in full or in part.
    """

    letter: str
    words: str
    short: str
    runs: int


def headline(records: Sequence[GridRecord]) -> str:
    """What the page is called."""
    if len(records) == 1:
        return records[0].title
    datasets = dict.fromkeys(label for record in records for label in record.axes["dataset"])
    return f"{counted(len(records), 'comparison')} on {listed(list(datasets))}"


def extent(records: Sequence[GridRecord], groups: Sequence[Group]) -> str:
    """How much was run, and how far it is."""
    students = [group for group in groups if not group.teacher]
    runs = [run for group in students for run in group.runs]
    datasets = dict.fromkeys(label for record in records for label in record.axes["dataset"])
    seeds = sorted({cell.seed for record in records for cell in record.cells})
    said = (
        f"{counted(len(students), 'setting')} on {listed(list(datasets))}, "
        f"with seed{'s' * (len(seeds) > 1)} {listed([str(seed) for seed in seeds], 10)}: "
        f"{counted(len(runs), 'run')}. "
    )
    states: list[str] = [run.state for run in runs]
    if all(state == "finished" for state in states):
        return said + ("It is finished." if len(runs) == 1 else "All are finished.")
    parts = [
        f"{states.count(state)} {word}"
        for state, word in (
            ("finished", "finished"),
            ("failed", "failed"),
            ("open", "not done yet"),
        )
        if states.count(state)
    ]
    return f"{said}{listed(parts)}."


def findings(table: Table) -> list[str]:
    """Who is ahead in a table, and whether that is more than chance; one sentence a dataset."""
    said = []
    for place, column in enumerate(table.columns):
        if column.read == FUSED:
            said += _ahead(table, place, column)
    return said


def _ahead(table: Table, place: int, column: Column) -> list[str]:
    if not table.best[place]:
        return []
    best = table.best[place][0]
    first = table.rows[best.row].numbers[place]
    assert first is not None
    text, unit = METRICS[column.metric].text, f"\u00a0{column.unit}" if column.unit else ""

    def score(number: Number) -> str:
        return "" if number.mean is None else f"{text(number.mean)}{unit}"

    said = (
        f"On {column.dataset}, {' · '.join(table.rows[best.row].labels)} has the "
        f"{'highest' if column.higher_is_better else 'lowest'} {column.read} "
        f"{METRICS[column.metric].label}, {score(first)}"
    )
    if len(table.best[place]) > 1:
        said += " among those of the first of several protocols"
    sign = 1 if column.higher_is_better else -1
    others = sorted(
        (
            (-sign * number.mean, " · ".join(row.labels), number)
            for row in table.rows
            if (number := row.numbers[place]) is not None
            and number is not first
            and number.mean is not None
        ),
        key=lambda other: other[:2],
    )
    _, name, second = others[0]
    if best.beyond_chance:
        return [f"{said}, beyond chance ({name} follows with {score(second)})."]
    why = "one seed cannot tell" if min(first.n, second.n) < 2 else "not beyond chance"
    return [f"{said}; {name} has {score(second)}: {why}."]


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
        "data and models may differ: the notes and the command of every table say how."
    )


def troubles(groups: Sequence[Group]) -> list[Trouble]:
    """What failed, the commonest reason first."""
    reasons: dict[str, dict[str, list[Run]]] = {}
    by_anchor = {group.anchor: group for group in groups}
    for group in groups:
        for run in group.runs:
            if run.state == "failed":
                settings = reasons.setdefault(run.reason, {})
                settings.setdefault(group.anchor, []).append(run)
    found = [
        Trouble(reason, tuple((by_anchor[at], tuple(runs)) for at, runs in settings.items()))
        for reason, settings in reasons.items()
    ]
    return sorted(found, key=lambda trouble: -trouble.count)


def unfinished(groups: Sequence[Group]) -> list[tuple[Group, tuple[Run, ...]]]:
    """What is still to be done."""
    found = [(group, tuple(run for run in group.runs if run.state == "open")) for group in groups]
    return [(group, runs) for group, runs in found if runs]


def made_with(groups: Sequence[Group]) -> tuple[list[Made], Mapping[str, str]]:
    """All that runs were made with, and for every run the letters of what it was."""
    counts: dict[str, int] = {}
    short: dict[str, str] = {}
    of_run: dict[str, list[str]] = {}
    for group in groups:
        for run in group.runs:
            made_in = {_words(made): _few_words(made) for made in run.environments()}
            short |= made_in
            for words in made_in:
                counts[words] = counts.get(words, 0) + 1
                of_run.setdefault(run.name, []).append(words)
    order = sorted(counts, key=lambda words: -counts[words])
    letters = {words: f"E{number}" for number, words in enumerate(order, 1)}
    made = [Made(letters[words], words, short[words], counts[words]) for words in order]
    return made, {
        name: listed([letters[words] for words in words_of]) for name, words_of in of_run.items()
    }


def _words(made: Mapping[str, Any]) -> str:
    versions = {k: v for k, v in made.get("versions", {}).items() if k != "g2d"}
    machine = made.get("machine", {})
    packages = [f"Python {made.get('python', '?')}", *(f"{k} {v}" for k, v in versions.items())]
    where = [_processor(machine)]
    if machine.get("threads"):
        where.append(f"{counted(int(machine['threads']), 'thread')} a run")
    where.append(str(machine.get("gpu") or "no GPU"))
    if machine.get("system"):
        where.append(str(machine["system"]))
    return f"{_own(made)}, {', '.join(packages)}; {', '.join(where)}"


def _few_words(made: Mapping[str, Any]) -> str:
    machine = made.get("machine", {})
    torch = made.get("versions", {}).get("torch", "?")
    where = machine.get("gpu") or f"{_processor(machine)}, no GPU"
    return f"{_own(made)} and torch {torch}, on {where}"


def _own(made: Mapping[str, Any]) -> str:
    said = f"g2d {made.get('versions', {}).get('g2d', '?')}"
    if made.get("commit"):
        commit, _, changed = str(made["commit"]).partition("+")
        said += f" at commit {commit[:12]}{' with changes' if changed else ''}"
    return said


def _processor(machine: Mapping[str, Any]) -> str:
    said = str(machine.get("processor") or "an unknown processor")
    cores = machine.get("cores")
    return f"{said} with {counted(int(cores), 'core')}" if cores else said
