"""`g2d export`: a trained model as a file that runs without g2d."""

from __future__ import annotations

import argparse
from pathlib import Path

from g2d.cli.command import Command, add_trust_argument


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run")
    parser.add_argument(
        "--format", choices=("torch", "onnx"), default="torch", help="of the file (default: torch)"
    )
    parser.add_argument(
        "--out", type=Path, help="file to write (default: model.pt2 or model.onnx in RUN)"
    )
    add_trust_argument(parser)


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Exports, and prints the inputs and outputs of the file."""
    from g2d.table.export.export import export

    done = export(arguments.run, arguments.format, arguments.out, trust=arguments.trust)
    for title, tensors in (("input", done.inputs), ("output", done.outputs)):
        for tensor in tensors:
            shape = ", ".join(map(str, tensor.shape))
            print(f"{title:6}  {tensor.name}  {tensor.dtype} ({shape})")
    print(f"checked against the model: largest relative difference {done.difference:.1e}")
    print(f"exported to {done.file}; {done.file.name}.json holds the same")


COMMAND = Command(
    name="export",
    summary="Write a trained model as a file that runs without g2d.",
    example="  g2d export runs/avdigits-g2d-seed0 --format onnx",
    configure=configure,
    run=run,
)
