"""`g2d predict`: what a trained run predicts for new rows."""

from __future__ import annotations

import argparse
from pathlib import Path

from g2d.cli.command import Command, add_trust_argument

# Of single rows with parts that could not be used, as many are shown; the file has all.
_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run on a table")
    parser.add_argument("--data", type=Path, required=True, help="the table of new rows")
    parser.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), help="file to write (CSV)"
    )
    parser.add_argument(
        "--keep",
        nargs="*",
        metavar="COLUMN",
        help="columns of the table to write beside the predictions (default: all; none after "
        "--keep)",
    )
    add_trust_argument(parser)


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Predicts, and prints where the predictions are."""
    from g2d.table.predict import Predictor
    from g2d.table.predictions_file import write_predictions

    predictor = Predictor(arguments.run, trust=arguments.trust)
    count, about, notes = write_predictions(
        predictor, arguments.data, arguments.out, arguments.keep
    )
    for note in [*about, *notes[:_SHOWN]]:
        print(note)
    if len(notes) > _SHOWN:
        print(f"and {len(notes) - _SHOWN} more rows with parts that could not be used")
    print(f"{count} rows predicted, in {arguments.out}")


COMMAND = Command(
    name="predict",
    summary="Predict the rows of a new table with a trained run.",
    example="  g2d predict runs/data-g2d-seed0 --data new.csv --out predictions.csv",
    configure=configure,
    run=run,
)
