"""One grid on whatever data there is: two modalities or three, tables of one's own."""

from __future__ import annotations

import json

import pytest

from g2d.benchmark.compare.fitting import modalities_of, subsets, why_not, with_modalities
from g2d.benchmark.compare.jobs import attempt, plan_jobs
from g2d.benchmark.compare.reading import grid_from, read_grid
from g2d.errors import UserError
from g2d.recipes.build import build_splits
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import load_recipe, recipe_from
from g2d.table.inspection.inspect import inspect_table
from table.tables import write_table
from toy import toy_recipe

ENCODER = "toy.ToyEncoder"


def toys(tmp_path, modalities, name="toys", **data):
    """A recipe file of the toys."""
    names = ["near", "far", "deep"][:modalities]
    recipe = {
        **toy_recipe(epochs=2),
        "data": {"name": "toy.ToyData", "modalities": modalities, **data},
        "encoders": dict.fromkeys(names, ENCODER),
    }
    path = tmp_path / f"{name}.yaml"
    path.write_text(json.dumps(recipe))
    return str(path)


def clouds(tmp_path):
    """A recipe file of data with three modalities."""
    recipe = {
        **toy_recipe(epochs=2),
        "data": {"name": "toy.Clouds"},
        "encoders": dict.fromkeys(["near", "far", "deep"], ENCODER),
    }
    path = tmp_path / "clouds.yaml"
    path.write_text(json.dumps(recipe))
    return str(path)


def schedules(grid):
    found = {}
    for cell in grid.cells():
        names = modalities_of(cell.recipe)
        found[cell.labels["alone + together"]] = plan_method(cell.recipe, names).options.get(
            "schedule"
        )
    return found


def test_a_schedule_fits_two_modalities_and_three(tmp_path):
    grid = read_grid("table7")
    two = schedules(grid.on([(toys(tmp_path, 2), None)]))
    three = schedules(grid.on([(toys(tmp_path, 3), None)]))
    assert two["100 + 150"] == [100, 150]
    assert three["100 + 150"] == [50, 50, 150]
    assert three["150 + 150"] == [75, 75, 150]
    assert (two["50 + 250"], three["50 + 250"]) == ([50, 250], [25, 25, 250])


def test_a_schedule_fits_when_there_are_few_epochs(tmp_path):
    grid = read_grid("table7").with_epochs(6).on([(toys(tmp_path, 3), None)])
    for cell in grid.cells():
        plan = plan_method(cell.recipe, modalities_of(cell.recipe))
        if "schedule" in plan.options:
            assert sum(plan.options["schedule"]) <= cell.recipe.training["epochs"]


def combos(grid):
    return list(dict.fromkeys(cell.labels["modalities"] for cell in grid.cells()))


def test_subsets_are_those_of_the_data(tmp_path):
    grid = read_grid("table2")
    assert combos(grid) == [
        *("audio + visual", "audio + text", "visual + text", "audio + visual + text")
    ]
    assert combos(grid.on([(toys(tmp_path, 2), None)])) == ["near + far"]
    assert len(combos(grid.on([(clouds(tmp_path), None)]))) == 4


def test_all_modalities_are_the_recipe_as_it_is():
    whole = load_recipe("urfunny")
    assert with_modalities(whole, ("audio", "visual", "text")) is whole
    chosen = with_modalities(whole, ("audio", "text"))
    assert chosen.data == {"name": "urfunny", "modalities": ["audio", "text"]}
    assert list(chosen.encoders) == ["audio", "text"]


def test_a_subset_of_a_table_of_ones_own_is_trained(tmp_path):
    content, _ = inspect_table(write_table(tmp_path / "animals", rows=60), "animal")
    for slow in ("call", "picture"):
        content["data"]["modalities"].pop(slow)
        content["encoders"].pop(slow)
    content["training"]["epochs"] = 1
    recipe = recipe_from(content)
    names = modalities_of(recipe)
    assert len(names) >= 2
    small = with_modalities(recipe, names[:2])
    assert build_splits(small).spec.modalities == names[:2]
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(content))
    grid = read_grid("table2").with_epochs(1).on([(str(path), None)])
    assert len(combos(grid)) == len(subsets(names))


def test_a_table_that_says_nothing_of_its_modalities_is_opened(tmp_path):
    table = write_table(tmp_path / "animals", rows=60)
    recipe = recipe_from({"data": {"name": "table", "table": str(table), "target": "animal"}})
    assert modalities_of(recipe) == build_splits(recipe).spec.modalities


def test_data_that_is_not_there_is_known_by_its_encoders(tmp_path):
    recipe = recipe_from(
        {**toy_recipe(), "data": {"name": "toy.ToyData", "root": str(tmp_path / "no")}}
    )
    assert modalities_of(recipe) == ("near", "far")


def test_any_data_gives_some_of_its_modalities(tmp_path):
    """Clouds are no dataset that can be asked for some of its modalities."""
    recipe = with_modalities(load_recipe(clouds(tmp_path)), ("near", "deep"))
    splits = build_splits(recipe)
    assert splits.spec.modalities == ("near", "deep")
    grid = grid_from(
        {
            "title": "some",
            "axes": {
                "dataset": {"clouds": {"recipe": clouds(tmp_path)}},
                "modalities": ["subsets"],
                "method": {"G²D": {"method": "g2d"}},
            },
            "seeds": [0],
        },
        "some",
    )
    jobs = plan_jobs(grid.cells()[1:2], tmp_path / "runs")
    assert [attempt(job) for job in jobs] == [""] * len(jobs)
    (result,) = (tmp_path / "runs").glob("*/result.json")
    assert set(json.loads(result.read_text())["test"]["accuracy"]) == {"fused", "near", "deep"}


def test_rates_that_two_modalities_cannot_miss_are_left_out_and_said(tmp_path):
    grid = read_grid("table11")
    two, three = (grid.on([(toys(tmp_path, k, f"toys{k}"), None)]) for k in (2, 3))
    assert {cell.labels["missing"] for cell in two.cells()} == {"0 %", "20 %", "40 %"}
    (reason,) = two.left_out()
    assert "0.6" in reason
    assert "2 modalities" in reason
    assert {cell.labels["missing"] for cell in three.cells()} == {"0 %", "20 %", "40 %", "60 %"}
    assert three.left_out() == []


@pytest.mark.parametrize("key", ["rate", "train_rate", "test_rate"])
def test_every_kind_of_rate_is_looked_at(key):
    recipe = recipe_from({**toy_recipe(), "missing": {key: 0.6}})
    assert why_not(recipe, ("near", "far"))
    assert not why_not(recipe, ("near", "far", "deep"))


def test_what_is_not_of_the_paper_stands_beside_no_number_of_it(tmp_path):
    for name in ("table1", "table7", "table11"):
        grid = read_grid(name).on([(toys(tmp_path, 3), None)])
        assert all(cell.paper == {} for cell in grid.cells())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"beside": [{"when": {"method": "UMT"}, "paper": {}}]}, "there is no method 'UMT'"),
        ({"beside": [{"paper": {}}]}, "expected a list of rules"),
        ({"beside": {"method": "joint"}}, "expected a list of rules"),
        ({"without": [{"fusion": "late"}]}, "there is no fusion 'late'"),
    ],
)
def test_a_rule_for_what_is_not_there_is_refused(change, said):
    content = {"axes": {"dataset": ["avdigits"], "method": ["joint"]}, **change}
    with pytest.raises(UserError, match=said):
        grid_from(content, "mine")
