"""A table of everything, whole and broken, becomes splits and a list of what was not used."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch

from g2d.data.checks import check_splits
from g2d.data.loader import make_loader
from g2d.errors import UserError
from g2d.table.dataset import TableData
from g2d.table.preprocessing import Preprocessing
from g2d.table.reading.source import read_table
from table.makers import write_clip, write_picture, write_sound

N = 60
WORDS = ["good", "bad", "fine", "awful", "nice", "poor"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with `t.csv` and all kinds of files; treat it as read-only."""
    root = tmp_path_factory.mktemp("own data")
    rng = np.random.default_rng(0)
    rows = []
    for n in range(N):
        write_picture(root / f"{n}.png", n)
        write_sound(root / f"{n}.wav", n)
        write_clip(root / f"{n}.avi", 4 + n % 3)
        np.save(root / f"{n}.npy", rng.normal(size=5))
        rows.append(
            {
                "photo": f"{n}.png",
                "back": f"{n}.png" if n % 3 else None,
                "sound": f"{n}.wav",
                "clip": f"{n}.avi",
                "embedding": f"{n}.npy",
                "review": f"a {WORDS[n % 6]} thing, number {n}",
                "steps": json.dumps(rng.normal(size=(2 + n % 3, 2)).round(3).tolist()),
                "price": f"{rng.normal():.3f}",
                "colour": ["red", "blue", "green"][n % 3],
                "who": f"speaker {n % 7}",
                "mood": ["happy", "sad"][n % 2],
            }
        )
    pandas.DataFrame(rows).to_csv(root / "t.csv", index=False)
    return root


def copy(folder, target):
    shutil.copytree(folder, target)
    return target


def data(folder, cache=None, **options):
    kinds = {
        "photo": {"kind": "image", "column": "photo", "side": 8},
        "review": {"kind": "text", "column": "review"},
    }
    options = {"modalities": kinds, **options}
    return TableData(folder / "t.csv", "mood", cache=cache or folder / "cache", **options)


def everything(split):
    return split.__getitems__(list(range(len(split))))


def same(one, other):
    for name, split in one.named().items():
        first, second = everything(split), everything(other.named()[name])
        assert list(first.inputs) == list(second.inputs)
        for modality, inputs in first.inputs.items():
            assert torch.equal(inputs, second.inputs[modality])
        assert torch.equal(first.target, second.target)
        assert first.present.keys() == second.present.keys()
        assert all(torch.equal(first.present[m], second.present[m]) for m in first.present)
    return True


def test_all_kinds_are_found_and_pass_the_checks(whole, tmp_path):
    table = TableData(whole / "t.csv", "mood", cache=tmp_path, split={"group": "who"})
    splits = table.splits()
    check_splits(splits)
    kinds = {name: kind.name for name, kind in table.contents.kinds.items()}
    assert kinds == {
        "photo": "image",
        "back": "image",
        "sound": "audio",
        "clip": "video",
        "embedding": "features",
        "review": "text",
        "steps": "sequence",
        "tabular": "tabular",
    }
    assert table.contents.kinds["tabular"].columns == ("price", "colour")  # and not who speaks
    assert splits.spec.notes == {"skipped": {}, "absent": []}
    assert splits.spec.task.describe()["classes"] == ["happy", "sad"]
    assert sum(map(len, splits.named().values())) == N
    batch = everything(splits.train)
    assert list(batch.present) == ["back"]
    there = [row % 3 != 0 for row in splits.train.rows.tolist()]
    assert batch.present["back"].tolist() == there
    assert batch.inputs["back"].flatten(1).any(dim=1).tolist() == there
    assert set(splits.spec.encoders) == set(kinds)
    json.dumps(splits.spec.preprocessing, allow_nan=False)


