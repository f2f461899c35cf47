"""From a table to a recipe, a model, and predictions that need nothing but the run folder."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import torch
import yaml

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.data.splits import DatasetSpec
from g2d.errors import UserError
from g2d.recipes.completing import complete
from g2d.recipes.recipe import Recipe, recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.table.dataset import TableData
from g2d.table.inspection.inspect import inspect_table
from g2d.table.predict import Predictor
from g2d.table.predictions_file import write_predictions
from g2d.tasks import Classification
from table.tables import SMALL, WORDS, write_table


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def trained(g2d, tmp_path, monkeypatch):  # noqa: F811
    """The folder of a run, made from another working directory than the table's."""
    table = write_table(tmp_path / "data")
    said = g2d("data", "inspect", table, "--target", "animal")
    assert (said.status, said.err) == (0, "")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(said.out)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    said = g2d("train", recipe, *SMALL, "--method", "joint", "--out", "runs")
    assert said.status == 0, said.err
    return elsewhere / "runs" / "animals-joint-seed0"


def test_a_table_is_read_as_its_owner_means_it(tmp_path):
    recipe, notes = inspect_table(write_table(tmp_path), "animal")
    assert recipe["data"]["modalities"] == {
        "picture": {"kind": "image", "column": "picture"},
        "call": {"kind": "audio", "column": "call"},
        "note": {"kind": "text", "column": "note"},
        "tabular": {"kind": "tabular", "columns": ["weight", "place", "seen", "age"]},
    }
    assert recipe["data"]["task"] == "classification"
    assert notes[0] == "80 rows; classification of 'animal', 2 classes (bird, dog)"
    regression, _ = inspect_table(tmp_path / "animals.csv", "age")
    assert regression["data"]["task"] == "regression"


def test_a_table_of_one_modality_is_refused_in_words(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("a,b,y\n" + "".join(f"{i * 7 % 30},{i * 2},{i % 2}\n" for i in range(30)))
    with pytest.raises(UserError, match=r"one\.csv: found modalities: tabular \(tabular\); expect"):
        inspect_table(path, "y")


def test_the_printed_recipe_is_the_inferred_one_with_notes(g2d, tmp_path):  # noqa: F811
    table = write_table(tmp_path)
    said = g2d("data", "inspect", table, "--target", "animal")
    recipe, notes = inspect_table(table, "animal")
    assert yaml.safe_load(said.out) == recipe
    assert said.out.startswith("".join(f"# {note}\n" for note in notes))


def test_a_run_learns_and_names_what_it_was_fitted_to(trained):
    result = Run(trained).result
    assert result["test"]["accuracy"]["fused"] > 0.9
    encoders = Run(trained).about["recipe"]["encoders"]
    assert encoders["tabular"]["name"] == "mlp"
    fitted = Run(trained).read_json("preprocessing.json")
    assert fitted["target"] == "animal"
    assert fitted["modalities"]["tabular"]["state"]["fitted"]["place"] == {
        "type": "category",
        "values": ["sea", "town", "wood"],
    }


def test_predictions_are_those_of_training_to_the_last_bit_wherever_the_folder_is(
    trained, tmp_path
):
    table = tmp_path / "data" / "animals.csv"
    data = TableData(
        table,
        "animal",
        {
            **yaml.safe_load((tmp_path / "recipe.yaml").read_text())["data"]["modalities"],
            "picture": {"kind": "image", "column": "picture", "side": 16},
            "call": {"kind": "audio", "column": "call", "seconds": 0.5, "rate": 4000, "mels": 12},
        },
    )
    test = data.splits().test
    kept = np.load(trained / "predictions-test.npz")
    moved = tmp_path / "far" / "away"
    shutil.copytree(trained, moved)
    predictor = Predictor(trained)
    shutil.rmtree(trained)
    rows = [data.contents.table.row(row) for row in test.rows.tolist()]  # all rows are usable
    batch, reasons = predictor.preprocessing.batch(rows, data.contents.table.folder)
    loaded = test.__getitems__(list(range(len(rows))))
    assert not any(reasons)
    for name, inputs in loaded.inputs.items():
        assert torch.equal(batch.inputs[name], inputs)
    with torch.no_grad():
        said = predictor.model(loaded).logits
    assert np.abs(said.numpy() - kept["logits/fused"]).max() < 1e-5
    again = Predictor(moved).rows(rows, data.contents.table.folder)
    assert again == predictor.rows(rows, data.contents.table.folder)
    assert [p.answer for p in again] == [
        ["bird", "dog"][number] for number in kept["logits/fused"].argmax(axis=1)
    ]


def test_predictions_of_rows_with_holes(trained, tmp_path):
    table = tmp_path / "data" / "holes.csv"
    table.write_text(
        "picture,call,note,weight,place,extra\n"
        "0.png,0.wav,the bird sings,0.1,sea,1\n"
        ",0.wav,,0.1,,1\n"
        "nowhere.png,,a dog runs near,,,2\n"
        ",,,,,3\n"
    )
    count, about, notes = write_predictions(Predictor(trained), table, tmp_path / "out.csv")
    assert count == 3
    (lacking, none), (broken,) = about, notes
    assert (
        none
        == "not used, in 1 of 4 (25 %) rows: no modality could be used, so they have no prediction"
    )
    assert lacking.startswith("missing, in all 4 rows: seen, age (no such columns")
    assert broken == f"not used, row 3: picture: there is no file 'nowhere.png' in {table.parent}"
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["prediction"] for row in rows] == ["bird", "bird", "dog", ""]
    assert rows[1]["picture alone"] == rows[1]["note alone"] == ""
    assert rows[1]["call alone"] == "bird"
    assert float(rows[0]["p(bird)"]) + float(rows[0]["p(dog)"]) == pytest.approx(1, abs=1e-5)


