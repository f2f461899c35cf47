"""Every number of the README comes from a committed result."""

from __future__ import annotations

import importlib.util
import inspect
import re
import statistics
from fractions import Fraction
from pathlib import Path

import pytest
import torch

import g2d
from g2d.recipes.catalog import METHODS
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import recipe_from
from test_docs import blocks_of
from toy import toy_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
G2D_PAGE = (ROOT / "docs" / "methods" / "g2d.md").read_text()
COMPARISON = (ROOT / "docs" / "comparison.md").read_text()


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def between(mark: str, page: str = README) -> str:
    return re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", page, re.DOTALL).group(1)


def test_the_tables_of_g2ds_parts_are_the_committed_ones(tables):
    result = tables.read("accuracy-avmnist.json")
    assert between("accuracy", G2D_PAGE) == tables.accuracy_table(result, tables.README_ROWS)
    assert len(result["seeds"]) == 3
    noisy = tables.read("accuracy-avmnist-5db.json")
    assert between("accuracy-5db", G2D_PAGE) == tables.accuracy_table(noisy)
    assert len(noisy["seeds"]) == 3


def test_the_table_of_the_default_is_the_committed_one(tables):
    result = tables.read("default.json")
    assert between("default", G2D_PAGE) == tables.default_table(result)
    assert between("difference", G2D_PAGE) == tables.difference_table(result)
    both = tables.difference_table(result, tables.BLEND)
    assert between("difference-blend", G2D_PAGE) == both
    for part in result["data"].values():
        assert f"{len(part['seeds'])} seeds" in G2D_PAGE
        rates = result["data"][part.get("rates_of")]["rows"] if "rates_of" in part else {}
        for label, row in part["rows"].items():
            tried = {float(rate): value for rate, value in row["tried"].items()}
            if tried:
                assert tried[row["rate"]] == max(tried.values()), label
                # no choice at an edge; begun from the teachers, one wants to stay where it is
                lowest = ", init" in label and row["rate"] == 0.0001
                assert lowest or min(tried) < row["rate"] < max(tried), label
            elif row["method"]["name"] != "ume":
                assert row["rate"] == rates[label]["rate"]


def lead_of(row, other):
    """How far another row is ahead, in points, and the standard error over seeds."""
    pairs = zip(other["accuracy"]["test"]["fused"]["values"], row, strict=True)
    lead = [100 * (theirs - own) for theirs, own in pairs]
    return statistics.mean(lead), statistics.stdev(lead) / len(lead) ** 0.5


def test_what_is_simpler_is_better_where_the_page_says(tables):
    """By more than one standard error: the fitted ensemble on AV-Digits, and nowhere else."""
    ahead = {}
    for name, part in tables.read("default.json")["data"].items():
        others = {label: part["rows"][label] for label in ("joint", "UME, fitted")}
        alone = {"accuracy": {"test": {"fused": tables._best_alone(part)["test"]}}}
        for of in (tables.DEFAULT, tables.BLEND):
            own = tables._test(part["rows"][of])
            for label, other in {**others, "alone": alone}.items():
                lead, error = lead_of(own, other)
                if lead >= error:
                    ahead[of, name, label] = f"{lead:.1f}"
    simpler = "avdigits", "UME, fitted"
    assert ahead == {(tables.DEFAULT, *simpler): "3.2", (tables.BLEND, *simpler): "0.4"}
    for words in ("**3.2 points below it on AV-Digits**", "**0.4 points below it on AV-Digits**"):
        assert words in G2D_PAGE


def test_the_student_with_its_teachers_is_first_in_mean_rank(tables):
    found = tables.ranking(tables.read("default.json"))
    assert found.rows[:3] == ((tables.BLEND,), ("ARL",), ("UME, fitted",))
    first, second, third = (f"{rank:.1f}" for rank in found.ranks[:3])
    said = f"({first}; the next are ARL with {second} and fitted UME with {third}), not sig"
    assert said in " ".join(G2D_PAGE.split())
    assert len(found.rows) == 14
    assert found.ranks[-1] - found.ranks[0] < found.critical_difference


