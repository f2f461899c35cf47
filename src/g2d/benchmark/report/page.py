"""The page: overview, tables, figures and runs in one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from g2d.benchmark.compare.places import without_places
from g2d.benchmark.compare.record import GridRecord
from g2d.benchmark.compare.rendering.words import MEANING
from g2d.benchmark.compare.table import Table
from g2d.benchmark.report import story
from g2d.benchmark.report.figures import read_figures
from g2d.benchmark.report.findings import beside_the_paper, findings
from g2d.benchmark.report.groups import places, read_groups
from g2d.benchmark.report.sections import sections_of
from g2d.benchmark.report.settings import NOT_SET
from g2d.benchmark.report.tables import table_section
from g2d.benchmark.report.wording import called, counted, significant
from g2d.errors import require


def report_page(records: Sequence[GridRecord], tables: Sequence[Table], out: Path) -> str:
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
    shown = {run.name for group in groups for run in group.runs}
    made, made_of = story.made_with(groups)
    sections = sections_of(groups, tables)
    environment = Environment(
        loader=PackageLoader("g2d.benchmark.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _part("page.js")
    return environment.get_template("page.html").render(
        title=story.headline(records),
        extent=story.extent(records, groups),
        findings=[(table, findings(table)) for table in tables],
        beside=beside_the_paper(tables),
        made=made,
        made_of=made_of,
        troubles=story.troubles(groups),
        unfinished=story.unfinished(groups),
        tables=[table_section(table, at) for table in tables],
        meaning=MEANING,
        figures=read_figures(out, {record.name: record.title for record in records}, shown),
        bases=sections.bases,
        students=[section for section in sections.groups if not section.group.teacher],
        teachers=[section for section in sections.groups if section.group.teacher],
        classes=sections.classes,
        not_set=NOT_SET,
        called=called,
        counted=counted,
        significant=significant,
        without_places=without_places,
        style=_part("page.css"),
        script=script,
        script_digest=_digest(script),
    )


def _part(name: str) -> str:
    return files("g2d.benchmark.report").joinpath(name).read_text("utf-8")


def _digest(script: str) -> str:
    """What the page's policy calls its one script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
