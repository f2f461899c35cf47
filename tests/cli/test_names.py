"""Names that people give: of runs, tables, modalities and classes."""

from __future__ import annotations

import csv
import json
from xml.etree import ElementTree

import pytest

from g2d.benchmark.compare.rendering.markdown import markdown
from g2d.benchmark.compare.table import Table
from g2d.recipes.plain_yaml import read_yaml
from g2d.table.inspection.inspect import as_yaml

OUTSIDE = [
    "..",
    ".",
    "",
    "../up",
    "/tmp/elsewhere",
    "a/b",
    "a\\b",
    ".locks",
    ".hidden",
    "a\nb",
    " a",
]
SHARED = ["teachers", "cache", "Grids", "failed", "tables", "figures", "tuning", "report", "logs"]


@pytest.mark.parametrize("name", [*OUTSIDE, *SHARED])
def test_a_run_is_written_into_a_folder_of_its_own(g2d, toy_file, tmp_path, name):
    recipe = toy_file()
    said = g2d("train", recipe, "--method", "joint", "--name", name, "--out", tmp_path / "out")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert said.err.startswith(f"g2d train: --name: {'got ' if name in OUTSIDE else ''}{name!r}")
    assert list(tmp_path.iterdir()) == [recipe]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("more", [(), ("--show",)])
def test_a_table_is_written_beside_the_others(g2d, tmp_path, name, more):
    said = g2d("compare", "table4", "--on", "avdigits", "--name", name, "--out", tmp_path / "out")
    if more:
        said = g2d("compare", "table4", *more, "--name", name, "--out", tmp_path / "out")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert said.err.startswith(f"g2d compare: --name: got {name!r}, expected a ")
    assert not list(tmp_path.iterdir())


CELLS = ['=HYPERLINK("http://x","y")', "@SUM(1+1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "＝1"]


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A table whose columns and classes are formulas, to a spreadsheet and to a figure."""
    folder = tmp_path_factory.mktemp("strange")
    rows = [
        {"a $^$ b": i % 2, "=1+1": (i % 2) * 2 + i % 3, "y": CELLS[0] if i % 2 else "-1"}
        for i in range(60)
    ]
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    modalities = {
        "a $^$ b": {"kind": "tabular", "columns": ["a $^$ b"]},
        "=1+1": {"kind": "tabular", "columns": ["=1+1"]},
    }
    data = {"name": "table", "table": str(folder / "data.csv"), "target": "y"}
    recipe = {
        "data": {**data, "modalities": modalities},
        "method": "g2d",
        "training": {"epochs": 2, "probe_gradients": True},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder


def test_a_dollar_is_a_dollar_in_figures(g2d, strange, tmp_path):
    said = g2d("train", strange / "recipe.yaml", "--out", tmp_path / "runs")
    assert (said.status, said.err) == (0, "")
    (run,) = (tmp_path / "runs").glob("data-g2d-*")
    for question in ("attribution", "confidence-ratio", "calibration", "gradients"):
        said = g2d("analyse", question, run, "--to", tmp_path / "to")
        assert (said.status, said.err) == (0, "")
        assert ElementTree.parse(tmp_path / "to" / f"{question}.svg").getroot().tag.endswith("svg")


def test_predictions_hold_no_formulas(g2d, strange, tmp_path):
    assert g2d("train", strange / "recipe.yaml", "--out", tmp_path / "runs").status == 0
    (run,) = (tmp_path / "runs").glob("data-g2d-*")
    out = tmp_path / "said.csv"
    assert g2d("predict", run, "--data", strange / "data.csv", "--out", out).status == 0
    with out.open(newline="", encoding="utf-8") as stream:
        head, *rows = csv.reader(stream)
    assert {"'=1+1", "'=1+1 alone"} < set(head)
    said = {row[head.index("prediction")] for row in rows}
    assert said <= {f"'{CELLS[0]}", "-1"}  # a class that is a number stays one
    for row in (head, *rows):
        for cell in row:
            assert not cell.startswith(("=", "@", "+", "\t", "\r"))


def test_titles_are_escaped_as_cells_are():
    table = Table(
        name="t",
        title="*a* [b](javascript:c)\n# d <script>",
        about="_e_ `f`",
        command="g2d compare 'x`y'",
        axes=("method",),
        columns=(),
        rows=(),
        notes=("<img src=x>",),
    )
    lines = markdown(table).splitlines()
    assert lines[0] == r"# \*a\* \[b\](javascript:c) \# d \<script\>"
    assert lines[2] == r"\_e\_ \`f\`"
    assert r"- \<img src=x\>" in lines
    assert lines[-1] == "Made by `` g2d compare 'x`y' ``."


def test_a_comment_of_a_recipe_stays_one():
    notes = ["not used: a\nmethod: os.abort (says nothing)"]
    assert read_yaml(as_yaml({"data": "avdigits"}, notes)) == {"data": "avdigits"}
