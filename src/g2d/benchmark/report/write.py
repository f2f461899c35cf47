"""Writes the page and its tables beside the runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from g2d.benchmark.compare.record import read_records
from g2d.benchmark.compare.rendering.files import write_table
from g2d.benchmark.compare.tables import read_table
from g2d.benchmark.report.no_grid import record_of_runs
from g2d.benchmark.report.page import report_page
from g2d.errors import UserError
from g2d.files import write_whole


@dataclass(frozen=True)
class Written:
    """The page that was written.

    Attributes:
        page: The page.
        tables: The Markdown and LaTeX files.
    """

    page: Path
    tables: tuple[Path, ...]


def write_report(out: Path, to: Path | None = None) -> Written:
    """Writes the report of a folder of runs.

    Args:
        out: A folder of runs; where grids were run in it, those are shown, else all runs.
        to: Where the page goes; `report/report.html` in the folder when not given. Tables go
            beside it.

    Raises:
        UserError: There is no such folder, or it holds no runs.
    """
    if not out.is_dir():
        raise UserError(
            f"there is no folder {out}; g2d report takes the --out of g2d train or g2d compare"
        )
    to = to or out / "report" / "report.html"
    if to.suffix not in {".html", ".htm"}:
        raise UserError(f"--to {to}: expected the name of a page, such as {to / 'report.html'}")
    recorded = any((out / "grids").glob("*.json"))
    records = read_records(out) if recorded else [record_of_runs(out)]
    # Of a grid that is there for its figure, accuracies of one seed would show nothing.
    tables = [read_table(record, out) for record in records if record.figure is None]
    to.parent.mkdir(parents=True, exist_ok=True)
    write_whole(to, report_page(records, tables, out))
    beside = [path for table in tables for path in write_table(table, to.parent)]
    return Written(to, tuple(beside))