def test_the_readme_says_who_is_ahead_of_g2d_and_by_how_much(tables):
    """In points, by row; within one standard error or a quarter of a point it is level."""
    words = " ".join(README.split())
    data = tables.read("default.json")["data"].values()

    def leads(label):
        found = [lead_of(tables._test(p["rows"][tables.DEFAULT]), p["rows"][label]) for p in data]
        return ["level" if abs(m) < max(e, 0.25) else f"{m:.1f}" for m, e in found]

    assert leads("joint") == ["level", "-1.5", "-5.4", "-3.6"]
    assert "1.5, 5.4 and 3.6 points above joint training on the last three rows" in words
    assert leads("UME, fitted") == ["level", "level", "level", "3.2"]
    assert "fitted UME (3.2 points above G²D on the last row, [0.1 when measured again]" in words
    assert leads("AMCo") == ["level", "0.9", "level", "2.4"]
    assert "level on rows 1 and 3, 0.9 and 2.4 points above on 2 and 4" in words
    assert leads("branch losses alone") == ["1.0", "1.6", "-2.0", "-1.7"]
    assert "losses](docs/methods/joint.md) (1.0 and 1.6 above, 2.0 and 1.7 below)" in words
    assert leads("ARL") == ["1.7", "1.0", "level", "-1.3"]
    assert "(docs/methods/arl.md) (1.7 and 1.0 above, level, 1.3 below)" in words


def test_the_readme_says_where_g2d_is_among_what_auto_compares(tables):
    result = tables.read("own_data.json")
    ranks = sorted(result["mean_rank"], key=lambda name: result["mean_rank"][name])
    assert (ranks[0], ranks.index("g2d"), len(ranks)) == ("auto", 6, 9)
    said = [
        f"{result['mean_rank'][name]:.1f}" for name in ("g2d", "svm", "linear", "joint", "auto")
    ]
    words = (
        "**On eight ordinary tables with default settings G²D by itself is seventh of nine** (mean "
        "rank {}), behind an SVM ({}), a linear model ({}) and joint training ({}). The blend that "
        "`g2d train` keeps there has other members, and is first ({}), not significantly"
    )
    assert words.format(*said) in " ".join(README.split())


def test_rivals_on_some_data_sets_are_told_apart_as_the_page_says(tables):
    said = {
        (tables.DEFAULT, "movies"): (["MMPareto", "ARL", "OGM-GE"], "1.6", "1.7"),
        (tables.DEFAULT, "leaves"): (["ARL", "DI-MML"], "1.0", "1.1"),
        (tables.DEFAULT, "avdigits"): (["MMPareto", "DI-MML"], "1.4", "2.5"),
        (tables.DEFAULT, "avmnist12"): ([],),
        (tables.BLEND, "movies"): (["MMPareto", "OGM-GE"], "1.1", "1.2"),
        (tables.BLEND, "leaves"): ([],),
        (tables.BLEND, "avdigits"): ([],),
    }
    for (of, name), (expected, *ends) in said.items():
        rows = tables.read("default.json")["data"][name]["rows"]
        leads = {
            label: lead_of(tables._test(rows[of]), rows[label])
            for label in ("UMT", "MMPareto", "ARL", "DI-MML", "OGM-GE", "MLA")
            if label in rows
        }
        ahead = {label: lead for label, (lead, error) in leads.items() if lead > error}
        assert list(ahead) == expected, (of, name)
        if ends:
            assert [f"{min(ahead.values()):.1f}", f"{max(ahead.values()):.1f}"] == ends
            assert f"({ends[0]} to {ends[1]}" in G2D_PAGE


def test_the_default_is_a_row_of_the_contest(tables):
    result = tables.read("default.json")
    signature = inspect.signature(g2d.G2D).parameters
    for part in result["data"].values():
        method = part["rows"]["loss + γ, branch"]["method"]
        assert method["name"] == "g2d"
        assert all(signature[key].default == method[key] for key in method if key != "name")
    assert plan_method(recipe_from(toy_recipe()), ("near", "far")).has_stages is False


def test_the_tables_of_all_methods_are_the_committed_ones(tables):
    result = tables.read("accuracy-avmnist-methods.json")
    assert between("methods", COMPARISON) == tables.contest_table(result, "methods/")
    assert between("steps", COMPARISON) == tables.methods_table(tables.read("methods-cpu.json"))
    assert len(result["seeds"]) == 3
    assert set(METHODS) <= set(result["rows"])
    fused = {name: row["accuracy"]["test"]["fused"]["mean"] for name, row in result["rows"].items()}
    above = sum(mean > fused["ume"] for mean in fused.values())
    said = f"Only {above} of the other {len(fused) - 1} rows are above it"
    assert said in " ".join(COMPARISON.split())