def test_a_second_opening_decodes_nothing_and_is_the_same(whole, tmp_path):
    first = data(whole, tmp_path).splits()
    (store,) = [p for p in (tmp_path / "tables").iterdir() if p.is_dir()]
    states = {p.name: p.stat().st_mtime_ns for p in store.iterdir()}
    second = data(whole, tmp_path).splits()
    assert {p.name: p.stat().st_mtime_ns for p in store.iterdir()} == states
    assert [p for p in (tmp_path / "tables").iterdir() if p.is_dir()] == [store]
    assert first.spec.fingerprint == second.spec.fingerprint
    assert same(first, second)
    once_more = data(whole, tmp_path)
    assert once_more.splits().spec.fingerprint == once_more.splits().spec.fingerprint


def test_the_fingerprint_is_of_what_is_in_the_data_and_not_of_where_it_lies(whole, tmp_path):
    moved = copy(whole, tmp_path / "moved")
    first, second = data(whole, tmp_path / "a").splits(), data(moved, tmp_path / "b").splits()
    assert first.spec.fingerprint == second.spec.fingerprint
    assert same(first, second)
    text = (moved / "t.csv").read_text()
    changes = {
        "names of classes": text.replace("happy", "glad"),
        "a cell": text.replace("a good thing, number 0", "a good thing, number 1"),
    }
    for what, changed in changes.items():
        (moved / "t.csv").write_text(changed)
        found = data(moved, tmp_path / "b").splits().spec.fingerprint
        assert found != first.spec.fingerprint, what
    (moved / "t.csv").write_text(text)
    write_picture(moved / "3.png", 999)
    assert data(moved, tmp_path / "b").splits().spec.fingerprint != first.spec.fingerprint


def test_other_shares_of_the_same_order_are_other_data(whole, tmp_path):
    rows = pandas.read_csv(whole / "t.csv")
    rows["day"] = pandas.date_range("2024-01-01", periods=N).astype(str)
    prints = set()
    for val, test in ((0.1, 0.3), (0.2, 0.2), (0.3, 0.1)):
        how = {"time": "day", "val": val, "test": test}
        kinds = {
            "a": {"kind": "image", "column": "photo"},
            "b": {"kind": "image", "column": "back"},
        }
        table = TableData(rows, "mood", kinds, split=how, folder=whole, cache=tmp_path)
        splits = table.splits()
        prints.add(splits.spec.fingerprint)
        assert len(splits.train) == 36  # pictures fit nothing: only the border moves
    assert len(prints) == 3


def test_fitting_sees_the_training_rows_only(whole, tmp_path):
    rows = pandas.read_csv(whole / "t.csv")
    rows["split"] = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    parts = []
    for price, review in (("0.5", "a good thing"), ("1e9", "zyx zyx zyx never before seen")):
        rows.loc[40:, "price"], rows.loc[40:, "review"] = float(price), review
        rows.loc[40:, "steps"] = f"[[{price}, {price}]]"
        rows.loc[40:, "colour"] = review
        frame = rows[["review", "steps", "price", "colour", "split", "mood"]]
        table = TableData(frame, "mood", folder=whole, cache=tmp_path)
        assert table.contents.split.column == "split"
        parts.append(table.splits())
    one, other = parts
    assert one.spec.preprocessing == other.spec.preprocessing
    first, second = everything(one.train), everything(other.train)
    assert list(first.inputs) == ["review", "steps", "tabular"]
    assert all(torch.equal(first.inputs[m], second.inputs[m]) for m in first.inputs)
    assert [len(split) for split in one.named().values()] == [40, 10, 10]
    prices = frame.price[:40].to_numpy()
    expected = (prices - prices.mean()) / prices.std()
    np.testing.assert_allclose(first.inputs["tabular"][:, 0], expected, atol=1e-5)


