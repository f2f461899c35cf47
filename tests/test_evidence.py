"""docs/evidence.md: each of its commands is run, on AV-Digits and as small as can be."""

from __future__ import annotations

import json
import re

import pytest

from g2d.benchmark.compare.reading import read_grid, shipped_grids
from g2d.benchmark.compare.record import read_record
from g2d.cli.main import main
from test_docs import ROOT, blocks_of, commands_of

PAGE = ROOT / "docs" / "evidence.md"
TEXT = PAGE.read_text("utf-8")
COMMANDS = [
    words
    for block in blocks_of(TEXT, PAGE)
    if block.language == "bash"
    for words in commands_of(block.text)
    if words[0] == "compare"
]
# Those of the paper name the data that the paper has; the others are told apart by that.
OF_THE_PAPER = [
    words for words in COMMANDS if any("=DIR" in word for word in words) and "--as" not in words
]
SMALL = ["--encoders.image.width", "8", "--encoders.audio.width", "8"]
# By `make test-slow`: every method, the baselines for missing modalities, six fusions under two
# methods, and time that is measured.
SLOW = {"table1", "table5", "table10", "table11"}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """One folder for all commands, as on the page: they share runs."""
    return tmp_path_factory.mktemp("evidence")


@pytest.mark.parametrize(
    "grid",
    [
        pytest.param(words[1], marks=pytest.mark.slow if words[1] in SLOW else ())
        for words in OF_THE_PAPER
    ],
)
def test_the_command_makes_its_table_or_figure(grid, out, capsys):
    pytest.importorskip("espeakng_loader")
    words = ["--on", "avdigits", "--epochs", "2", "--seeds", "0", "--out", str(out)]
    status = main(["compare", grid, *words, *SMALL])
    said = capsys.readouterr()
    assert status == 0, said.err
    record = read_record(out / "grids" / f"{grid}.json")
    assert {cell.state(out) for cell in record.cells} == {"finished"}
    if record.figure is not None:
        numbers = json.loads((out / "figures" / f"{grid}-AV-Digits.json").read_text("utf-8"))
        assert (out / "figures" / f"{grid}-AV-Digits.svg").is_file()
        assert set(numbers["runs"].values()) == {cell.run for cell in record.cells}
        return
    rows = {cell.labels["method"] for cell in record.cells if "method" in cell.labels}
    assert all(row.split(",")[0] in said.out for row in rows)
    cells = read_grid(grid).on([("avdigits", None)]).with_epochs(2).cells()
    assert len(record.cells) == len([cell for cell in cells if cell.recipe.seed == 0])


def test_the_page_has_a_command_for_every_shipped_grid_and_for_the_data_of_the_paper():
    assert sorted(words[1] for words in OF_THE_PAPER) == sorted(shipped_grids())
    for words in OF_THE_PAPER:
        entries = read_grid(words[1]).axes["dataset"]
        named = [word.split("=")[0] for word in words[words.index("--on") + 1 :] if "=DIR" in word]
        assert named == [dict(entry.changes)["recipe"] for entry in entries]


def test_the_page_counts_right():
    every: set[str] = set()
    total = 0
    for name in shipped_grids():
        runs = {cell.name for cell in read_grid(name).cells()}
        title = name.replace("figure", "Figure ").replace("table", "Table ")
        line = re.search(rf"^\| \[{title}\].*\| (\d+) \|$", TEXT, re.MULTILINE)
        assert line is not None, title
        assert int(line[1]) == len(runs), title
        every |= runs
        total += len(read_grid(name).cells())
    numbers = re.findall(r"(\d+)\s+cells|(\d+) runs and the teachers", TEXT)
    assert [int(a or b) for a, b in numbers] == [total, len(every)]


def test_what_is_done_is_not_done_again(out, capsys):
    pytest.importorskip("espeakng_loader")
    words = ["--on", "avdigits", "--epochs", "2", "--seeds", "0", "--out", str(out), *SMALL]
    assert main(["compare", "table4", *words]) == 0
    said = capsys.readouterr()
    (line,) = [line for line in said.err.splitlines() if "--as paper" in line]
    assert "Eq. 2 as it is printed" in line
    assert "paper's numbers beside both" not in " ".join(said.out.split())
    assert main(["compare", "table4", "--as", "printed", *words]) == 0
    said = capsys.readouterr()
    assert "--as" not in said.err
    assert "jobs to do" not in said.err.replace("0 jobs to do", "")