def test_joint_training_has_the_four_numbers_of_its_four_tables(tables):
    contest = tables.read("accuracy-avmnist-methods.json")
    default = tables.read("default.json")["data"]["avmnist12"]
    readings = tables.read("readings.json")["tables"]["table1"]["15"]["default"]
    parts = tables.read("accuracy-avmnist.json")
    rate = contest["rows"]["joint"]["setting"]["training.learning_rate"]
    tuned = default["rows"]["joint"]
    tried = [f"{float(one):g}" for one in tuned["tried"]]
    expected = [
        (f"{rate}, the best of 0.01, 0.03 and 0.1", 15, contest["seeds"], contest["rows"]["joint"]),
        (
            f"{tuned['rate']}, the best of {', '.join(tried[:-1])} and {tried[-1]}",
            default["epochs"],
            default["seeds"],
            tuned,
        ),
        ("0.03 for all rows, not tuned", 15, [0, 1, 2], None),
        ("0.01 for all rows, not tuned", 20, parts["seeds"], parts["rows"]["joint"]),
    ]
    assert "--training.learning_rate 0.03" in readings["command"]
    for how, epochs, seeds, row in expected:
        fused = row and 100 * row["accuracy"]["test"]["fused"]["mean"]
        mean = f"{fused or readings['rows']['joint']['mean']:.1f}"
        assert f"| {how} | {epochs} | {len(seeds)} | {mean} |" in COMPARISON


def test_rows_of_the_previous_default_are_called_by_its_preset(tables):
    """Their learning rate is written out too; the teachers' mean has nothing to choose."""
    rows = between("methods", COMPARISON).splitlines()
    of = {re.match(r"\| \[([\w+]+)\]", row)[1]: row for row in rows if row.startswith("| [")}
    assert {name for name, row in of.items() if "(preset printed)" in row} == {"g2d", "g2d_loss"}
    assert of["g2d_loss"].endswith("| learning_rate 0.01 |")
    assert of["ume"].endswith("| – |")


def test_rows_on_a_store_made_anew_have_joint_training_on_it_beside_them(tables):
    """It is the same data: joint training is there what it is in the table, within half a point."""
    result = tables.read("accuracy-avmnist-methods.json")
    joint, again = result["rows"]["joint"], result["again"]
    stores = {row["data"] for row in result["rows"].values() if "data" in row}
    assert stores == {row["data"] for row in again.values()}
    for row in again.values():
        means = [one["accuracy"]["test"]["fused"]["mean"] for one in (row, joint)]
        assert means[0] == pytest.approx(means[1], abs=0.005)
        assert row["setting"] == joint["setting"]
    beside = [again[f"joint, with {name}"] for name in ("mlb", "aug")]
    assert all(row["accuracy"] == joint["accuracy"] for row in beside)


def test_the_costs_of_g2d_methods_are_the_measured_ones(tables):
    """Within 15 %, of each kind of epoch, the mean over both sets of two encoders."""
    setups = tables.read("methods-cpu.json")["methods"]
    measured: dict[str, list[float]] = {}
    for label, row in setups["small_cnn-2"]["steps"].items():
        ratios = (row["ratio"], setups["resnet18-2"]["steps"][label]["ratio"])
        measured.setdefault(label.partition(":")[0], []).append(sum(ratios) / 2)
    measured["g2d"] = measured["g2d"][-1:]  # has no stages unless it is given a schedule
    assert set(METHODS) - set(measured) == {"ume", "mis_me"}
    for name in set(METHODS) & set(measured):
        said = [float(Fraction(part)) for part in METHODS[name].cost.removeprefix("≤ ").split(", ")]
        for one in measured[name]:
            assert any(one == pytest.approx(cost, rel=0.15) for cost in said), (name, one)
        for cost in said:
            assert any(one == pytest.approx(cost, rel=0.15) for one in measured[name]), (name, cost)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("cggm", "{} to {} of its step"),
        ("mlb", "{} to {} of its step"),
        ("inforeg: joint", "{} to {} of joint training's step before the window"),
        ("inforeg: prime learning window", "{} to {} in it"),
    ],
)
def test_the_costs_on_a_page_are_the_measured_ones(tables, label, said):
    setups = tables.read("methods-cpu.json")["methods"].values()
    ratios = [found["steps"][label]["ratio"] for found in setups]
    page = (ROOT / "docs" / "methods" / f"{label.partition(':')[0]}.md").read_text()
    assert said.format(f"{min(ratios):.2f}", f"{max(ratios):.2f}") in " ".join(page.split())


