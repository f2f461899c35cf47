"""`--as`: what every row of a table becomes, and what is said of it all the same."""

from __future__ import annotations

import pytest

from benchmark.datasets.conftest import originals  # noqa: F401 (a fixture)
from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.checking import fault
from g2d.benchmark.compare.reading import read_grid, shipped_grids
from g2d.benchmark.compare.record import read_record
from g2d.cli.main import main
from g2d.errors import UserError
from g2d.recipes.components import split_spec
from g2d.recipes.planning import plan_method
from recipes.stores import MINIATURES

TABLES = [name for name in shipped_grids() if read_grid(name).paper]
READINGS = ("paper", "released", "default")


def first(grid) -> list[Cell]:
    return [cell for cell in grid.cells() if cell.recipe.seed == grid.seeds[0]]


def of(grid, **labels: str) -> Cell:
    (cell,) = [cell for cell in first(grid) if labels.items() <= cell.labels.items()]
    return cell


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_every_table_can_be_read_in_every_way(name: str, reading: str) -> None:
    """Nothing of a reading is a slip, and none loses a row of the grid."""
    grid = read_grid(name)
    cells, before = first(grid.read_as(reading)), first(grid)
    assert [cell.labels for cell in cells] == [cell.labels for cell in before]
    assert [cell.paper for cell in cells] == [cell.paper for cell in before]
    faults = {fault(cell.recipe, cell.imputation) for cell in cells}
    assert faults <= {"", "data.root: this must be given"}


@pytest.mark.parametrize("name", TABLES)
def test_no_row_of_the_paper_has_the_sums_or_the_stages_of_ours(name: str) -> None:
    for reading in ("paper", "released"):
        for cell in first(read_grid(name).read_as(reading)):
            label, options = split_spec(cell.recipe.method, "method")
            if not label.startswith("g2d") and not label.endswith("+smp"):
                continue
            plan = plan_method(cell.recipe, tuple(cell.recipe.encoders))
            own = (
                options["preset"] if name == "table1" and "," in cell.labels["method"] else reading
            )
            if label.startswith("g2d"):
                assert plan.options["feature_reduction"] == "mean"
                assert plan.options["gamma"] == 0
                assert plan.options["distill_to"] == "fused"
                assert plan.options["projected"] == (own == "released")
            if plan.has_stages and plan.options["suppression"] != "partial":
                assert plan.rank_by == "train_batch"
                gate = "released" if own == "released" else "complete"
                assert plan.options["suppression"] == gate


def test_rivals_have_their_published_switches() -> None:
    table = read_grid("table1").read_as("released")
    ogm = of(table, dataset="CREMA-D", method="OGM-GE").recipe.method
    assert ogm == {"name": "ogm_ge", "preset": "released", "alpha": 0.8}
    assert of(table, dataset="VGGSound", method="OGM-GE").recipe.method["alpha"] == 0.1
    assert of(table, dataset="CREMA-D", method="MLA").recipe.method["projection"] == "off"
    assert of(table, dataset="AV-MNIST", method="MSES").recipe.method["patience"] == 10
    assert of(table, dataset="CREMA-D", method="joint").recipe.method == "joint"


def test_av_mnist_has_the_papers_encoders_and_settings_on_the_data_that_are_named() -> None:
    for name, data in (("avmnist", "avmnist"), ("avmnist_paper", "avmnist_archive")):
        for reading in ("paper", "released"):
            grid = read_grid("table4").read_as(reading).on([(name, "DIR")])
            cell = of(grid, method="UMT + SMP")
            assert cell.labels["dataset"] == "AV-MNIST"
            assert cell.paper["dataset"] == "AV-MNIST"
            assert cell.recipe.data == {"name": data, "root": "DIR"}
            assert cell.recipe.encoders["image"] == {"name": "resnet18", "channels": 1}
            training = cell.recipe.training
            assert (training["batch_size"], training["learning_rate"]) == (16, 0.001)
            assert (training["epochs"], training["lr_steps"]) == (300, [200])
            says_so = any("not the paper's archive" in said for said in cell.differs)
            assert says_so == (data == "avmnist")


def test_audio_conditions_and_gates_video_as_in_the_released_code() -> None:
    table = read_grid("table5").read_as("released")
    for data, video in (("CREMA-D", "video"), ("AV-MNIST", "image"), ("VGGSound", "video")):
        film = of(table, dataset=data, method="G²D", fusion="FiLM").recipe.fusion
        assert film == {"name": "film", "target": video}
        gated = of(table, dataset=data, method="joint", fusion="BiGated").recipe.fusion
        assert gated == {"name": "bigated", "mode": "official", "gate": "audio"}


