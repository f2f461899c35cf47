"""Grids: what is read, what is refused, which cells come of it and what they are called."""

from __future__ import annotations

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.checking import check_grid, fault
from g2d.benchmark.compare.reading import grid_from, grid_text, read_grid, shipped_grids
from g2d.benchmark.compare.tuning.space import read_space
from g2d.errors import UserError
from g2d.recipes.recipe import recipe_from, recipe_text
from toy import toy_recipe

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 400) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("title", "about", "paper", "figure", "show", "epochs", "seeds", "common", "without")


def small(**changes):
    return {
        "axes": {"dataset": {"digits": {"recipe": "avdigits"}}, "method": ["joint", "umt"]},
        "seeds": [0, 1],
        **changes,
    }


@given(
    st.dictionaries(st.sampled_from(KEYS), plain),
    st.dictionaries(st.sampled_from(["dataset", "method", "fusion", "training.epochs"]), plain),
)
def test_anything_is_a_grid_or_refused_in_words(content, axes):
    said, cells = "", []
    try:
        cells = grid_from({"axes": axes, **content}, "any").cells()
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert all(set(cell.labels) == set(axes) for cell in cells)


@given(
    st.lists(st.sampled_from(["late", "sum", "concat", "film"]), min_size=1, unique=True),
    st.lists(st.sampled_from(["joint", "umt", "mla", "agm"]), min_size=1, unique=True),
    st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
)
def test_cells_are_the_product_without_what_is_left_out(fusions, methods, seeds):
    left_out = {"method": methods[0], "fusion": fusions[0]}
    axes = {"dataset": ["avdigits"], "method": methods, "fusion": fusions}
    grid = grid_from({"axes": axes, "seeds": seeds, "without": [left_out]}, "any")
    expected = {
        ("avdigits", method, fusion, seed)
        for method in methods
        for fusion in fusions
        for seed in seeds
        if (method, fusion) != (methods[0], fusions[0])
    }
    cells = grid.cells()
    assert {(*cell.labels.values(), cell.recipe.seed) for cell in cells} == expected
    assert len({cell.name for cell in cells}) == len(cells) == len(expected)
    assert all(cell.recipe.fusion == cell.labels["fusion"] for cell in cells)


def shuffled(content, order):
    """The same values, keys in another order."""
    if not isinstance(content, dict):
        return content
    return {key: shuffled(content[key], order) for key in sorted(content, key=order)}


def leaves(content, path=()):
    if isinstance(content, dict):
        for key, value in content.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


RECIPE = {
    **toy_recipe(learning_rate=0.01),
    "method": {"name": "g2d", "alpha": 1.0, "schedule": [2, 1, 1]},
    "teachers": {"epochs": 3},
}


@given(st.randoms())
def test_the_order_of_keys_does_not_matter_to_a_name(random):
    other = shuffled(RECIPE, lambda _: random.random())
    assert Cell({}, recipe_from(other)).name == Cell({}, recipe_from(RECIPE)).name


@pytest.mark.parametrize("path", list(leaves(RECIPE)), ids=".".join)
def test_whatever_changes_changes_the_name(path):
    other = copy.deepcopy(RECIPE)
    below = other
    for key in path[:-1]:
        below = below[key]
    below[path[-1]] = 7 if isinstance(below[path[-1]], int | list) else "other"
    assert Cell({}, recipe_from(other)).name != Cell({}, recipe_from(RECIPE)).name


def test_what_a_key_is_added_to_and_a_baseline_have_names_of_their_own():
    recipe = recipe_from(RECIPE)
    more = recipe_from({**RECIPE, "missing": {"rate": 0.4}})
    names = [
        Cell({}, recipe).name,
        Cell({}, more).name,
        Cell({}, recipe, imputation={"name": "CRA"}).name,
        Cell({}, recipe, imputation={"name": "CRA", "blocks": 3}).name,
    ]
    assert len(set(names)) == 4