def test_the_memory_of_one_encoder_at_a_time_is_the_measured_one(tables):
    result = tables.read("methods-cpu.json")
    added = result["methods"]["resnet18-2"]["added"]["peak_MiB"]
    shares = (
        result["peak_MiB"]["mla"] / result["peak_MiB"]["joint"],
        added["aug"] / added["joint"],
    )
    assert "{:.2f} and {:.2f} of joint training's peak".format(*shares) in COMPARISON


def test_the_tables_of_a_gpu_are_the_committed_ones(tables):
    result = tables.read("gpu-cuda.json")
    assert between("gpu", G2D_PAGE) == tables.gpu_accuracy_table(result)
    assert between("gpu-step", COMPARISON) == tables.gpu_step_table(result)
    assert "H100" in result["card"]["name"]
    run = result["avmnist"]
    assert run["all_finished"]
    assert f"{run['epochs']} epochs" in G2D_PAGE
    assert len(run["seeds"]) == 3
    assert set(result["check"]["host_copies"].values()) == {0}
    assert all(gate["right"] for gate in result["check"]["gates"].values())
    rows = {row["variant"]: row["ms"] for row in _steps(result, batch=256, precision="bf16")}
    cached, online, alone = (
        f"{rows[f'G²D, {kind}'] / rows['joint']:.2f}"
        for kind in ("all, cached", "all, online", "audio alone, cached")
    )
    words = " ".join(README.split())
    assert f"{cached} of joint training's with cached teachers, {online} with online ones" in words
    assert f"and {alone} while" in words


def _steps(result, **asked):
    plain = {"channels_last": False, "compiled": False, **asked}
    return [row for row in result["step"]["rows"] if plain.items() <= row.items()]


def test_the_variants_of_avmnist_are_the_committed_ones(tables):
    assert between("variants", G2D_PAGE) == tables.variants_table()
    for name in ("default-5db", "default-8db", "default-three"):
        (part,) = tables.read(f"{name}.json")["data"].values()
        rows = part["rows"].values()
        assert {len(row["accuracy"]["test"]["fused"]["values"]) for row in rows} == {5}


def test_the_second_measurement_of_the_default_is_the_committed_one(tables):
    again, first = tables.read("default-again.json"), tables.read("default.json")
    assert between("again", G2D_PAGE) == tables.default_table(again)
    assert between("difference-again", G2D_PAGE) == tables.difference_table(again)
    page = " ".join(G2D_PAGE.split())

    def means(row):
        return {
            name: 100 * part["rows"][row]["accuracy"]["test"]["fused"]["mean"]
            for name, part in again["data"].items()
        }

    def moved(row, name):
        one, other = (
            result["data"][name]["rows"][row]["accuracy"]["test"]["fused"]["mean"]
            for result in (again, first)
        )
        return 100 * (one - other)

    student, other = "loss + γ, branch", ("movies", "leaves", "avmnist12")
    points = [moved(row, "avdigits") for row in ("joint", student, "UME, fitted")]
    assert "{:.1f} points better than above, the student {:.1f} better".format(*points) in page
    assert f"and fitted UME {-points[2]:.1f} worse" in page
    assert f"moved by {max(abs(moved(student, name)) for name in other):.1f} points at most" in page
    below = means("UME, fitted")["avdigits"] - means(student)["avdigits"]
    assert f"between student and fitted UME are {below:.1f} here" in page
    assert f"[{below:.1f} when measured again](docs/methods/g2d.md#which-default)" in README
    one, two = means("loss + γ, branch, calibrated"), means(student)
    better = {name: round(one[name] - two[name], 1) for name in one}
    assert better == {"movies": 0.3, "leaves": 0.3, "avmnist12": -0.9, "avdigits": 0.0}
    rates = {
        name: [result["data"]["avdigits"]["rows"][name]["rate"] for result in (again, first)]
        for name in (student, "joint")
    }
    assert rates == {student: [0.03, 0.01], "joint": [0.3, 0.03]}
    assert [r["data"]["avdigits"]["teachers"]["rate"] for r in (again, first)] == [0.1, 0.3]
    for line in between("difference-again", G2D_PAGE).splitlines()[2:]:
        for mean, error in re.findall(r"([+-]\d+\.\d) ± (\d+\.\d)", line):
            assert float(mean) >= -float(error), line


