"""`g2d demo`: the whole idea in minutes, on data made on the spot."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from pathlib import Path

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and order")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="folder of runs (default: runs/demo)"
    )
    parser.add_argument("--epochs", type=int, help="epochs of teachers and students alike")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Teachers, joint training, G²D; a table, a figure and a sentence."""
    from g2d.analysis.comparison import compare_runs
    from g2d.analysis.learning_curves import learning_curves
    from g2d.benchmark.demo import run_demo

    if arguments.epochs is not None and arguments.epochs < 1:
        raise UserError(f"--epochs: expected 1 or more, got {arguments.epochs}")
    print("AV-Digits: handwritten digits, each also spoken by eSpeak NG, in noise.")
    print("Two teachers, then joint training and G²D for the same number of epochs.")
    folders = run_demo(arguments.out, seed=arguments.seed, epochs=arguments.epochs)
    found = compare_runs(folders, arguments.out)
    figure = learning_curves(folders, arguments.out).plot(arguments.out / "learning_curves.png")
    show_table("Accuracy on the test split, %", *found.table())
    sentence = found.sentence(before="joint", after="g2d")
    print(textwrap.fill(sentence, shutil.get_terminal_size().columns))
    print()
    print(f"  figure      {figure}")
    for folder in folders:
        print(f"  run folder  {folder}")


COMMAND = Command(
    name="demo",
    summary="Show joint training and G²D on made-up data: a table, a figure, a sentence.",
    example="  g2d demo",
    configure=configure,
    run=run,
)
