"""The page of a folder of runs: what stands on it, where its links lead, and what it may do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from urllib.parse import unquote

import numpy as np
import pytest

from benchmark.report.conftest import EVIL
from benchmark.report.reading import read_page
from g2d.benchmark.compare.record import GridRecord, RecordedCell
from g2d.benchmark.report.write import write_report
from g2d.checksums import sealed
from g2d.errors import UserError
from g2d.runs.run import Run

BUDGET = 8000  # bytes a run, so that 250 runs stay far below 3 MB


@pytest.fixture(scope="module")
def tree(page):
    return read_page(page.read_text("utf-8"))


def report_of(out, tmp_path):
    return write_report(out, tmp_path / "page" / "report.html").page.read_text("utf-8")


def rows_of(tree):
    """The first table: labels of every row, and the cells beside it."""
    table = next(tree.all("table", class_="sortable"))
    body = table.one("tbody")
    return {row.one("th").text: list(row.all("td", class_="n")) for row in body.all("tr")}


def test_the_same_folder_gives_the_same_bytes(folder, page, tmp_path):
    assert report_of(folder, tmp_path) == page.read_text("utf-8")


def test_tables_lie_beside_the_page(page):
    tables = page.parent / "tables"
    assert sorted(path.name for path in tables.iterdir()) == ["toys.json", "toys.md", "toys.tex"]


def test_a_label_stays_a_label(tree):
    """Two scripts are the page's own: data, and code. A third would be a label come alive."""
    scripts = list(tree.all("script"))
    assert [script.attributes.get("type") for script in scripts] == ["application/json", None]
    assert EVIL in rows_of(tree)
    assert f"About {EVIL}" in tree.one("section", id="table-1").text
    assert f"Who learns when {EVIL}." in tree.one("section", id="figures").text


def test_numbers_are_the_means_of_the_runs_they_lead_to(folder, tree):
    """Each against the results of the runs in the section that its link opens."""
    seen = 0
    heads = [th.text for th in next(tree.all("thead")).all("th")]
    assert heads[:3] == ["method", "clouds", "heights"]
    for cells in rows_of(tree).values():
        for cell, read in zip(cells[:3], ("near", "far", "fused"), strict=True):
            links = [a for a in cell.all("a") if list(a.all("span", class_="v"))]
            if not links:
                continue
            target = tree.one(id=links[0].attributes["href"][1:])
            runs = [run.attributes["id"][4:] for run in target.all("details", class_="run")]
            results = [Run(folder / run).result for run in runs]
            values = [100 * result["test"]["accuracy"][read] for result in results]
            assert links[0].one("span", class_="v").text == f"{np.mean(values):.1f}"
            assert cell.one("span", class_="s").text == f"± {np.std(values, ddof=1):.1f}"
            listed = " and ".join(f"{value:.1f}" for value in values)
            said = links[0].one("span", class_="vh").text
            assert f"Mean of 2 seeds: {listed}; 95 % interval" in said
            seen += 1
    assert seen == 9


def test_the_paper_stands_beside_and_is_told_apart(tree):
    joint = rows_of(tree)["joint"]
    (paper,) = (paper.text for cell in joint for paper in cell.all("span", class_="p"))
    assert paper.startswith("paper ")
    assert "from the paper's" in joint[2].one("span", class_="vh").text


def test_every_link_leads_somewhere_and_no_name_is_given_twice(tree):
    names = [element.attributes["id"] for element in tree.all() if "id" in element.attributes]
    assert len(names) == len(set(names))
    links = [a.attributes["href"] for a in tree.all("a")]
    assert links
    for link in links:
        assert link.startswith("#")
        assert unquote(link[1:]) in names, link


def test_runs_name_their_teachers(folder, tree):
    (run, *_) = sorted(folder.glob("ToyData-g2d-seed0-*"))
    section = tree.one("details", id=f"run-{run.name}")
    links = {unquote(a.attributes["href"][5:]) for a in section.all("a")}
    result = json.loads((run / "result.json").read_text())
    assert set(result["teachers"]["folders"].values()) <= links


def test_what_failed_is_said_with_its_reason(tree):
    trouble = tree.one("div", class_="trouble").text
    assert trouble.startswith("4 runs failed: method:")
    assert "no_such" in trouble
    assert "16 runs" in tree.one("p", class_="lead").text
    assert "12 finished and 4 failed" in tree.one("p", class_="lead").text
    assert {cell.text[:6] for cell in rows_of(tree)["lost"]} == {"failed"}


