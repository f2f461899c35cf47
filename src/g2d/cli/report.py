"""`g2d report`: a folder of runs as one page."""

from __future__ import annotations

import argparse
from pathlib import Path

from g2d.cli.command import Command


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="the --out of g2d train or g2d compare"
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="PAGE",
        help="the page; its tables go beside it (default: DIR/report/report.html)",
    )


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Writes the page and prints where it is."""
    from g2d.benchmark.report.write import write_report

    written = write_report(arguments.folder, arguments.to)
    print(f"  page   {written.page}  ({written.page.stat().st_size / 1e6:.2f} MB)")
    for table in written.tables:
        print(f"  table  {table}")


COMMAND = Command(
    name="report",
    summary="Write one HTML page about a folder of runs: tables, figures, runs.",
    example=("  g2d report runs\n  g2d report evidence --to benchmarks/report/report.html"),
    configure=configure,
    run=run,
)