def test_predict_from_the_command_line(g2d, trained, tmp_path):  # noqa: F811
    said = g2d("predict", trained, "--data", tmp_path / "data" / "animals.csv", "--out", "p.csv")
    assert (said.status, said.out) == (0, "80 rows predicted, in p.csv\n")
    other = tmp_path / "other.csv"
    other.write_text("colour,size\nred,3\n")
    said = g2d("predict", trained, "--data", other)
    assert said.status == 2
    assert "other.csv has none of the columns picture, call, note, weight" in said.err


def test_the_table_to_predict_is_not_written_over(trained, tmp_path):
    table = tmp_path / "data" / "animals.csv"
    before = table.read_bytes()
    with pytest.raises(UserError, match="is read by this command; give another file"):
        write_predictions(Predictor(trained), table, table)
    assert table.read_bytes() == before
    kept = tmp_path / "kept.csv"
    kept.write_text("of yesterday")
    with pytest.raises(UserError, match="there is no file"):
        write_predictions(Predictor(trained), tmp_path / "typo.csv", kept)
    assert kept.read_text() == "of yesterday"


def test_what_divides_the_rows_is_not_learnt_from(tmp_path):
    table = write_table(tmp_path)
    recipe, _ = inspect_table(table, "animal")
    modalities = recipe["data"]["modalities"]
    with pytest.raises(UserError, match="rows are divided by 'place', so nothing may be learnt"):
        TableData(table, "animal", modalities, split={"group": "place"})


def test_rows_that_lack_a_modality_are_no_copies_of_one_another(g2d, tmp_path):  # noqa: F811
    rng = np.random.default_rng(0)
    lines = ["a,note,y"] + [
        f"{'' if row % 5 == 0 else rng.normal()},{' '.join(rng.permutation(WORDS))},{row % 2}"
        for row in range(100)
    ]
    table = tmp_path / "gaps.csv"
    table.write_text("\n".join(lines) + "\n")
    said = g2d("data", "check", "table", "--table", table, "--target", "y")
    assert said.status == 0, said.err
    assert "tabular: label purity of equal inputs 1.0000" in said.out


def test_all_encoders_may_be_left_to_the_data():
    assert recipe_from({"data": "x.Y", "encoders": "auto"}).encoders == {}


