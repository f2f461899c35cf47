"""Runs as sections of the page: what they share is written once, the rest where it differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from g2d.benchmark.compare.launchers.lines import duration
from g2d.benchmark.compare.table import Table
from g2d.benchmark.report.curves import Curves, curves
from g2d.benchmark.report.groups import Group, resolved
from g2d.benchmark.report.predictions import Confusion, Labels, Scatter, drawn_predictions
from g2d.benchmark.report.settings import Flat, differing, flat, shared
from g2d.benchmark.report.wording import IN_PERCENT, called, shown
from g2d.runs.run import Run
from g2d.wording import around

_LEADERBOARD = "leaderboard.json"  # of `auto`, beside the result


@dataclass(frozen=True)
class RunSection:
    """A run on the page.

    Attributes:
        run: What its folder holds.
        curves: Of validation.
        confusion: Of a classification.
        score: Its fused score on test, as text.
        classes: Position of its class names among those of the page.
        scatter: Of a regression.
        labels: Of several labels a sample.
        metrics: Heading and rows of the table of metrics.
        leaderboard: Heading and rows of the candidates of a run of `auto`; else empty.
        clock: When it was run and how long it took: all of the page that hangs on the clock.
    """

    run: Run
    score: str
    curves: Curves | None
    confusion: Confusion | None
    classes: int
    scatter: Scatter | None
    labels: Labels | None
    metrics: tuple[tuple[str, ...], ...]
    leaderboard: tuple[tuple[str, ...], ...]
    clock: str


@dataclass(frozen=True)
class GroupSection:
    """A setting on the page.

    Attributes:
        group: Its runs.
        sections: One for every run.
        base: The shared recipe that `settings` is relative to.
        settings: How it differs from that recipe.
        stands: Where its numbers stand: anchor of the table, title of the table, the numbers.
        score: Its fused score on test, as text.
    """

    group: Group
    sections: tuple[RunSection, ...]
    base: int
    settings: Flat
    stands: tuple[tuple[str, str, str], ...]
    score: str


@dataclass(frozen=True)
class Sections:
    """All runs of the page.

    Attributes:
        bases: What most runs of a kind share, by the kind.
        groups: One for every setting.
        classes: Class names that confusion matrices refer to by position.
    """

    bases: tuple[tuple[str, Flat], ...]
    groups: tuple[GroupSection, ...]
    classes: tuple[tuple[str, ...], ...]


def sections_of(groups: Sequence[Group], tables: Sequence[Table]) -> Sections:
    """Makes runs ready for the page.

    Args:
        groups: Of a folder of runs.
        tables: Of the same folder, where their numbers stand.
    """
    recipes = {group.anchor: flat(_resolved(group)) for group in groups}
    kinds: dict[str, list[Group]] = {}
    for group in groups:
        what = "teachers" if group.teacher else "runs"
        kinds.setdefault(f"{group.dataset} {what}".strip(), []).append(group)
    bases = [
        (kind, shared([recipes[group.anchor] for group in members if recipes[group.anchor]]))
        for kind, members in kinds.items()
    ]
    base_of = {
        group.anchor: number for number, members in enumerate(kinds.values()) for group in members
    }
    classes: dict[tuple[str, ...], int] = {}
    sections = []
    for group in groups:
        base, recipe = base_of[group.anchor], recipes[group.anchor]
        sections.append(
            GroupSection(
                group=group,
                sections=tuple(_run_section(run, classes) for run in group.runs),
                base=base,
                settings=differing(recipe, bases[base][1]) if recipe else {},
                stands=tuple(_stands(group, tables)),
                score=_score(group),
            )
        )
    return Sections(tuple(bases), tuple(sections), tuple(classes))


def _resolved(group: Group) -> dict[str, Any]:
    return next((resolved(run) for run in group.runs if run.about), {})


def _run_section(run: Run, classes: dict[tuple[str, ...], int]) -> RunSection:
    found = drawn_predictions(run)
    confusion = found if isinstance(found, Confusion) else None
    return RunSection(
        run=run,
        score="" if run.score is None else f"{called(run.metric)} {shown(run.score, run.metric)}",
        curves=curves(run.epochs, run.metric),
        confusion=confusion,
        classes=classes.setdefault(confusion.classes, len(classes)) if confusion else 0,
        scatter=found if isinstance(found, Scatter) else None,
        labels=found if isinstance(found, Labels) else None,
        metrics=_metrics(run.result),
        leaderboard=_leaderboard(run),
        clock=_clock(run),
    )


def _metrics(result: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Every metric, fused and of each modality, on test and on validation."""
    rows: list[tuple[str, ...]] = []
    splits = [split for split in ("test", "val") if split in result]
    if not splits:
        return ()
    known = {k: v for k, v in result[splits[0]].items() if k != "patterns"}
    names = list(dict.fromkeys(name for values in known.values() for name in values))
    rows.append(("", *(f"{split}, {name}" for split in splits for name in names)))
    for metric in known:
        values = [
            shown(result[split].get(metric, {}).get(name), metric)
            for split in splits
            for name in names
        ]
        rows.append((metric, *values))
    return tuple(rows)


def _leaderboard(run: Run) -> tuple[tuple[str, ...], ...]:
    """The candidates that a run of `auto` compared, floors among them, and which it kept."""
    if not (run.finished and (run.path / _LEADERBOARD).is_file()):
        return ()
    found = run.read_json(_LEADERBOARD)
    head = ("candidate", f"{found['score']} on {found['rows']} rows", "behind the best", "")
    rows = []
    for line in found["candidates"]:
        kept = "kept" if line["name"] == found["kept"]["line"] else ""
        score = around(line["score"], line["error"])
        rows.append((line["name"], score, around(line["behind"], line["behind_error"]), kept))
    return (head, *rows)


def _clock(run: Run) -> str:
    """Dates and seconds; a run that was taken up again has other ones than one that was not."""
    parts = [f"began {session['started']}" for session in run.about.get("sessions", [])]
    if "seconds" in run.result:
        parts.append(f"trained for {duration(float(run.result['seconds']))}")
    return ", ".join(parts)


def _stands(group: Group, tables: Sequence[Table]) -> list[tuple[str, str, str]]:
    """Where the numbers of a setting stand."""
    names = {run.name for run in group.runs}
    found = []
    for number, table in enumerate(tables, 1):
        for row in table.rows:
            if any(n is not None and names & set(n.runs) for n in row.numbers):
                found.append((f"table-{number}", table.title, " · ".join(row.labels)))
    return found


def _score(group: Group) -> str:
    scores = group.scores
    if not scores:
        return ""
    metric = next(run.metric for run in group.runs if run.score is not None)
    mean = shown(sum(scores) / len(scores), metric)
    score = f"{called(metric)} {mean}"
    if group.spread is not None:
        # As many digits as the mean has.
        digits = len(mean.removesuffix(" %").partition(".")[2])
        scale = 100 if metric in IN_PERCENT else 1
        score += f" ± {scale * group.spread:.{digits}f}"
    return score