def test_the_table_of_own_data_is_the_committed_one(tables):
    page = (ROOT / "docs" / "own-data.md").read_text()
    result = tables.read("own_data.json")
    assert between("own-data", page) == tables.own_data_table(result)
    ranks = result["mean_rank"]
    assert min(ranks, key=lambda name: ranks[name]) == "auto"  # as the page says
    assert f"an SVM is {ranks['svm'] - ranks['auto']:.1f} behind" in page
    tables_ranked = len(result["data"]) - 2  # of the same films, one
    gap = 3.102 * (9 * 10 / (6 * tables_ranked)) ** 0.5  # Nemenyi's, of nine rivals
    assert (len(ranks), f"differ by {gap:.1f} by chance" in page) == (9, True)
    assert all(kept == "blend" for found in result["data"].values() for kept in found["kept"])
    below = {name: found["below"] for name, found in result["data"].items() if found["below"]}
    assert below == {"movies": ["linear"]}
    mean, error = result["data"]["movies"]["auto_less"]["linear"]
    assert f"{-100 * mean:.1f} points, more than one standard error over test rows" in page
    assert f"({100 * error:.1f})" in page
    mean, error = result["data"]["movies_anew"]["auto_less"]["linear"]
    assert f"is better by {-100 * mean:.1f} points (standard error {100 * error:.1f})" in page
    assert {len(found["kept"]) for found in result["data"].values()} == {5}
    with_model, without = (
        result["data"][f"movies_{name}"]["test"] for name in ("sentences", "anew")
    )
    for row in ("joint training", "`auto`"):
        key = row.strip("`").partition(" ")[0]
        one, other = (f"{100 * test[key]['mean']:.1f}" for test in (with_model, without))
        assert f"{row} {one} (without it {other})" in page
    other = {
        name: 100 * (found["test"]["auto"]["mean"] - found["test"]["widedeep"]["mean"])
        for name, found in result["data"].items()
        if "widedeep" in found["test"]
    }
    ahead = {f"{-other.pop(name):.1f}" for name in ("wine", "movies")}
    worse = sorted(other.values())
    assert (len(worse), f"by {'/'.join(ahead)} points each" in page) == (5, True)
    assert f"{worse[0]:.1f} to {worse[-1]:.1f} points worse on the others" in page


def test_the_tables_of_the_three_readings_are_the_committed_ones(tables):
    page = (ROOT / "docs" / "evidence.md").read_text()
    result = tables.read("readings.json")
    for table, found in result["tables"].items():
        for epochs, readings in found.items():
            mark = f"readings-{table}-{epochs}"
            assert between(mark, page) == tables.readings_table(result, table, epochs)
            assert {
                len(row["values"]) for r in readings.values() for row in r["rows"].values()
            } == {3}


def test_every_method_was_chosen_on_validation(tables):
    result = tables.read("accuracy-avmnist-methods.json")
    for name, row in result["rows"].items():
        tried = [one["val"] if one["val"] is not None else -1 for one in row["tried"]]
        assert row["setting"] == row["tried"][tried.index(max(tried))]["setting"], name
        assert row["accuracy"]["val"]["fused"]["values"][0] == max(tried), name
        assert len(tried) == (1 if name == "ume" else 3), name


def test_the_readmes_table_is_of_the_committed_results(tables):
    result = tables.read("default.json")
    assert between("where") == tables.summary_table(result)
    seeds = {name: len(part["seeds"]) for name, part in result["data"].items()}
    assert seeds == {
        "movies": 5,
        "leaves": 5,
        "avmnist12": 5,
        "avdigits": 5,
    }  # as the sentence above it says


def test_the_step_tables_are_the_committed_one(tables):
    table = tables.step_table(tables.read("step-cpu.json"))
    assert between("step", COMPARISON) == table
    head, rule, *rows = table.splitlines()
    shown = [row for row in rows if row.startswith(("| engine, joint", "| G²D"))]
    assert between("step").splitlines() == [head, rule, *shown]