def test_saved_preprocessing_makes_the_same_inputs_of_the_same_rows(whole, tmp_path):
    table = TableData(whole / "t.csv", "mood", cache=tmp_path)
    splits = table.splits()
    saved = Preprocessing.from_dict(json.loads(json.dumps(splits.spec.preprocessing)))
    rows = splits.test.rows
    batch, reasons = saved.batch([table.contents.table.row(row) for row in rows.tolist()], whole)
    expected = everything(splits.test)
    for name, inputs in expected.inputs.items():
        assert torch.equal(inputs, batch.inputs[name])
        there = expected.present.get(name, torch.ones(len(rows), dtype=torch.bool))
        assert torch.equal(batch.present[name], there)
    assert not any(reasons)
    assert saved.check_columns(read_table(whole / "t.csv")) == []
    with pytest.raises(UserError, match="none of the columns"):
        saved.check_columns(read_table(pandas.DataFrame({"other": [1]})))


def test_loaders_in_processes_read_what_one_process_reads(whole, tmp_path):
    splits = TableData(whole / "t.csv", "mood", cache=tmp_path).splits()
    alone = list(make_loader(splits.train, 16, shuffle=True, workers=0))
    several = list(make_loader(splits.train, 16, shuffle=True, workers=2))
    assert len(alone) == len(several) == 3
    for one, other in zip(alone, several, strict=True):
        assert torch.equal(one.index, other.index)
        assert all(torch.equal(one.inputs[m], other.inputs[m]) for m in one.inputs)
    sent = pickle.loads(pickle.dumps(splits.val))
    assert torch.equal(everything(sent).inputs["sound"], everything(splits.val).inputs["sound"])


def test_processes_that_decode_give_the_same_store(whole, tmp_path):
    one = data(whole, tmp_path / "a").splits()
    other = data(whole, tmp_path / "b", workers=2).splits()
    assert one.spec.fingerprint == other.spec.fingerprint


def test_runs_that_want_the_same_store_at_once_wait_for_each_other(whole, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(lambda: data(whole, tmp_path).splits()) for _ in range(3)]
        prints = {job.result().spec.fingerprint for job in jobs}
    assert len(prints) == 1


def test_every_sort_of_broken_cell_is_named(whole, tmp_path):
    folder = copy(whole, tmp_path / "broken")
    rows = pandas.read_csv(folder / "t.csv").astype(object)
    (folder / "0.png").write_bytes((folder / "0.png").read_bytes()[:60])
    (folder / "1.wav").write_bytes(b"")
    (folder / "2.avi").write_bytes(b"RIFF" + bytes(50))
    np.save(folder / "3.npy", np.zeros(9))
    rows.loc[4, "photo"] = "../../elsewhere.png"
    rows.loc[5, "review"] = "na\ufffdve words here"
    rows.loc[6, "price"] = "cheap"
    rows.loc[7, "price"] = float("nan")
    rows.loc[8, "steps"] = "[[1, 2], [3]]"
    rows.loc[9, "mood"] = None
    rows.loc[10, "mood"] = "seen once"
    rows.loc[11, [name for name in rows.columns if name != "mood"]] = None
    rows.loc[12, ["photo", "sound"]] = "nowhere.xyz"
    frame = rows.drop(columns="who")
    table = TableData(frame, "mood", folder=folder, cache=tmp_path / "cache")
    splits = table.splits()
    check_splits(splits)
    skipped, absent = splits.spec.notes["skipped"], splits.spec.notes["absent"]
    assert skipped == {"10": "no target", "12": "every modality is empty"}
    assert splits.spec.task.describe()["classes"] == ["happy", "sad", "seen once"]
    said = {(row, name): why for row, name, why in absent}
    expected = {
        (1, "photo"): "0.png is broken or cut short",
        (2, "sound"): "'1.wav' is empty (0 bytes)",
        (3, "clip"): "2.avi is no video that can be decoded",
        (4, "embedding"): "got a vector of 9 numbers, expected 5 as in training",
        (5, "photo"): "'../../elsewhere.png' lies outside",
        (6, "review"): "holds bytes that are no text",
        (7, "tabular"): "price: 'cheap' is no number, taken as empty",
        (9, "steps"): "no list of lists of numbers",
        (13, "photo"): "there is no file 'nowhere.xyz'",
        (13, "sound"): "there is no file 'nowhere.xyz'",
    }
    assert set(said) == set(expected)
    for key, why in expected.items():
        assert why in said[key]
        assert "\n" not in said[key]
    assert absent == sorted(absent)
    again = TableData(frame, "mood", folder=folder, cache=tmp_path / "cache").splits()
    assert again.spec.notes == splits.spec.notes
    assert again.spec.fingerprint == splits.spec.fingerprint
    for split in splits.named().values():
        batch = everything(split)
        for name, mask in batch.present.items():
            assert (batch.inputs[name][~mask] == 0).all()
            assert batch.inputs[name].float().isfinite().all()


