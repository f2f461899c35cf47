"""What was run and what came of it, in sentences for the top of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from g2d.benchmark.compare.places import without_places
from g2d.benchmark.compare.record import GridRecord
from g2d.benchmark.report.groups import Group
from g2d.benchmark.report.wording import counted
from g2d.runs.run import Run
from g2d.wording import listed


@dataclass(frozen=True)
class Trouble:
    """Runs that failed for one reason.

    Attributes:
        reason: As it was reported.
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
    """The software and the machine that runs were made with.

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
    """The title of the page."""
    if len(records) == 1:
        return records[0].title
    datasets = dict.fromkeys(label for record in records for label in record.axes["dataset"])
    drawn = sum(record.figure is not None for record in records)
    kinds = [(len(records) - drawn, "comparison"), (drawn, "figure")]
    text = listed(counted(count, kind) for count, kind in kinds if count)
    return f"{text} on {listed(datasets, 6)}"


def extent(records: Sequence[GridRecord], groups: Sequence[Group]) -> str:
    """How much was run, and how far it is."""
    students = [group for group in groups if not group.teacher]
    runs = [run for group in students for run in group.runs]
    datasets = dict.fromkeys(label for record in records for label in record.axes["dataset"])
    seeds = sorted({cell.seed for record in records for cell in record.cells})
    text = (
        f"{counted(len(students), 'setting')} on {listed(datasets, 6)}, "
        f"with seed{'s' * (len(seeds) > 1)} {listed([str(seed) for seed in seeds], 10)}: "
        f"{counted(len(runs), 'run')}. "
    )
    states: list[str] = [run.state for run in runs]
    if all(state == "finished" for state in states):
        return text + ("It is finished." if len(runs) == 1 else "All are finished.")
    parts = [
        f"{states.count(state)} {word}"
        for state, word in (
            ("finished", "finished"),
            ("failed", "failed"),
            ("open", "not done yet"),
        )
        if states.count(state)
    ]
    return f"{text}{listed(parts)}."


def troubles(groups: Sequence[Group]) -> list[Trouble]:
    """The runs that failed, the commonest reason first."""
    reasons: dict[str, dict[str, list[Run]]] = {}
    by_anchor = {group.anchor: group for group in groups}
    for group in groups:
        for run in group.runs:
            if run.state == "failed":
                settings = reasons.setdefault(without_places(run.reason), {})
                settings.setdefault(group.anchor, []).append(run)
    found = [
        Trouble(reason, tuple((by_anchor[at], tuple(runs)) for at, runs in settings.items()))
        for reason, settings in reasons.items()
    ]
    return sorted(found, key=lambda trouble: -trouble.count)


def unfinished(groups: Sequence[Group]) -> list[tuple[Group, tuple[Run, ...]]]:
    """The runs that are still to be done."""
    found = [(group, tuple(run for run in group.runs if run.state == "open")) for group in groups]
    return [(group, runs) for group, runs in found if runs]


def made_with(groups: Sequence[Group]) -> tuple[list[Made], Mapping[str, str]]:
    """Software and machines of all runs, and for every run the letters of its own."""
    counts: dict[str, int] = {}
    short: dict[str, str] = {}
    of_run: dict[str, list[str]] = {}
    for group in groups:
        for run in group.runs:
            made_in = {_words(made): _few_words(made) for made in _environments(run)}
            short |= made_in
            for words in made_in:
                counts[words] = counts.get(words, 0) + 1
                of_run.setdefault(run.name, []).append(words)
    order = sorted(counts, key=lambda words: -counts[words])
    letters = {words: f"E{number}" for number, words in enumerate(order, 1)}
    made = [Made(letters[words], words, short[words], counts[words]) for words in order]
    return made, {
        name: listed((letters[words] for words in words_of), 6) for name, words_of in of_run.items()
    }


def _environments(run: Run) -> Iterator[Mapping[str, Any]]:
    """What a run was made with, session by session."""
    sessions = run.about.get("sessions", [])
    if not sessions and "environment" in run.about:
        yield run.about["environment"]
    for session in sessions:
        yield session["environment"]


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
    text = f"g2d {made.get('versions', {}).get('g2d', '?')}"
    if made.get("commit"):
        commit, _, changed = str(made["commit"]).partition("+")
        text += f" at commit {commit[:12]}{' with changes' if changed else ''}"
    return text


def _processor(machine: Mapping[str, Any]) -> str:
    text = str(machine.get("processor") or "an unknown processor")
    cores = machine.get("cores")
    return f"{text} with {counted(int(cores), 'core')}" if cores else text
