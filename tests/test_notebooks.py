"""examples/notebooks: they are the tutorials, cell by cell, and run from top to bottom."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

import g2d
from test_docs import ROOT

FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_is_one_for_a_model_and_one_for_a_table():
    assert [path.stem for path in NOTEBOOKS] == ["own-model", "own-table"]


@every_notebook
def test_a_notebook_is_its_tutorial(path):
    """Where this fails: python docs/notebooks.py"""
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "docs" / "notebooks.py")
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    assert json.loads(path.read_text("utf-8")) == writer.notebook(path.stem)


@pytest.mark.slow
@every_notebook
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    """In a kernel of its own, with a `g2d` on its path; nothing is downloaded."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    command = tmp_path / "bin" / "g2d"
    command.parent.mkdir()
    run = "import sys; from g2d.cli.main import main; sys.exit(main())"
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{run}' \"$@\"\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(g2d.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    said = json.dumps(notebook.cells)
    if path.stem == "own-model":
        assert "is suppressed" in said
    else:
        assert (tmp_path / "predictions.csv").read_text("utf-8").count("\n") == 5