def test_by_default_rows_about_stages_keep_them_and_the_others_have_none() -> None:
    staged = {
        name: split_spec(cell.recipe.method, "method")[1].get("schedule")
        for name, labels in {
            "table4": {"method": "G²D loss + SMP (G²D)"},
            "table1": {"method": "G²D"},
            "table7": {"alone + together": "50 + 150"},
        }.items()
        for cell in [of(read_grid(name).read_as("default"), dataset="CREMA-D", **labels)]
    }
    given = {"alone": 50, "together": 150}
    assert staged == {"table4": "halves", "table1": None, "table7": given}


def test_what_differs_from_the_paper_is_said_of_the_cell() -> None:
    grid = read_grid("table4").read_as("released").on([("cremad", "DIR")])
    assert of(grid, method="G²D loss + SMP (G²D)").differs == ()
    fewer = of(grid.with_epochs(30), method="joint, half the epochs")
    assert fewer.differs == ("epochs 15, in the paper 150",)
    assert fewer.recipe.training["lr_steps"] == [20]
    other = grid.with_changes([("encoders.audio.name", "small_cnn"), ("training.batch_size", 64)])
    assert of(other, method="joint").differs == (
        "batch_size 64, in the paper 16",
        "the encoder of audio is small_cnn, in the paper resnet18",
    )
    funny = read_grid("table4").read_as("released").on([("urfunny", "DIR")])
    said = of(funny, method="G²D loss + SMP (G²D)").differs
    assert any("the released gate suppresses nothing" in one for one in said)
    assert not any("gate suppresses" in one for one in of(funny, method="joint").differs)


def test_a_setting_that_a_recipe_leaves_to_the_default_is_what_it_is() -> None:
    """AV-Digits names no optimizer: it is sgd with a momentum of 0.9, as in the paper."""
    for reading in ("paper", "released"):
        grid = read_grid("table6").read_as(reading).on([("avdigits", None)]).with_epochs(300)
        said = first(grid)[1].differs
        assert said == ("batch_size 32, in the paper 16", "learning_rate 0.01, in the paper 0.001")


def test_a_preset_that_a_row_has_not_is_refused_before_anything_is_trained() -> None:
    from g2d.benchmark.compare.checking import check_grid

    grid = read_grid("table4").on([("avdigits", None)]).with_changes([("method.preset", "paper")])
    with pytest.raises(UserError) as caught:
        check_grid(grid, grid.cells())
    assert "method.preset: there is no 'paper'" in str(caught.value)
    assert "method 'joint, half the epochs', 'joint'" in str(caught.value)
    assert "--as paper" in str(caught.value)


def test_a_grid_of_ones_own_has_no_readings() -> None:
    grid = read_grid("table4")
    assert grid.read_as("printed") == grid
    with pytest.raises(UserError, match="not one of the paper's"):
        type(grid)("mine", "Mine", grid.axes).read_as("paper")


def test_table_4_as_the_released_code_has_it(originals, tmp_path, capsys) -> None:  # noqa: F811
    """The command of the page, on a miniature of AV-MNIST and with small encoders."""
    (tmp_path / "mnist").symlink_to(originals / "mnist")
    (tmp_path / "fsdd").symlink_to(originals / "fsdd")
    store = MINIATURES["avmnist"].make(tmp_path, tmp_path / "store")
    small = ["--encoders.image.name", "small_cnn", "--encoders.audio.name", "small_cnn"]
    small += ["--encoders.image.width", "8", "--encoders.audio.width", "8"]
    run = ["--epochs", "4", "--seeds", "999", "--out", str(tmp_path / "out"), *small]
    status = main(["compare", "table4", "--as", "released", "--on", f"avmnist={store}", *run])
    said = capsys.readouterr()
    assert status == 0, said.err
    record = read_record(tmp_path / "out" / "grids" / "table4-released.json")
    assert {cell.state(tmp_path / "out") for cell in record.cells} == {"finished"}
    assert "in the paper resnet18" in said.out
    assert "epochs 4, in the paper 300" in said.out
    assert "unknown: the paper does not say whether this row had 150 epochs or 300" in said.out
    (run_of_g2d,) = {c.run for c in record.cells if c.labels["method"] == "G²D loss + SMP (G²D)"}
    method = (tmp_path / "out" / run_of_g2d / "run.json").read_text("utf-8")
    assert '"suppression": "released"' in method
    assert (
        main(["compare", "table4", "--as", "released", "--show", "--out", str(tmp_path / "out")])
        == 0
    )
