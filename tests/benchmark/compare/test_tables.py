"""Tables of real tiny runs: their numbers, their marks, and what is printed of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score

from g2d.analysis.comparison import mcnemar
from g2d.benchmark.compare.finished import selected_on_test
from g2d.benchmark.compare.jobs import plan_jobs
from g2d.benchmark.compare.launchers.local import InThisProcess
from g2d.benchmark.compare.launchers.running import run_jobs
from g2d.benchmark.compare.reading import grid_from
from g2d.benchmark.compare.record import read_record, record_of
from g2d.benchmark.compare.rendering.latex import latex
from g2d.benchmark.compare.rendering.markdown import markdown
from g2d.benchmark.compare.rendering.sheet import lay_out
from g2d.benchmark.compare.rendering.text import blocks
from g2d.benchmark.compare.tables import read_table
from g2d.checksums import sealed
from g2d.cli.main import main
from g2d.runs.run import Run

GRID = {
    "title": "Two methods & one that is not there",
    "paper": "T4",
    "show": "all",
    "epochs": 1,
    "seeds": [0, 1],
    "common": {
        "encoders.image": {"name": "small_cnn", "width": 8},
        "encoders.audio": {"name": "small_cnn", "width": 8},
    },
    "axes": {
        "dataset": {
            "digits": {
                "set": {"recipe": "avdigits"},
                "paper": {"dataset": "CREMA-D", "rows": {"audio": "Audio"}},
            }
        },
        "method": {
            "joint": {"set": {"method": "joint"}, "paper": {"method": "Joint-Train", "smp": False}},
            "OGM_GE": {"set": {"method": "ogm_ge"}},
            "broken": {"set": {"method": "no_such"}},
        },
    },
}


class Nobody:
    """Watches nothing."""

    def begin(self, jobs, done):
        pass

    def started(self, job):
        pass

    def ended(self, job, outcome):
        pass

    def tick(self):
        pass

    def close(self):
        pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    grid = grid_from(GRID, "two")
    cells = grid.cells()
    record = record_of(grid, cells, "g2d compare two")
    record.write(out)
    run_jobs(plan_jobs(cells, out), InThisProcess(), Nobody())
    return out


@pytest.fixture
def out(trained, tmp_path):
    """A copy of the runs, to be spoiled."""
    return Path(shutil.copytree(trained, tmp_path / "runs"))


def table_of(out):
    return read_table(read_record(out / "grids" / "two.json"), out)


def runs_of(table, row):
    return table.rows[row].numbers[-1].runs


def right(out, run):
    said = Run(out / run).predictions("test")
    return said["logits/fused"].argmax(1) == said["target"]


def edited(path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(sealed({**content, **changes})))


def test_numbers_are_those_of_the_predictions(trained):
    table = table_of(trained)
    assert [column.read for column in table.columns] == ["image", "audio", "fused"]
    assert [row.labels for row in table.rows] == [("joint",), ("OGM_GE",), ("broken",)]
    for row in table.rows[:2]:
        for column, number in zip(table.columns, row.numbers, strict=True):
            expected = []
            for run in number.runs:
                said = Run(trained / run).predictions("test")
                answers = said[f"logits/{column.read}"].argmax(1)
                expected.append(100 * accuracy_score(said["target"], answers))
            assert number.values == pytest.approx(expected)
            assert number.mean == pytest.approx(np.mean(expected))
            assert number.std == pytest.approx(np.std(expected, ddof=1))
            assert number.low <= number.mean <= number.high
            assert (number.n, number.marks) == (2, ())


def test_failed_cells_say_why_and_break_nothing(trained):
    number = table_of(trained).rows[2].numbers[0]
    assert number.mean is None
    assert number.marks[0].startswith("failed (seeds 0, 1): method: there is no 'no_such'")


def test_the_papers_number_stands_beside(trained):
    table = table_of(trained)
    assert [row.numbers[-1].paper for row in table.rows] == [67.47, None, None]
    assert table.rows[0].numbers[1].paper is None  # Table 4 has no unimodal logits
    assert any("selected on the test split" in note for note in table.notes)
    assert any(note.startswith("I16") for note in table.notes)


def test_rows_are_tested_in_pairs(trained):
    table = table_of(trained)
    samples = next(test for test in table.tests if test.over == "samples")
    seeds = next(test for test in table.tests if test.over == "seeds")
    assert samples.reference == seeds.reference == ("joint",)
    pairs = list(zip(runs_of(table, 0), runs_of(table, 1), strict=True))
    parts = np.mean([1.0 * right(trained, b) - right(trained, a) for a, b in pairs], axis=0)
    assert samples.difference == pytest.approx(100 * parts.mean())
    z = parts.sum() / np.sqrt((parts**2).sum())
    assert samples.p == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.05)
    assert (seeds.n, seeds.least) == (2, 0.5)
    assert seeds.p >= seeds.least


def test_one_seed_is_tested_by_mcnemar_and_has_no_deviation(out):
    record = read_record(out / "grids" / "two.json")
    record = replace(record, cells=tuple(cell for cell in record.cells if cell.seed == 0))
    table = read_table(record, out)
    (test,) = table.tests
    (before,), (after,) = runs_of(table, 0), runs_of(table, 1)
    assert (test.test, test.over, test.low) == ("McNemar", "samples", None)
    assert test.p == mcnemar(right(out, before), right(out, after))
    number = table.rows[0].numbers[-1]
    assert number.std is None
    assert number.low < number.mean < number.high
    assert not any(best.beyond_chance for column in table.best for best in column)
    assert any(note.startswith("One seed") for note in table.notes)


def test_unfinished_seeds_are_counted(out):
    run = runs_of(table_of(out), 0)[1]
    (out / run / "result.json").unlink()
    number = table_of(out).rows[0].numbers[-1]
    assert (number.n, number.marks) == (1, ("1 of 2 seeds not finished",))


def test_a_seed_that_has_no_such_number_is_named(out):
    """It was left out of mean and deviation without a word."""
    path = out / runs_of(table_of(out), 0)[1] / "result.json"
    test = json.loads(path.read_text())["test"]
    test["accuracy"]["fused"] = None
    edited(path, test=test)
    number = table_of(out).rows[0].numbers[-1]
    assert (number.n, number.marks) == (1, ("no accuracy of fused is recorded with seed 1",))


@pytest.mark.parametrize(
    ("file", "changes", "mark"),
    [
        ("result.json", {"protocol": "actor"}, "another protocol: actor"),
        ("result.json", {"protocol": "clean, missing 0.2 both"}, "another protocol"),
        ("run.json", {"selects_on_test": True}, "weights selected on the test split"),
        ("run.json", {"fingerprint": "f" * 64}, "other data"),
        ("run.json", {"environment": {"commit": "e" * 40}}, "by another g2d: eeeeeee"),
    ],
)
def test_what_was_not_measured_alike_is_marked(out, file, changes, mark):
    run = runs_of(table_of(out), 1)[0]
    edited(out / run / file, **changes)
    table = table_of(out)
    number = table.rows[1].numbers[-1]
    assert any(said.startswith(mark) for said in number.marks)
    assert not table.rows[0].numbers[-1].marks
    if file == "result.json":  # and is compared with nothing
        assert not table.tests
        assert not any(table.best)


def test_validation_that_is_test_is_found_out(out):
    run = runs_of(table_of(out), 0)[0]
    result = Run(out / run).result
    edited(out / run / "result.json", val=result["test"])
    assert "weights selected on the test split" in table_of(out).rows[0].numbers[0].marks


@pytest.mark.parametrize(
    "protocol",
    ["paper", "paper-selects-on-test", "random-turns-leaky-selects-on-test, missing 0.2 both"],
)
def test_runs_from_before_data_said_so_are_known_by_their_protocol(out, protocol):
    run = Run(out / runs_of(table_of(out), 0)[0])
    edited(run.path / "result.json", protocol=protocol)
    assert not selected_on_test(Run(run.path))
    about = run.about
    assert about.pop("selects_on_test") is False
    run.write_json("run.json", about)
    assert selected_on_test(Run(run.path))


def test_a_table_without_any_run_is_a_table(out):
    for folder in out.glob("avdigits-*"):
        shutil.rmtree(folder)
    table = table_of(out)
    assert [column.read for column in table.columns] == ["fused"]
    assert table.rows[0].numbers[0].mean is None
    assert "-" in markdown(table)
    assert json.dumps(table.as_dict(), allow_nan=False)


def test_markdown_and_latex_have_one_place_for_every_column(trained):
    table = table_of(trained)
    lines = markdown(table).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| method"))
    assert {line.count(" | ") for line in lines[start : start + 5]} == {4}
    assert "OGM\\_GE" in lines[start + 3]
    text = latex(table)
    assert r"\caption{Two methods \& one that is not there}" in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    places = [line.replace(r"\&", "").count("&") for line in body.splitlines()[1:]]
    assert places == [4, 4, 4]
    assert r"\begin{tabular}{lrrrr}" in text
    assert text.count("{") == text.count("}")
    assert text.isascii()


def test_no_label_breaks_a_table(trained):
    """A stroke ended a place of the tests, a bracket after the end of a row was its height."""
    table = table_of(trained)
    label = "[1] γ | Σ ≥ 3 – x³ *"
    columns = tuple(replace(c, label=f"{label}, {c.read}") for c in table.columns)
    tests = tuple(replace(test, column=f"{label}, fused") for test in table.tests)
    rows = tuple(replace(row, labels=(label,)) for row in table.rows)
    odd = replace(table, columns=columns, tests=tests, rows=rows)
    lines = markdown(odd).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| column |"))
    assert len({line.replace("\\|", "").count("|") for line in lines[start : start + 3]}) == 1
    text = latex(odd)
    assert text.isascii()
    assert text.count(r"{[}1] $\gamma$ | $\Sigma$ $\geq$ 3 -- x\textsuperscript{3} {*} &") == 3


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_blocks_fit_and_show_every_number_once(trained, width):
    sheet = lay_out(table_of(trained))
    found = blocks(sheet, width)
    shown = [text.strip() for block in found for text in block.rows[0][1:]]
    assert len(shown) == 4
    for block in found:
        assert block.columns[0] == "method"
        widths = [max(map(len, texts)) for texts in zip(*block.rows, strict=True)]
        assert sum(widths) + 2 * len(widths) <= width
    assert len(blocks(sheet, 200)) == 1
    assert len(blocks(sheet, 40)) > 1


def test_the_command_prints_writes_and_says_that_something_failed(out, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["compare", "two", "--show", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert max(map(len, said.out.splitlines())) <= max(80, len(str(out)) + 30)
    for text in ("OGM_GE", "67.47", "paper †", "no_such", "Paired differences"):
        assert text in said.out
    assert "2 of 6 runs failed" in said.err
    for ending in ("md", "tex", "json"):
        assert (out / "tables" / f"two.{ending}").is_file()
    content = json.loads((out / "tables" / "two.json").read_text())
    assert content["rows"][0]["numbers"][-1]["paper"] == 67.47


def test_a_grid_without_failures_is_success(out, capsys):
    record = read_record(out / "grids" / "two.json")
    cells = tuple(cell for cell in record.cells if cell.labels["method"] != "broken")
    axes = {**record.axes, "method": ("joint", "OGM_GE")}
    replace(record, cells=cells, axes=axes).write(out)
    assert main(["compare", "two", "--show", "--out", str(out)]) == 0
    assert "failed" not in capsys.readouterr().out


def test_nothing_is_shown_of_what_was_not_run(tmp_path, capsys):
    assert main(["compare", "two", "--show", "--out", str(tmp_path)]) == 2
    assert "run it first" in capsys.readouterr().err
    assert main(["compare", "two", "--show", "--seeds", "1", "--out", str(tmp_path)]) == 2
    assert "leave out" in capsys.readouterr().err