@pytest.mark.parametrize("name", shipped_grids())
def test_shipped_grids_resolve_and_nothing_in_them_is_a_slip(name):
    grid = read_grid(name).on([("avdigits", None)])
    check_grid(grid, grid.cells())
    assert grid.title in grid_text(name)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axis": {}}, "axis: no such key"),
        ({"axes": {"method": ["joint"]}}, "`dataset` among them"),
        ({"axes": {"dataset": ["avdigits"], "seed": [0, 1]}}, "seeds have a key"),
        ({"axes": {"dataset": ["avdigits"], "method": ["joint", "joint"]}}, "each once"),
        ({"seeds": []}, "seeds: expected a list of whole numbers"),
        ({"seeds": [0, 0]}, "seeds: expected each once"),
        ({"epochs": 0}, "epochs: expected a whole number, 1 or more"),
        ({"show": ["all"]}, "show: expected fused or all"),
        ({"without": [{"method": "umtt"}]}, "without: there is no method 'umtt'"),
        ({"without": ["umt"]}, "without: expected a list of labels by axis"),
        ({"common": ["late"]}, "common: expected dotted keys and values"),
        ({"paper": 4}, "paper: expected a word"),
        (
            {"axes": {"dataset": {"x": {"set": {}, "paper": {"rows": "near"}}}}},
            "axes.dataset.x: paper.rows: expected what the paper calls each modality.*'near'",
        ),
        (
            {"beside": [{"when": {"method": "joint"}, "paper": {"rows": {"near": 3}}}]},
            "beside: paper.rows: expected",
        ),
    ],
)
def test_what_is_no_grid_is_refused(changes, said):
    with pytest.raises(UserError, match=said):
        grid_from(small(**changes), "mine")


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"dataset": ["avdigitz"]}, "dataset 'avdigitz'.*: there is no recipe 'avdigitz'; shipped"),
        ({"dataset": {"x": {"fusion": "late"}}}, "names no recipe"),
        ({"dataset": ["avdigits"], "fusions": ["late"]}, "fusions: no such key in a recipe"),
        ({"dataset": ["avdigits"], "impute": ["CRA"]}, "impute: expected a mapping with a name"),
    ],
)
def test_what_resolves_to_no_recipe_is_refused_with_its_place(axes, said):
    with pytest.raises(UserError, match=said):
        grid_from({"axes": axes}, "mine").cells()


@pytest.mark.parametrize(
    ("axes", "common", "said"),
    [
        ({"method": ["joint", "umtt"]}, {}, "mine: method 'umtt': method: there is no 'umtt'"),
        ({"method": {"a": {"method.alfa": 1}, "b": {}}}, {}, "method 'a': method.alfa: no such"),
        ({"fusion": ["late", "lat"]}, {}, "fusion 'lat': fusion: there is no 'lat'"),
        ({"method": ["joint", "umt"]}, {"training.epocs": 3}, "mine: training.epocs: no such"),
        ({"method": ["joint"]}, {"teachers.cache": "yes"}, "teachers.cache: expected auto"),
        ({"method": ["joint"]}, {"missing": {"rate": "x"}}, "missing.rate: expected a number"),
        ({"method": ["joint"]}, {"encoders.image.widht": 8}, "encoders.image.widht: no such"),
        ({"data.root": ["nowhere"]}, {}, "data.root"),
        ({"impute": [{"name": "MICE"}]}, {}, "impute: there is no baseline 'MICE'; known: CRA"),
    ],
)
def test_a_slip_is_found_before_anything_is_trained(axes, common, said):
    grid = grid_from({"axes": {"dataset": ["avdigits"], **axes}, "common": common}, "mine")
    with pytest.raises(UserError, match=said):
        check_grid(grid, grid.cells())