def test_what_a_run_costs_with_its_teachers_is_what_was_measured(tables):
    result = tables.read("price-cpu.json")
    assert between("price", COMPARISON) == tables.price_table(result)
    assert len(result["seeds"]) == 3
    rows = result["rows"]

    def price(name):
        return f"{rows[name]['price']['mean']:.2f}"

    def lost(name):
        points = rows["G²D"]["accuracy"]["mean"] - rows[name]["accuracy"]["mean"]
        return f"{100 * points:.1f}"

    begun, alone = "G²D of 8 epochs from its teachers of 8", "G²D of 8 epochs, teachers of 8"
    words, page = " ".join(README.split()), " ".join(COMPARISON.split())
    assert f"**teachers included**, took {price('G²D')} of joint training's CPU time" in words
    assert f"and {price(begun)} begun from teachers with half of the epochs" in words
    assert f"half of the epochs, {lost(begun)} points worse" in words
    assert f"cost {price(begun)} and lose {lost(begun)} points" in page
    assert f"eight without `init` lose {lost(alone)}" in page
    few = [lost(f"G²D, teachers of {epochs} epochs") for epochs in (8, 4)]
    assert "lose {} points with 8, and {} with 4".format(*few) in page
    near = ("AMCo", "joint with unimodal losses", "UME, fitted")
    assert all(abs(float(lost(name))) < 1 for name in near)


def test_the_sizes_are_the_measured_ones(tables):
    result = tables.read("sizes-linux.json")
    said = dict(re.findall(r"^(pip install \S+) .*?([\d.]+) GB", between("sizes"), re.MULTILINE))
    sizes = {row["command"]: row["megabytes"] for row in result["installed"].values()}
    assert said == {command: f"{sizes[command] / 1000:.1f}" for command in said}
    assert len(said) == 3
    download = result["download_of_the_default_torch_on_linux"]["megabytes"]
    assert f"downloads {download / 1000:.1f} GB" in README


def test_what_two_processes_change_is_what_was_measured(tables):
    rows = tables.read("processes-cpu.json")["rows"]
    found = [rows[row]["accuracy"]["test"]["fused"] for row in ("two processes", "one process")]
    two, one = (f"{100 * row['mean']:.1f} ± {100 * row['std']:.1f} %" for row in found)
    page = (ROOT / "docs" / "compare.md").read_text("utf-8")
    assert f"<!-- processes -->{two} in the place of {one}<!-- /processes -->" in page
    assert abs(found[0]["mean"] - found[1]["mean"]) < found[1]["std"]


def test_nearly_all_statements_of_every_package_are_run_by_the_tests_of_ci(tables):
    packages = tables.read("coverage.json")["packages"]
    folders = {path.parent.relative_to(ROOT / "src") for path in (ROOT / "src").rglob("*.py")}
    assert set(packages) <= {".".join(folder.parts) for folder in folders}
    assert len(packages) > len(folders) - 10  # some hold no statement
    assert min(row["percent"] for row in packages.values()) >= 90


