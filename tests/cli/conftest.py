"""The command line, run in this process, and what it said."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

import pytest

from g2d.cli.main import main
from toy import toy_recipe


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


@pytest.fixture
def g2d(capsys, monkeypatch):
    """Runs a command as if it were typed in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    capsys.readouterr()

    def run(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def toy_file(tmp_path):
    """Writes a recipe of the toys; JSON is YAML."""

    def write(**changes):
        path = tmp_path / "toy.yaml"
        content = {**toy_recipe(epochs=2), **changes}
        path.write_text(json.dumps(content))
        return path

    return write
