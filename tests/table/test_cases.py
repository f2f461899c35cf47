"""Tables as people write them: each ends as its owner means it, or is named in one line."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas
import pytest
import soundfile
import torch
from PIL import Image
from scipy.special import softmax

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.benchmark.report.predictions import drawn_predictions
from g2d.data.audio import read_wav
from g2d.data.pictures import read_picture
from g2d.errors import UserError
from g2d.models.fusion import LateFusion
from g2d.recipes.plain_yaml import read_yaml
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.table.columns.asked import Asked
from g2d.table.columns.schema import infer
from g2d.table.dataset import TableData
from g2d.table.inspection.inspect import inspect_table
from g2d.table.predict import Predictor
from g2d.table.predictions_file import write_predictions
from g2d.table.reading.labels import separator_of
from g2d.table.reading.source import Table, read_table
from g2d.table.rows.selecting import choose_on_train
from table.makers import write_picture, write_sound

WORDS = np.array(["the", "of", "near", "house", "tree", "walk", "day", "long", "time", "river"])


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))


def sentences(rng, rows):
    return [" ".join(rng.choice(WORDS, 7)) for _ in range(rows)]


def frame(rows=80, seed=0, **columns):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    made = {"a": (y + rng.normal(0, 0.5, rows)).round(3), "note": sentences(rng, rows)}
    return pandas.DataFrame({**made, **columns, "y": np.array(["cat", "dog"])[y]})


def answers(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def notes_of(path, target="y"):
    return "\n".join(inspect_table(path, target)[1])


def quickly(path, target, folder, **data):
    """A run of one epoch."""
    recipe, _ = inspect_table(path, target)
    recipe |= {"method": "joint", "training": {**recipe["training"], "epochs": 1}}
    recipe["data"] |= data
    return train(recipe_from(recipe), folder)


def test_flags_are_alike_in_every_format(tmp_path):
    table = frame(60)
    table["tame"] = table["y"] == "dog"
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "t.parquet")
    predictor = Predictor(quickly(tmp_path / "t.csv", "y", tmp_path / "runs"))
    said = [list(predictor.table(tmp_path / f"t.{end}")) for end in ("csv", "jsonl", "parquet")]
    assert said[0] == said[1] == said[2]
    assert not any(row.unseen for _, row in said[0])


def test_what_new_rows_lack_and_what_they_bring_is_said_with_its_share(g2d, tmp_path):  # noqa: F811
    table = frame(60, colour=["red", "blue"] * 30)
    table.to_csv(tmp_path / "t.csv", index=False)
    run = quickly(tmp_path / "t.csv", "y", tmp_path / "runs")
    new = table.drop(columns="y")
    new["id"] = range(60)
    new.loc[:14, "colour"] = "violet"
    new.to_csv(tmp_path / "new.csv", index=False)
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    assert (
        "not used, in 15 of 60 (25 %) rows: colour (not known from training: 'violet')" in said.out
    )
    rows = answers(tmp_path / "p.csv")
    assert rows[0]["not used"] == "colour: 'violet' is not known from training"
    assert rows[20]["not used"] == ""
    assert [row["id"] for row in rows] == [str(number) for number in range(60)]
    assert rows[3]["note"] == new["note"][3]
    new.rename(columns={"colour": "Colour", "a": "A"}).to_csv(tmp_path / "renamed.csv", index=False)
    _, about, _ = write_predictions(
        Predictor(run), tmp_path / "renamed.csv", tmp_path / "p.csv", ["id"]
    )
    assert about == [
        "missing, in all 60 rows: a, colour (no such columns; beside those it reads, the table "
        "has A, Colour, id)"
    ]
    rows = answers(tmp_path / "p.csv")
    assert rows[0]["not used"] == "a: no such column; colour: no such column"
    assert list(rows[0])[-2:] == ["not used", "id"]
    with pytest.raises(UserError, match="--keep: the table has no column 'b'"):
        write_predictions(Predictor(run), tmp_path / "new.csv", tmp_path / "p.csv", ["b"])


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["red, wet", "red", "wet, cold"] * 9, ","),
        (["red;wet", "red", "wet;cold"] * 9, ";"),
        (["red|wet", "red", "dry"] * 9, "|"),
        (['["red", "wet"]', "[]", '["wet"]'] * 9, "["),
        (["Lyon, France", "Paris, France", "Rome, Italy"] * 9, ""),
        (["Smith, Ann", "Miller, Ann", "Smith, Bob"] * 9, ""),
        (["a", "b", "c"] * 30 + ["a|b"], ""),
        (["a", "b", "c"] * 30 + ["a, b", "b, c"], ""),
        (["yes", "no"] * 9, ""),
    ],
)
def test_several_labels_are_told_by_the_column(cells, sign):
    assert separator_of(cells) == sign


def test_one_odd_cell_is_named_and_is_a_class(tmp_path):
    table = frame(90)
    table["y"] = ["abc"[row % 3] for row in range(90)]
    table.loc[5, "y"] = "a|b"
    table.to_csv(tmp_path / "t.csv", index=False)
    recipe, notes = inspect_table(tmp_path / "t.csv", "y")
    assert recipe["data"]["task"] == "classification"
    assert any("y, row 6: 'a|b' looks like several labels" in note for note in notes)


def test_the_label_under_another_name_groups_and_copies_are_named(tmp_path):
    table = frame(120)
    table["verdict"] = table["y"].map({"cat": "no", "dog": "yes"})
    table["patient"] = [f"p{row // 6:03d}" for row in range(120)]
    table.to_csv(tmp_path / "t.csv", index=False)
    said = notes_of(tmp_path / "t.csv")
    assert "verdict is y under another name" in said
    assert "rows of one patient (20 in 120 rows) lie on both sides of a random split" in said
    assert "write split: {group: patient}" in said
    assert "copies" not in said
    copied = pandas.concat([frame(100), frame(100)[:20]])
    copied.to_csv(tmp_path / "c.csv", index=False)
    assert "20 of 120 (17 %) rows are copies" in notes_of(tmp_path / "c.csv")
    data = TableData(tmp_path / "c.csv", "y", duplicates="drop")
    splits = data.splits()
    assert sum(map(len, splits.named().values())) == 100
    assert data.skipped[101] == "a copy of row 1"


def test_a_regression_target_under_another_name_is_named(tmp_path):
    table = frame(60)
    table["fahrenheit"] = 1.8 * table["a"] + 32
    table.to_csv(tmp_path / "t.csv", index=False)
    assert "fahrenheit is a under another name" in notes_of(tmp_path / "t.csv", "a")


def uneven(path, rows=400):
    rng = np.random.default_rng(0)
    ill = rng.random(rows) < 0.1
    pandas.DataFrame(
        {
            "a": (1.5 * ill + rng.normal(0, 1, rows)).round(3),
            "note": sentences(rng, rows),
            "times": np.where(ill, 3, 1),
            "ill": np.where(ill, "yes", "no"),
        }
    ).to_csv(path, index=False)


def test_a_rare_class_is_weighed_selected_by_and_thresholded(tmp_path):
    uneven(tmp_path / "t.csv")
    said = notes_of(tmp_path / "t.csv", "ill")
    offered = "{name: classification, class_weight: balanced, selects: uar, threshold: validation}"
    assert offered in said
    task = {"name": "classification", "selects": "uar", "threshold": "validation"}
    run = quickly(tmp_path / "t.csv", "ill", tmp_path / "runs", task=task, weight="times")
    kept = json.loads((run / "model.json").read_text())["task"]
    assert kept["selects"] == "uar"
    found = Run(run).predictions("val")
    shares = torch.from_numpy(found["logits/fused"]).softmax(1)[:, 1].numpy()
    target = found["target"]

    def balanced(least):
        answered = shares >= least
        return (answered[target == 1].mean() + (~answered[target == 0]).mean()) / 2

    best = max(balanced(least) for least in [0.5, *np.unique(shares)])
    assert balanced(kept["threshold"]) == pytest.approx(best)
    assert Run(run).read_json("result.json")["val"]["uar"]["fused"] == pytest.approx(best)
    answers = [row.answer for _, row in Predictor(run).table(tmp_path / "t.csv")]
    shares = [row.probabilities["yes"] for _, row in Predictor(run).table(tmp_path / "t.csv")]
    assert answers == ["yes" if share >= kept["threshold"] else "no" for share in shares]
    assert Run(run).splits.spec.task.threshold == kept["threshold"]


def test_weights_of_classes_and_rows_are_those_of_the_table(tmp_path):
    uneven(tmp_path / "t.csv")
    balanced = {"name": "classification", "class_weight": "balanced"}
    splits = TableData(tmp_path / "t.csv", "ill", task=balanced, weight="times").splits()
    train = splits.train
    weights, count = splits.spec.task.weights, train.target.bincount().float()
    assert torch.allclose(weights * count, torch.full((2,), len(train) / 2))
    assert torch.equal(train.weights, 1.0 + 2 * train.target)
    assert all(
        column != "times"
        for kind in ("tabular",)
        for column in splits.spec.preprocessing["modalities"][kind]["columns"]
    )
    with pytest.raises(UserError, match="weight: 'note' holds no number above 0"):
        TableData(tmp_path / "t.csv", "ill", weight="note")
    with pytest.raises(UserError, match=r"task\.scale: the target is one of classification"):
        TableData(tmp_path / "t.csv", "ill", task={"name": "auto", "scale": "log"}).splits()


def test_steps_of_a_scale_are_noticed_and_predicted_with_few_steps_off(tmp_path):
    rng = np.random.default_rng(1)
    steps = ["poor", "fair", "good", "excellent"]
    table = frame(240)
    grade = rng.integers(0, 4, 240)
    table["b"] = (grade + rng.normal(0, 0.7, 240)).round(3)
    table["grade"] = [steps[number] for number in grade]
    table.to_csv(tmp_path / "t.csv", index=False)
    said = notes_of(tmp_path / "t.csv", "grade")
    offered = "{name: classification, selects: mae, order: [poor, fair, good, excellent]}"
    assert f"task: {offered}" in said
    run = quickly(tmp_path / "t.csv", "grade", tmp_path / "runs", task=read_yaml(offered))
    kept = json.loads((run / "model.json").read_text())["task"]
    assert (kept["classes"], kept["selects"]) == (steps, "mae")
    said = Run(run).predictions("test")
    shares = softmax(said["logits/fused"].astype(float), axis=1)
    median = (shares.cumsum(axis=1) < 0.5).sum(axis=1)
    found = Run(run).result["test"]["mae"]["fused"]
    assert found == pytest.approx(np.abs(median - said["target"]).mean())
    assert Run(run).result["floors"]["metric"] == "mae"
    right = int((median == said["target"]).sum())
    assert drawn_predictions(Run(run)).caption.startswith(f"{right} of {len(median)} ")
    write_predictions(Predictor(run), tmp_path / "t.csv", tmp_path / "said.csv")
    for row in answers(tmp_path / "said.csv"):
        up_to = np.cumsum([float(row[f"p({name})"]) for name in steps])
        assert row["prediction"] == steps[int((up_to < 0.5).sum())]


@pytest.mark.parametrize("mark", ["NA", "?", "-", "None"])
def test_a_mark_where_a_number_is_missing_is_no_category(mark, tmp_path):
    rng = np.random.default_rng(2)
    table = frame(200)
    age, gone = rng.integers(1, 95, 200), rng.random(200) < 0.3
    table["age"] = np.where(gone, mark, age.astype(str))
    table.to_csv(tmp_path / "t.csv", index=False)
    recipe, notes = inspect_table(tmp_path / "t.csv", "y")
    assert f"age: numbers; {mark!r} ({gone.sum()} rows) is taken as empty" in notes
    table["age"] = np.where(gone, "", age.astype(str))
    table.to_csv(tmp_path / "empty.csv", index=False)
    marked, empty = (
        TableData(tmp_path / name, "y", modalities=recipe["data"]["modalities"]).splits()
        for name in ("t.csv", "empty.csv")
    )
    rows = list(range(len(empty.train)))
    one, other = (splits.train.__getitems__(rows) for splits in (marked, empty))
    assert torch.equal(one.inputs["tabular"], other.inputs["tabular"])


def test_a_mark_is_an_answer_among_names_and_nothing_in_a_target_of_numbers(tmp_path):
    table = frame(200, country=["DE", "NA", "FR", "US"] * 50)
    table["price"] = [str(n / 7) if n % 4 else "NA" for n in range(200)]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert "country" not in notes_of(tmp_path / "t.csv").replace("country, price", "")
    notes = notes_of(tmp_path / "t.csv", "price")
    assert "200 rows; regression of 'price'" in notes
    assert "left out: 50 of 200 (25 %) rows without a usable target" in notes


def test_points_that_may_part_thousands_are_said_to_be_a_guess(tmp_path):
    rng = np.random.default_rng(3)
    table = frame(80)
    table["people"] = [f"{n // 1000}.{n % 1000:03}" for n in rng.integers(10_000, 90_000, 80)]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert "which is a guess" in notes_of(tmp_path / "t.csv")
    table["people"] = [f"{n / 1000:.3f}" for n in rng.integers(100, 90_000, 80)]
    table.to_csv(tmp_path / "t.csv", index=False)  # below 1 as well: these are decimals
    assert "guess" not in notes_of(tmp_path / "t.csv")


def test_new_numbers_with_another_decimal_mark_are_not_read_a_thousand_times_larger(tmp_path):
    rng = np.random.default_rng(4)
    table, values = frame(120), rng.lognormal(5, 2, 120).round(3)
    german = [f"{v:,.3f}".translate(str.maketrans(",.", ".,")) for v in values]
    table["balance"] = german
    table.to_csv(tmp_path / "t.csv", index=False)
    predictor = Predictor(quickly(tmp_path / "t.csv", "y", tmp_path / "runs"))
    said = [one.answer for _, one in predictor.table(tmp_path / "t.csv")]
    table["balance"] = values  # as Python writes them
    table.to_csv(tmp_path / "plain.csv", index=False)
    assert any(len(str(v).partition(".")[2]) == 3 and v > 1 for v in values)
    with pytest.raises(UserError, match=r"decimal point, and .* may have one too; .*decimal comma"):
        list(predictor.table(tmp_path / "plain.csv"))
    table["balance"] = [text.replace(".", "") for text in german]
    table.to_csv(tmp_path / "bare.csv", index=False)
    assert [one.answer for _, one in predictor.table(tmp_path / "bare.csv")] == said


def test_a_column_called_fused_does_not_stand_for_the_model(tmp_path):
    table = frame(120, fused=sentences(np.random.default_rng(5), 120))
    table.to_csv(tmp_path / "t.csv", index=False)
    run = quickly(tmp_path / "t.csv", "y", tmp_path / "runs")
    assert set(Run(run).result["test"]["accuracy"]) == {"fused", "fused_", "note", "tabular"}
    with pytest.raises(UserError, match="no modality can be called 'fused'"):
        LateFusion({"fused": 2, "note": 2}, outputs=2)


def test_an_odd_word_in_a_column_of_splits_is_named(tmp_path):
    table = frame(80)
    table["split"] = ["train"] * 50 + ["val"] * 14 + ["test"] * 15 + ["holdout"]
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match="split, row 80: got 'holdout', expected train"):
        quickly(tmp_path / "t.csv", "y", tmp_path / "runs")


def test_ordered_and_skewed_targets_are_noticed(tmp_path):
    rng = np.random.default_rng(0)
    table = frame(200)
    table["stars"] = rng.integers(1, 6, 200)
    table["price"] = np.exp(rng.normal(1, 1.2, 200)).round(2)
    table.to_csv(tmp_path / "t.csv", index=False)
    assert "selects: mae}, or task: regression" in notes_of(tmp_path / "t.csv", "stars")
    assert "task: {name: regression, scale: log}" in notes_of(tmp_path / "t.csv", "price")
    assert "skewed" not in notes_of(tmp_path / "t.csv", "a")
    asked = {"name": "regression", "scale": "log", "loss": "absolute"}
    run = quickly(tmp_path / "t.csv", "price", tmp_path / "runs", task=asked)
    kept = json.loads((run / "model.json").read_text())["task"]
    assert (kept["scale"], kept["loss"]) == ("log", "absolute")
    assert next(Predictor(run).table(tmp_path / "t.csv"))[1].answer > 0


def test_labels_in_other_capitals_are_named_and_can_be_one(tmp_path):
    table = frame(60)
    table.loc[:2, "y"] = "Cat"
    table.loc[3:5, "y"] = "cat "
    table.to_csv(tmp_path / "t.csv", index=False)
    assert "classes that differ in capitals only" in notes_of(tmp_path / "t.csv")
    one = {"name": "classification", "ignore_case": True}
    assert TableData(tmp_path / "t.csv", "y", task=one).contents.target.names == ("cat", "dog")


def test_a_class_of_test_alone_is_said(tmp_path, caplog):
    table = frame(60)
    table["split"] = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    table.loc[50:53, "y"] = "emu"
    table.to_csv(tmp_path / "t.csv", index=False)
    TableData(tmp_path / "t.csv", "y").splits()
    assert (
        "4 of 10 rows to measure on (40 %) are of a class that no training row has" in caplog.text
    )


def test_the_share_of_long_texts_and_recordings_is_said(tmp_path, caplog):
    table = frame(40)
    rng = np.random.default_rng(0)
    table["note"] = [" ".join(rng.choice(WORDS, 400)) for _ in range(40)]
    table["call"] = [f"{row}.wav" for row in range(40)]
    for row in range(40):
        write_sound(tmp_path / f"{row}.wav", row, seconds=4.5 if row % 4 == 0 else 0.3)
    (tmp_path / "5.wav").write_bytes(b"junk")
    table.to_csv(tmp_path / "t.csv", index=False)
    texts = "note: 40 of 40 (100 %) texts looked at are longer than the 256 words that are read"
    heard = "recordings looked at are longer than the 3 s that are read; seconds: 5 reads them"
    said = notes_of(tmp_path / "t.csv")
    assert f"{texts}; length: 400 reads them whole" in said
    assert f"call: 10 of 39 (26 %) {heard}" in said
    TableData(tmp_path / "t.csv", "y").splits()
    assert texts in caplog.text
    assert heard in caplog.text


def test_files_that_do_not_open_are_named_by_inspect(tmp_path):
    table = frame(30, photo=[f"{row}.png" for row in range(30)])
    for row in range(15):
        write_picture(tmp_path / f"{row}.png", row)
    table.to_csv(tmp_path / "t.csv", index=False)
    said = notes_of(tmp_path / "t.csv")
    assert "photo: of 20 files opened, 10 cannot be used (first: row " in said


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(tmp_path, mode):
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:6, 2:6] = 255
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 3] = alpha
    picture = Image.fromarray(pixels, "RGBA")
    if mode == "P":
        picture = picture.quantize(4)
    picture.convert(mode).save(tmp_path / "a.png")
    seen = read_picture(tmp_path / "a.png")
    assert np.array_equal(seen, np.repeat(255 - alpha[..., None], 3, axis=2))


def test_channels_that_cancel_are_heard_and_others_averaged(tmp_path):
    rng = np.random.default_rng(0)
    wave = (0.3 * rng.standard_normal((2, 4000))).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", np.stack([wave[0], -wave[0]], 1), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", wave.T, 8000, subtype="FLOAT")
    assert np.array_equal(read_wav(tmp_path / "a.wav", 8000), wave[0])
    assert np.allclose(read_wav(tmp_path / "b.wav", 8000), wave.mean(axis=0), atol=1e-7)


def test_absurd_recordings_are_named_and_missing(tmp_path):
    table = frame(30, call=[f"{row}.wav" for row in range(30)])
    for row in range(30):
        write_sound(tmp_path / f"{row}.wav", row)
    soundfile.write(tmp_path / "8.wav", np.full(4000, 1e30, np.float32), 8000, subtype="FLOAT")
    table.to_csv(tmp_path / "t.csv", index=False)
    data = TableData(tmp_path / "t.csv", "y")
    data.splits()
    assert data.absent == [(9, "call", "'8.wav' holds samples of 1e+30, full scale being 1")]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ("{0}.png;{1}.png", "up to 2 files in a cell; make a column of each"),
        ('["{0}.png", "{1}.png"]', "up to 2 files in a cell; make a column of each"),
        ("scans/{0}.dcm", "DICOM pictures; save them as PNG, one a picture"),
        ("IMG_{0}.HEIC", "HEIC pictures; save them as JPEG or PNG"),
        ("{0}.qqq", ".qqq files, which g2d does not read"),
    ],
)
def test_files_that_are_not_read_are_called_what_they_are(tmp_path, cells, why):
    column = [cells.replace("{0}", str(n)).replace("{1}", f"b{n}") for n in range(30)]
    table = Table({"x": column, "y": ["a", "b"] * 15}, tmp_path, "t")
    assert infer(table, "y").unused == {"x": why}


def test_a_csv_file_of_each_row_is_a_sequence(tmp_path):
    table = frame(30, walk=[f"{row}.csv" for row in range(30)])
    steps = np.random.default_rng(0).normal(size=(30, 12, 3)).round(4)
    for row, walk in enumerate(steps):
        np.savetxt(tmp_path / f"{row}.csv", walk, "%.4f", ",", header="x,y,z", comments="")
    table.to_csv(tmp_path / "t.csv", index=False)
    assert inspect_table(tmp_path / "t.csv", "y")[0]["data"]["modalities"]["walk"] == {
        "kind": "sequence",
        "column": "walk",
    }
    kind = TableData(tmp_path / "t.csv", "y").contents.kinds["walk"]
    assert np.allclose(kind.decode({"walk": "3.csv"}, tmp_path), steps[3])


def test_codes_of_digits_are_names(tmp_path):
    rng = np.random.default_rng(0)
    table = frame(60)
    table["plz"] = rng.integers(10000, 10009, 60)
    table["shelf"] = [f"{n:04}" for n in rng.integers(0, 30, 60)]
    table["age"] = rng.integers(10, 99, 60)
    table.to_csv(tmp_path / "t.csv", index=False)
    spec = infer(read_table(tmp_path / "t.csv"), "y").modalities["tabular"]
    assert spec["types"] == {"plz": "category", "shelf": "category"}


def test_recordings_in_m4a_are_heard(tmp_path):
    av = pytest.importorskip("av")
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        track = container.add_stream("aac", rate=16000, layout="mono")
        heard = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
        heard.sample_rate, heard.pts = 16000, 0
        container.mux(track.encode(heard))
        container.mux(track.encode())
    soundfile.write(tmp_path / "a.wav", wave, 16000)
    table = Table({"s": ["a.m4a"] * 4, "y": ["a", "b"] * 2}, tmp_path, "t")
    assert infer(table, "y").modalities["s"]["kind"] == "audio"
    kind = TableData(
        pandas.DataFrame({"s": ["a.m4a", "a.wav"] * 5, "b": range(10), "y": ["a", "b"] * 5}),
        *("y", {"s": {"kind": "audio", "column": "s", "seconds": 0.9}}),
        folder=tmp_path,
    ).contents.kinds["s"]
    one, other = (kind.decode({"s": f"a.{end}"}, tmp_path) for end in ("m4a", "wav"))
    loud = other > -30  # the tone; AAC is another noise below it
    assert np.abs(one[loud] - other[loud]).mean() < 3


def test_a_copy_of_a_row_that_cannot_be_used_stays(tmp_path):
    """And rows are copies where they agree in what is read, whatever else the table has."""
    table = pandas.concat([frame(60)] * 2, ignore_index=True)
    table["number"] = range(120)
    table.loc[0, "y"] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    kinds = {"rest": {"kind": "features", "columns": ["a"]}}
    data = TableData(tmp_path / "t.csv", "y", modalities=kinds, duplicates="drop")
    data.splits()
    assert 61 not in data.skipped
    assert data.skipped[62] == "a copy of row 2"


def test_whole_groups_choose(tmp_path):
    table = frame(120)
    table["patient"] = [f"p{row // 6:03d}" for row in range(120)]
    table.to_csv(tmp_path / "t.csv", index=False)
    whole = TableData(tmp_path / "t.csv", "y", split={"group": "patient"}).splits()
    assert len(whole.train.groups.unique()) > 5
    for seed in range(3):
        own = choose_on_train(whole, seed)
        train, val = (set(part.groups.tolist()) for part in (own.train, own.val))
        assert not train & val
        assert len(own.train) + len(own.val) == len(whole.train)
        assert 1 / 7 <= len(own.val) / len(whole.train) < 1 / 7 + 0.1


@pytest.mark.parametrize("task", [None, 3])
def test_a_task_that_is_no_word_is_refused_in_a_line(task):
    with pytest.raises(UserError, match=f"task: got {task}, expected .*regression"):
        Asked.of(task)