def test_the_experimental_methods_are_counted():
    words = ("None", "One", "Two", "Three", "Four", "Five", "Six")
    count = sum(entry.experimental for entry in METHODS.values())
    assert f"{words[count]} of the methods are marked experimental" in README


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("method", ["MMPareto", "OGM", "AMCo"])
def test_the_loop_of_the_readme_runs(method):
    """On the model and the data of the example, with every method that its comment offers."""
    spec = importlib.util.spec_from_file_location("own_loop", ROOT / "examples" / "own_loop.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    (block,) = [block for block in blocks_of(README) if block.language == "python"]
    assert f"g2d.{method}" in block.text
    net = example.Net()
    before = net.eyes[0].weight.clone()
    names = {"g2d": g2d, "torch": torch, "net": net, "EPOCHS": 2, "CLASSES": example.CLASSES}
    names["train"] = example.make_batches(64, 1)
    text = block.text.replace("= g2d.MMPareto(", f"= g2d.{method}(")
    assert f"method = g2d.{method}(student, task)" in text
    exec(text, names)
    assert not torch.equal(before, net.eyes[0].weight)


def test_every_committed_mean_is_the_mean_of_its_values(tables):
    """A second computation of the summary, and the grid of accuracies: j right of n samples."""
    for name in ("accuracy-avmnist", "accuracy-avmnist-5db", "accuracy-avmnist-methods"):
        result = tables.read(f"{name}.json")
        samples = result["dataset"]["counts"]["test"]
        for row in result["rows"].values():
            for values in row["accuracy"]["test"].values():
                mean = sum(values["values"]) / len(values["values"])
                assert values["mean"] == pytest.approx(mean)
                for value in values["values"]:
                    assert value * samples == pytest.approx(round(value * samples), abs=1e-6)


def test_the_row_of_the_preset_is_the_preset(tables):
    result = tables.read("accuracy-avmnist-5db.json")
    (row,) = (row for label, row in result["rows"].items() if label.endswith("(preset printed)"))
    options = {key: value for key, value in row["method"].items() if key != "name"}
    signature = inspect.signature(g2d.G2D).parameters
    assert options.pop("rank_by") == g2d.G2D.ranked_by == "speed"
    assert options.pop("scope") == "branch"  # what "auto" is with late fusion
    assert signature["scope"].default == "auto"
    preset = g2d.G2D.presets["printed"]
    assert options == {key: preset.get(key, signature[key].default) for key in options}
    assert (preset["gamma"], preset["schedule"]) == (0, "halves")  # the row is of before γ


CONTESTS = (
    *("default.json", "default-5db.json", "default-8db.json", "default-three.json"),
    *("default-again.json", "released.json"),
)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_left_to_be_filled_in(page):
    text = page.read_text("utf-8")
    assert not re.search(r"^[A-Z-]{5,}$|TODO|TBD", text, re.MULTILINE)
    assert not re.search(r"<!-- (\w[\w-]*) -->\n<!-- /\1 -->", text), "an empty table"


@pytest.mark.parametrize(
    "text", [README, COMPARISON, G2D_PAGE], ids=["README", "comparison", "g2d"]
)
def test_every_mean_that_is_quoted_is_in_a_committed_result(text, tables):
    known = set()
    for name in ("accuracy-avmnist", "accuracy-avmnist-5db", "accuracy-avmnist-methods"):
        result = tables.read(f"{name}.json")
        for values in result["teachers"].values():
            known |= {tables._spread(values[split]) for split in ("val", "test")}
        for row in result["rows"].values():
            for split in ("val", "test"):
                known |= {tables._spread(values) for values in row["accuracy"][split].values()}
    for row in tables.read("missing.json")["datasets"]["avmnist"]["rows"].values():
        known.add(tables._spread(row["0"]["accuracy"]["test"]["fused"]))
    parts = [tables.read(name)["data"] for name in CONTESTS]
    for part in [part for data in parts for part in data.values()]:
        for row in part["rows"].values():
            known.add(tables._spread(row["accuracy"]["test"]["fused"]))
        for row in part["teachers"].values():
            if isinstance(row, dict) and "test" in row:
                known.add(tables._spread(row["test"]))
    for row in tables.read("price-cpu.json")["rows"].values():
        known |= {tables._spread(row[key]) for key in ("accuracy", "with_teachers") if key in row}
    card = tables.gpu_accuracy_table(tables.read("gpu-cuda.json"))
    known |= set(re.findall(r"\d+\.\d ± \d+\.\d", card))
    for of in (tables.DEFAULT, tables.BLEND):
        differences = tables.difference_table(tables.read("default.json"), of)
        known |= set(re.findall(r"\d+\.\d ± \d+\.\d", differences))
    again = tables.difference_table(tables.read("default-again.json"))
    known |= set(re.findall(r"\d+\.\d ± \d+\.\d", again))
    quoted = set(re.findall(r"\d+\.\d ± \d+\.\d", text))
    assert quoted
    assert quoted <= known


def test_the_tables_of_missing_modalities_are_the_committed_ones(tables):
    page = (ROOT / "docs" / "missing.md").read_text()
    result = tables.read("missing.json")
    for dataset in ("avmnist", "avmnist3"):
        assert between(dataset, page) == tables.missing_table(result, dataset)
    longer = tables.read("missing-15.json")
    assert between("avmnist15", page) == tables.missing_table(longer, "avmnist")
    assert longer["epochs"] == 15
    assert len(longer["seeds"]) == 3
    assert between("patterns", page) == tables.patterns_table(result, "avmnist3", "0.4")
    assert len(result["seeds"]) == 3
