"""`g2d evaluate`: a trained run on one split."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from g2d.cli.command import Command, add_trust_argument
from g2d.cli.show import show_metrics, show_patterns


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run folder")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    add_trust_argument(parser)
    parser.usage = "%(prog)s RUN [options] [--data.OPTION VALUE ...]"


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Predicts the split, keeps the predictions, shows the metrics."""
    from g2d.recipes.recipe import parse_changes
    from g2d.runs.evaluate import evaluate_run
    from g2d.runs.run import Run

    opened = Run(arguments.run, changes=parse_changes(changes), trust=arguments.trust)
    evaluation = evaluate_run(opened, arguments.split)
    if arguments.json:
        print(json.dumps(evaluation.record(), indent=2))
        return
    show_metrics(evaluation.metrics, f"{arguments.run.name}, {arguments.split}")
    if evaluation.patterns:
        show_patterns(evaluation.patterns)


COMMAND = Command(
    name="evaluate",
    summary="Measure a run on a split: every metric, fused and of each modality.",
    example="  g2d evaluate runs/avdigits-g2d-seed0 --split test",
    configure=configure,
    run=run,
    takes_changes=True,
)