def test_a_class_that_train_lacks_is_left_out_with_its_rows(whole, tmp_path):
    rows = pandas.read_csv(whole / "t.csv")
    rows["split"] = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    rows.loc[[45, 55], "mood"] = "angry"
    table = TableData(rows, "mood", folder=whole, cache=tmp_path)
    splits = table.splits()
    check_splits(splits)
    why = "no training row is of class 'angry'"
    assert splits.spec.notes["skipped"] == {"46": why, "56": why}
    assert splits.spec.task.describe()["classes"] == ["happy", "sad"]
    assert [len(split) for split in splits.named().values()] == [40, 9, 9]
    expected = [["happy", "sad"].index(m) for m in rows.mood[40:50] if m != "angry"]
    assert splits.val.target.tolist() == expected
    rows.loc[40:49, "mood"] = "angry"
    with pytest.raises(UserError, match="no rows are left for val"):
        TableData(rows, "mood", folder=whole, cache=tmp_path).splits()


def test_rows_of_which_only_what_does_not_fit_is_left(tmp_path):
    rng = np.random.default_rng(0)
    vectors = [json.dumps(rng.normal(size=3).tolist()) for _ in range(40)]
    vectors[0] = "[1, 2, 3, 4]"
    frame = pandas.DataFrame(
        {"v": vectors, "t": ["some words are here"] * 40, "y": ["a", "b"] * 20}
    )
    frame.loc[0, "t"] = None
    kinds = {"v": {"kind": "features", "column": "v"}, "t": {"kind": "text", "column": "t"}}
    splits = TableData(frame, "y", kinds, folder=tmp_path, cache=tmp_path).splits()
    why = "v: got a vector of 4 numbers, expected 3 as in training"
    assert splits.spec.notes == {"skipped": {"1": why}, "absent": []}
    assert sum(map(len, splits.named().values())) == 39
    for split in splits.named().values():
        present, always = everything(split).present, torch.ones(len(split), dtype=torch.bool)
        assert (present.get("v", always) | present.get("t", always)).all()


def test_numbers_and_several_labels_as_targets(whole, tmp_path):
    rows = pandas.read_csv(whole / "t.csv").drop(columns=["steps", "clip"])
    splits = TableData(rows, "price", folder=whole, cache=tmp_path).splits()
    check_splits(splits)
    assert splits.spec.task.describe()["kind"] == "regression"
    np.testing.assert_allclose(
        splits.train.target, rows.price.to_numpy()[splits.train.rows].astype(np.float32)
    )
    rows["tags"] = [["new", "old|new", "old"][n % 3] for n in range(N)]
    splits = TableData(rows, "tags", folder=whole, cache=tmp_path).splits()
    check_splits(splits)
    assert splits.spec.task.describe() == {"kind": "multilabel", "labels": ["new", "old"]}
    assert splits.test.target.sum(dim=1).max() == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"modalities": {"a": {"kind": "image", "column": "nothing"}}}, "no column 'nothing'"),
        ({"modalities": {"a": {"kind": "text", "column": "mood"}}}, "'mood' is the target"),
        ({"modalities": {"a": {"kind": "image", "column": "review"}}}, "none of the 60 samples"),
        ({"split": {"group": "nobody"}}, "no column 'nobody'"),
        ({"split": {"column": "colour"}}, "colour, row 1: got 'red', expected train"),
        ({"split": {"time": "review"}}, "no row can be placed by review"),
        ({"task": "regression"}, "holds no number"),
    ],
)
def test_what_cannot_be_learnt_ends_in_one_line(whole, tmp_path, options, said):
    with pytest.raises(UserError, match=said) as error:
        data(whole, tmp_path, **options).splits()
    assert "\n" not in str(error.value)