def test_what_is_not_done_is_said(copied, tmp_path):
    run = next(iter(sorted(copied.glob("ToyData-joint-seed1-*"))))
    (run / "result.json").unlink()
    (copied / "failed" / "x.json").write_text("{}")  # of another grid
    begun = read_page(report_of(copied, tmp_path))
    shutil.rmtree(run)
    gone = read_page(report_of(copied, tmp_path))
    for tree in (begun, gone):
        assert "11 finished, 4 failed and 1 not done yet" in tree.one("p", class_="lead").text
        assert "not done yet" in tree.one("details", id=f"run-{run.name}").one("summary").text
    assert "2 epochs done" in begun.one("details", id=f"run-{run.name}").text


def test_recipes_are_told_by_their_difference(tree):
    settings = [part for part in tree.all("details", class_="setting") if EVIL in part.text]
    told = {
        pair.one("dt").text: pair.one("dd").text
        for pair in next(settings[0].all("dl", class_="recipe")).all("div")
    }
    assert told["training.learning_rate"] == "0.02"
    assert told["method"] == "umt"
    assert "data" not in told


def test_the_page_may_do_nothing_but_show_itself(page, tree):
    text = page.read_text("utf-8")
    assert not re.findall(r"https?://|\bsrc=|@import|url\((?!#)|<iframe|<form|\son\w+=", text)
    policy = tree.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"


def test_figures_have_words(tree):
    (drawn,) = tree.one("section", id="figures").all("div", role="img")
    assert drawn.attributes["aria-label"] == f"Who learns when {EVIL}."
    for svg in tree.all("svg"):
        assert svg.attributes.get("aria-label") or svg.attributes.get("aria-hidden") == "true"


def test_a_run_of_many_epochs_keeps_to_its_share(copied, tmp_path):
    few = len(report_of(copied, tmp_path))
    runs = sorted(copied.glob("ToyData-*/metrics.jsonl"))
    for path in runs:
        line = json.loads(path.read_text().splitlines()[0])
        rng = np.random.default_rng(0)
        lines = []
        for epoch in range(300):
            for values in line["val"].values():
                for name in values:
                    values[name] = float(rng.random())
            lines.append(json.dumps(sealed({**line, "epoch": epoch})) + "\n")
        path.write_text("".join(lines))
    text = report_of(copied, tmp_path)
    assert len(text) > few
    sections = re.findall(r'<details class="run".*?</details>', text, re.DOTALL)
    assert max(map(len, sections)) < BUDGET


def test_where_data_lies_is_not_told(copied, tmp_path):
    (run, *_) = sorted(copied.glob("ToyData-joint-seed0-*"))
    about = json.loads((run / "run.json").read_text())
    about["recipe"]["data"] = {"name": "toy.ToyData", "root": "/home/somebody/clouds"}
    (run / "run.json").write_text(json.dumps(sealed(about)))
    text = report_of(copied, tmp_path)
    assert "…/clouds" in text
    assert "somebody" not in text


def test_what_cannot_be_reported_is_said(folder, tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        write_report(tmp_path / "none")
    with pytest.raises(UserError, match="holds neither grids nor runs"):
        write_report(tmp_path)
    with pytest.raises(UserError, match=r"expected the name of a page, such as .*report\.html"):
        write_report(folder, tmp_path)


def test_a_grid_with_a_figure_has_no_table(tmp_path):
    """Accuracies of the one seed that a figure is drawn of would be taken for a comparison."""
    cells = (RecordedCell({"dataset": "d", "method": "joint"}, 0, "d-joint"),)
    axes = {"dataset": ("d",), "method": ("joint",)}
    GridRecord("figure5", "Alignment", "", "", axes, cells, figure="alignment").write(tmp_path)
    GridRecord("table12", "Weights", "", "", axes, cells).write(tmp_path)
    GridRecord("table4", "SMP", "", "", axes, cells).write(tmp_path)
    written = write_report(tmp_path)
    assert {path.stem for path in written.tables} == {"table4", "table12"}
    page = written.page.read_text("utf-8")
    assert "2 comparisons and 1 figure on d" in page
    assert page.index(">SMP<") < page.index(">Weights<")
