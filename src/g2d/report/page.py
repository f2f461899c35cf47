"""The page: sections from tables, figures and runs, in one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from g2d.compare.lines import duration
from g2d.compare.record import GridRecord
from g2d.compare.table import PairedTest, Table
from g2d.errors import require
from g2d.report import story
from g2d.report.answers import Confusion, Scatter, answers
from g2d.report.cells import caption, show_table
from g2d.report.curves import HEIGHT, WIDTH, Curves, curves
from g2d.report.figures import read_figures
from g2d.report.groups import Group, places, read_groups
from g2d.report.ranking import ranking_svg, ranking_words
from g2d.report.runs import Run
from g2d.report.settings import NOT_SET, Flat, difference, flat, shared
from g2d.report.wording import counted, shown, significant


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
        metrics: Heading and rows of the table of metrics.
        clock: When it was run and how long it took: all of the page that hangs on the clock.
    """

    run: Run
    score: str
    curves: Curves | None
    confusion: Confusion | None
    classes: int
    scatter: Scatter | None
    metrics: tuple[tuple[str, ...], ...]
    clock: str


@dataclass(frozen=True)
class GroupSection:
    """A setting on the page.

    Attributes:
        group: Its runs.
        sections: One for every run.
        base: Which of the shared recipes it is told against.
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


def report_page(
    records: Sequence[GridRecord], tables: Sequence[Table], out: Path
) -> str:
    """Writes the page of a folder of runs.

    Nothing enters it but what lies in the folder, so that the same folder gives the same bytes.

    Args:
        records: The grids of the folder.
        tables: Theirs, in the same order.
        out: The folder.

    Raises:
        UserError: A figure of the folder cannot be read.
    """
    require("jinja2", "train")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    groups = read_groups(records, out)
    at = places(groups)
    made, made_of = story.made_with(groups)
    shown_tables = [show_table(table, at) for table in tables]
    bases, sections, classes = _sections(groups, tables)
    environment = Environment(
        loader=PackageLoader("g2d.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = files("g2d.report").joinpath("page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html").render(
        title=story.headline(records),
        extent=story.extent(records, groups),
        findings=[(table, story.findings(table)) for table in tables],
        beside=story.beside_the_paper(tables),
        made=made,
        made_of=made_of,
        troubles=story.troubles(groups),
        unfinished=story.unfinished(groups),
        tables=[
            (table, caption(table.table), _tests(table.table), _ranking(table.table))
            for table in shown_tables
        ],
        figures=read_figures(out),
        bases=bases,
        students=[section for section in sections if not section.group.teacher],
        teachers=[section for section in sections if section.group.teacher],
        anchors={name: group.anchor for name, group in at.items()},
        classes=classes,
        box=(WIDTH, HEIGHT),
        not_set=NOT_SET,
        counted=counted,
        significant=significant,
        style=files("g2d.report").joinpath("page.css").read_text("utf-8"),
        script=script,
        script_digest=f"sha256-{digest}",
    )


def _sections(
    groups: Sequence[Group], tables: Sequence[Table]
) -> tuple[list[tuple[str, Flat]], list[GroupSection], list[tuple[str, ...]]]:
    """What runs share, their sections, and the class names of the page."""
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
                settings=difference(recipe, bases[base][1]) if recipe else {},
                stands=tuple(_stands(group, tables)),
                score=_score(group),
            )
        )
    return bases, sections, list(classes)


def _resolved(group: Group) -> dict[str, Any]:
    return next((run.resolved() for run in group.runs if run.about), {})


def _run_section(run: Run, classes: dict[tuple[str, ...], int]) -> RunSection:
    found = answers(run)
    confusion = found if isinstance(found, Confusion) else None
    return RunSection(
        run=run,
        score="" if run.score is None else f"{run.metric} {shown(run.score, run.metric)}",
        curves=curves(run.epochs, run.metric),
        confusion=confusion,
        classes=classes.setdefault(confusion.classes, len(classes)) if confusion else 0,
        scatter=found if isinstance(found, Scatter) else None,
        metrics=_metrics(run.result),
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


def _clock(run: Run) -> str:
    """Dates and seconds; a run that was taken up again has other ones than one that was not."""
    said = [f"began {session['started']}" for session in run.about.get("sessions", [])]
    if "seconds" in run.result:
        said.append(f"trained for {duration(float(run.result['seconds']))}")
    return ", ".join(said)


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
    said = f"{metric} {shown(sum(scores) / len(scores), metric)}"
    if group.spread is not None:
        said += f" ± {shown(group.spread, metric).removesuffix(' %')}"
    return said


def _tests(table: Table) -> tuple[tuple[str, ...], list[tuple[PairedTest, str]]]:
    """The paired tests with their differences as text."""
    references = tuple(dict.fromkeys(" · ".join(test.reference) for test in table.tests))
    return references, [(test, f"{test.difference:+.2f}") for test in table.tests]


def _ranking(table: Table) -> tuple[str, str] | None:
    if table.ranking is None:
        return None
    return ranking_svg(table.ranking), ranking_words(table.ranking)