def test_a_combination_that_cannot_be_is_left_to_its_cell():
    axes = {"dataset": ["avdigits"], "method": ["joint", "ume"], "fusion": ["late", "concat"]}
    grid = grid_from({"axes": axes, "seeds": [0]}, "mine")
    cells = grid.cells()
    check_grid(grid, cells)
    assert [bool(fault(cell.recipe)) for cell in cells] == [False, False, False, True]


def test_data_without_a_folder_is_named_with_the_way_to_name_it():
    grid = grid_from(small(axes={"dataset": ["avdigits", "avmnist", "cremad"]}), "mine")
    with pytest.raises(UserError) as refused:
        check_grid(grid, grid.cells())
    assert "for avmnist, cremad; name it: --on avdigits avmnist=DIR cremad=DIR" in str(
        refused.value
    )


def test_other_data_keep_their_place_beside_the_paper_under_every_label():
    entries = {
        "clean": {
            "set": {"recipe": "avmnist", "data.protocol": "clean"},
            "paper": {"dataset": "A"},
        },
        "other": {
            "set": {"recipe": "avmnist", "data.protocol": "other"},
            "paper": {"dataset": "B"},
        },
    }
    grid = grid_from({"axes": {"dataset": entries}, "seeds": [0]}, "mine")
    cells = grid.on([("avmnist", "DIR"), ("avdigits", None)]).cells()
    assert [cell.labels["dataset"] for cell in cells] == ["clean", "other", "AV-Digits"]
    assert [cell.paper.get("dataset") for cell in cells] == ["A", "B", None]
    assert [dict(cell.recipe.data).get("root") for cell in cells] == ["DIR", "DIR", None]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("method", "mla"), "--method: the axis 'method' of grid mine sets it"),
        (("seed", 3), "use --seeds 3"),
    ],
)
def test_no_change_makes_labels_untrue(change, said):
    with pytest.raises(UserError, match=said):
        grid_from(small(), "mine").with_changes([change])


@pytest.mark.parametrize(
    ("axes", "common", "said"),
    [
        (
            {"method": {"G": {"method": "g2d"}}},
            {"method.alpha": 5},
            "common.method.alpha has no effect, as the axis 'method' sets method after it",
        ),
        (
            {
                "method": {"usual": {}},
                "alpha": {"1": {"method.alpha": 1}, "5": {"method.alpha": 5}},
                "last": {"G": {"method": "g2d"}},
            },
            {},
            "axes.alpha.1: method.alpha has no effect.*write the axis 'last' before 'alpha'",
        ),
        (
            {"method": {"G": {"method.alpha": 5, "method": "g2d"}}},
            {},
            "axes.method.G: method.alpha has no effect before method; write method first",
        ),
        (
            {
                "method": {"a": {"method": "joint", "training.learning_rate": 0.1}},
                "rate": {"high": {"training": {"learning_rate": 0.3}}},
            },
            {},
            "axes.method.a: training.learning_rate is set by the axis 'rate' as well",
        ),
        (
            {"method": {"a": {"recipe": "avmnist", "method": "joint"}}},
            {},
            "axes.dataset.digits: recipe is set by the axis 'method' as well",
        ),
        ({"method": {"a": {"method": "joint", "seed": 3}}}, {}, "axes.method.a: seed: .*seeds"),
        ({"method": ["joint"]}, {"seed": 3}, "common: seed: .*seeds"),
    ],
)
def test_what_another_setting_undoes_is_refused(axes, common, said):
    with pytest.raises(UserError, match=said):
        grid_from(small(axes={**small()["axes"], **axes}, common=common), "mine")


def test_a_default_that_some_entries_replace_is_none_of_them():
    axes = {
        "dataset": ["avdigits"],
        "method": {"usual": {}, "with": {"method": "g2d"}},
        "rate": {"own": {}, "low": {"training.learning_rate": 0.001}},
    }
    common = {"method.alpha": 5, "training.learning_rate": 0.1}
    cells = grid_from({"axes": axes, "common": common, "seeds": [0]}, "mine").cells()
    rates = [cell.recipe.training["learning_rate"] for cell in cells]
    assert rates == [0.1, 0.001, 0.1, 0.001]
    assert [dict(cell.recipe.method).get("alpha") for cell in cells] == [5, 5, None, None]