def test_a_long_table_is_predicted_in_parts(trained, tmp_path):
    """2,100 rows: more than are held at once; every row gets the answer of its like."""
    table = tmp_path / "long.csv"
    lines = ["note,weight"] + ["a bird sings,0.1", "the dog runs,20"] * 1050
    table.write_text("\n".join(lines) + "\n")
    answers = [said.answer for _, said in Predictor(trained).table(table)]
    assert answers == ["bird", "dog"] * 1050


def test_runs_of_other_data_read_no_tables(trained):
    (trained / "preprocessing.json").unlink()
    with pytest.raises(UserError, match="was not trained on a table"):
        Predictor(trained)


def test_suggested_encoders_fill_what_is_left_open():
    spec = DatasetSpec(
        "pets", Classification(2), {"a": (4,), "b": (8,)}, "", "", encoders={"a": "mlp"}
    )
    assert complete(Recipe("d", {"b": "small_cnn"}), spec).encoders == {
        "a": "mlp",
        "b": "small_cnn",
    }
    for encoders in ({}, {"a": "mlp", "b": "auto"}, {"a": "mlp", "b": "mlp", "c": "mlp"}):
        with pytest.raises(UserError, match="encoders: given for"):
            complete(Recipe("d", encoders), spec)


def test_regression_and_several_labels(g2d, tmp_path):  # noqa: F811
    table = write_table(tmp_path / "data", rows=40)
    text = table.read_text().splitlines()
    labelled = [f"{text[0]},tags"] + [
        f"{line},{'wet|small' if i % 2 == 0 else 'wet' if i % 3 else 'dry'}"
        for i, line in enumerate(text[1:])
    ]
    table.write_text("\n".join(labelled) + "\n")
    for target, metric in (("age", "rmse"), ("tags", "accuracy")):
        recipe = tmp_path / f"{target}.yaml"
        recipe.write_text(g2d("data", "inspect", table, "--target", target).out)
        said = g2d("train", recipe, *SMALL, "--method", "joint", "--out", tmp_path / target)
        assert said.status == 0, said.err
        run = tmp_path / target / "animals-joint-seed0"
        assert metric in json.loads((run / "result.json").read_text())["test"]
        prediction = next(Predictor(run).table(table))[1]
        assert isinstance(prediction.answer, float if target == "age" else str)


def test_some_of_a_table_are_predicted_from_wherever_the_folder_is(tmp_path):
    table = write_table(tmp_path / "data")
    lines = table.read_text().splitlines()
    cells = lines[3].split(",")
    cells[0] = "nowhere.png"  # of a modality that is not chosen, and so no reason for anything
    table.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    recipe = {
        **inspect_table(table, "animal")[0],
        "method": "joint",
        "training": {"epochs": 1, "batch_size": 16, "accelerator": "cpu"},
    }
    recipe["data"]["modalities"] = ["tabular", "note"]
    run = train(recipe_from(recipe), tmp_path / "runs")
    assert run.name == "animals-note-tabular-joint-seed0"
    about = json.loads((run / "preprocessing.json").read_text())
    assert list(about["modalities"]) == ["note", "tabular"]
    assert json.loads((run / "not_used.json").read_text())["cells"] == []
    moved = tmp_path / "far" / "away"
    shutil.copytree(run, moved)
    shutil.rmtree(run)
    kept = np.load(moved / "predictions-test.npz")
    rows = TableData(table, "animal", ["note", "tabular"], split=recipe["data"]["split"])
    numbers = rows.splits().test.rows.tolist()
    said = [p for _, p in Predictor(moved).table(table)]
    classes = ["bird", "dog"]
    assert [said[n].answer for n in numbers] == [
        classes[k] for k in kept["logits/fused"].argmax(axis=1)
    ]
    assert all(set(p.unimodal) == {"note", "tabular"} and not p.reasons for p in said)
    with pytest.raises(
        UserError, match="got \\['note', 'sound'\\], expected some of picture, call"
    ):
        TableData(table, "animal", ["note", "sound"])
    with pytest.raises(UserError, match="expected some of"):
        TableData(table, "animal", [])