def test_a_modality_that_no_row_has(whole, tmp_path):
    rows = pandas.read_csv(whole / "t.csv")
    rows["photo"] = [f"lost/{n}.png" for n in range(N)]
    kinds = {
        "photo": {"kind": "image", "column": "photo"},
        "t": {"kind": "text", "column": "review"},
    }
    with pytest.raises(
        UserError, match=r"modalities\.photo: no row has it; first: row 1: there is no"
    ):
        TableData(rows, "mood", kinds, folder=whole, cache=tmp_path).splits()


def test_a_relative_folder_is_the_same_from_wherever(whole, tmp_path, monkeypatch):
    first = data(whole, tmp_path).splits()
    monkeypatch.chdir(whole.parent)
    relative = Path(whole.name)
    second = data(relative, tmp_path).splits()
    assert first.spec.fingerprint == second.spec.fingerprint
    assert len([p for p in os.scandir(tmp_path / "tables") if p.is_dir()]) == 1


def test_the_name_can_be_a_folder(whole, tmp_path):
    assert data(whole, tmp_path).splits().spec.name == "t"
    shutil.copy(whole / "t.csv", whole / "my: own (2).csv")
    table = TableData(whole / "my: own (2).csv", "mood", cache=tmp_path)
    assert table.splits().spec.name == "my_own_2"


@pytest.mark.slow
def test_ten_thousand_rows_with_one_in_twenty_cells_broken(whole, tmp_path):
    """CSV of a spreadsheet: a byte order mark, semicolons, decimal commas."""
    rng = np.random.default_rng(1)
    folder = copy(whole, tmp_path / "many")
    (folder / "zero.wav").touch()
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:80])
    count = 10_000
    own = rng.integers(0, N, count)
    columns = {
        "photo": ([f"{n}.png" for n in own], ["cut.png", "../out.png", "none.png"]),
        "sound": ([f"{n}.wav" for n in own], ["zero.wav", "/nowhere.wav"]),
        "review": ([f"a {WORDS[n % 6]} thing; {k}" for k, n in enumerate(own)], ["M\xfcll\xff"]),
        "price": ([f"{x:.3f}".replace(".", ",") for x in rng.normal(size=count)], ["NaN", "?"]),
        "mood": ([["happy", "sad"][n % 2] for n in own], ["", "seen once"]),
    }
    broken = {}
    for name, (cells, faults) in columns.items():
        rows = np.flatnonzero(rng.random(count) < 0.05)
        if name == "mood":
            rows = rows[:2]
        for k, row in enumerate(rows.tolist()):
            cells[row] = faults[k % len(faults)]
        broken[name] = rows
    lines = [
        ";".join(f'"{cell}"' if ";" in cell else cell for cell in row)
        for row in zip(*(cells for cells, _ in columns.values()), strict=True)
    ]
    header = b"\xef\xbb\xbf" + ";".join(columns).encode()
    body = "\r\n".join(lines).encode("latin-1")
    (folder / "many.csv").write_bytes(header + b"\r\n" + body + b"\r\n")
    splits = TableData(folder / "many.csv", "mood", cache=tmp_path).splits()
    check_splits(splits)
    assert sum(map(len, splits.named().values())) == count - 1
    assert splits.spec.task.describe()["classes"] == ["happy", "sad", "seen once"]
    said = {(row - 1, name) for row, name, _ in splits.spec.notes["absent"]}
    lost = {row for row in broken["mood"].tolist() if columns["mood"][0][row] == ""}
    for name in ("photo", "sound", "review"):
        assert {row for row, where in said if where == name} == set(broken[name].tolist()) - lost
    wrong = {row for row in broken["price"].tolist() if columns["price"][0][row] == "?"} - lost
    assert {row for row, where in said if where == "tabular"} == wrong
