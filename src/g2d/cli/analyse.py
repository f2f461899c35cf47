"""`g2d analyse`: one question to finished runs; a table, a sentence, a figure."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from pathlib import Path

from g2d.cli.command import Command, add_trust_argument
from g2d.cli.show import show_table
from g2d.errors import UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    from g2d.benchmark.analyses import ANALYSES

    parser.description = f"{COMMAND.summary}\n\n{_list()}"
    parser.add_argument("what", metavar="WHAT", choices=tuple(ANALYSES), help="one of the above")
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="finished run folders, to be compared"
    )
    parser.add_argument(
        "--out", type=Path, help="where the runs' teachers lie (default: beside each run)"
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("analyses"),
        metavar="FOLDER",
        help="where WHAT.svg and WHAT.json are written (default: analyses)",
    )
    parser.add_argument(
        "--split",
        choices=("train", "val", "test"),
        help="which split, where the analysis has a choice",
    )
    parser.add_argument(
        "--projection", choices=("pca", "tsne"), help="how modality-gap draws features on a plane"
    )
    add_trust_argument(parser)
    parser.usage = "%(prog)s WHAT RUN [RUN ...] [options] [--data.OPTION VALUE ...]"


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Runs the analysis, prints its result and keeps it."""
    from g2d.analysis.subject import subjects_of
    from g2d.benchmark.analyses import ANALYSES
    from g2d.recipes.recipe import parse_changes
    from g2d.runs.run import Run

    name, analysis = arguments.what, ANALYSES[arguments.what]
    if arguments.split and arguments.split not in analysis.splits:
        known = " or ".join(analysis.splits) or "no --split"
        raise UserError(f"{name}: got --split {arguments.split}, expected {known}")
    if arguments.projection and arguments.projection not in analysis.projections:
        raise UserError(f"{name}: got --projection, which is for modality-gap; leave it out")
    asked = {"split": arguments.split, "projection": arguments.projection}
    options = {key: value for key, value in asked.items() if value}
    runs = [
        Run(folder, out=arguments.out, changes=parse_changes(changes), trust=arguments.trust)
        for folder in arguments.runs
    ]
    subjects = subjects_of(runs)
    found = analysis.run(subjects, **options)
    show_table(f"{name}: {analysis.what}", *found.table())
    print(textwrap.fill(found.sentence(), shutil.get_terminal_size().columns))
    print()
    figure = found.plot(arguments.to / f"{name}.svg")
    numbers = arguments.to / f"{name}.json"
    content = {
        "analysis": name,
        "runs": {s.label: str(folder) for s, folder in zip(subjects, arguments.runs, strict=True)},
        **found.as_dict(),
    }
    numbers.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(f"  figure   {figure}")
    print(f"  numbers  {numbers}")


def _list() -> str:
    from g2d.benchmark.analyses import ANALYSES

    width = max(map(len, ANALYSES))
    lines = []
    for name, analysis in ANALYSES.items():
        what = f"{analysis.what} ({analysis.figure})" if analysis.figure else analysis.what
        folded = textwrap.wrap(what, 76 - width)
        lines.append(f"  {name:<{width}}  {folded[0]}")
        lines += [" " * (width + 4) + more for more in folded[1:]]
    return "\n".join(lines)


COMMAND = Command(
    name="analyse",
    summary="Analyse finished runs: a table, a sentence and a figure.",
    example=(
        "  g2d analyse learning-curves runs/avdigits-joint-seed0 runs/avdigits-g2d-seed0\n"
        "  g2d analyse confidence runs/avdigits-g2d-seed0 --to figures"
    ),
    configure=configure,
    run=run,
    takes_changes=True,
)