def test_a_section_that_is_written_as_one_keeps_the_rest_of_the_recipe():
    """Epochs of the grid and rates of the recipe went with it."""
    common = {"training": {"batch_size": 16}, "encoders": {"image": {"name": "mlp"}}}
    (cell, *_) = grid_from(small(epochs=3, common=common), "mine").cells()
    usual = recipe_from(yaml.safe_load(recipe_text("avdigits")))
    assert cell.recipe.training == {**usual.training, "epochs": 3, "batch_size": 16}
    assert cell.recipe.encoders == {**usual.encoders, "image": {"name": "mlp"}}


def test_no_change_undoes_a_setting_that_stands_inside_another():
    axes = {
        "dataset": ["avdigits"],
        "weight": {"α = 1": {"method": {"name": "g2d", "alpha": 1}}, "usual": {"method": "g2d"}},
        "rate": {"high": {"training": {"learning_rate": 0.1}}},
    }
    grid = grid_from({"axes": axes}, "mine")
    with pytest.raises(UserError, match=r"--method\.alpha: the axis 'weight' of grid mine sets it"):
        grid.with_changes([("method.alpha", 9)])
    with pytest.raises(UserError, match=r"--training\.learning_rate: the axis 'rate' of grid mine"):
        grid.with_changes([("training.learning_rate", 9)])
    assert grid.with_changes([("method.beta", 9), ("training.momentum", 0)]).changes


def test_a_change_of_all_cells_stands_last():
    grid = grid_from(small(epochs=20, common={"training.batch_size": 8}), "mine")
    cells = grid.with_epochs(10).with_changes([("training.batch_size", 4)]).cells()
    assert {cell.recipe.training["batch_size"] for cell in cells} == {4}
    assert {cell.recipe.training["epochs"] for cell in cells} == {10}


def test_one_label_for_two_forms_of_data_is_refused():
    """They would be taken for seeds of one, and their spread for that of training."""
    grid = grid_from(small(), "mine")
    with pytest.raises(UserError, match="AV-MNIST is named twice"):
        grid.on([("avmnist", "clean"), ("avmnist", "noisy")])


def test_epochs_that_an_axis_sets_are_not_passed_over():
    axes = {"dataset": ["avdigits"], "length": {"short": {"training.epochs": 30}, "usual": {}}}
    with pytest.raises(UserError, match="--epochs 2: the axis 'length' of grid mine sets"):
        grid_from({"axes": axes}, "mine").with_epochs(2)
    cells = grid_from({"axes": axes, "epochs": 60, "seeds": [0]}, "mine").with_epochs(2).cells()
    assert [cell.recipe.training["epochs"] for cell in cells] == [1, 2]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_bytes(b"\xff\xfe title")
    with pytest.raises(UserError, match=r"grid\.yaml is not a text file; expected a grid in YAML"):
        read_grid(str(path))
    with pytest.raises(UserError, match=r"grid\.yaml is not a text file; expected a space in YAML"):
        read_space(str(path))


def test_a_key_that_stands_twice_is_named_with_its_lines(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("axes:\n  dataset: [avdigits]\n  method: {a: {}, b: {}, a: {}}\n")
    with pytest.raises(UserError, match="is not YAML: the key 'a' stands twice, line 3"):
        read_grid(str(path))


def test_a_recipe_lies_beside_its_grid(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.yaml").write_text(recipe_text("avdigits"))
    axes = "axes: {dataset: {mine: {recipe: mine.yaml}}, method: [joint]}\n"
    (tmp_path / "there" / "grid.yaml").write_text(axes)
    monkeypatch.chdir(tmp_path)
    cell = read_grid("there/grid.yaml").cells()[0]
    assert cell.recipe.data == {"name": "avdigits"}
