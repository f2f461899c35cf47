"""What little tables of real life are taken for, and what must not be taken for anything."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import nn

from g2d.errors import UserError
from g2d.table.columns.schema import infer, make_kinds
from g2d.table.inspection.inspect import inspect_table
from g2d.table.reading.numbers import with_plain_numbers
from g2d.table.reading.source import Table, read_table

RNG = np.random.default_rng(0)
N = 60
TEXTS = [f"number {n} was not what we had hoped for" for n in range(N)]
NUMBERS = [f"{x:.3f}" for x in RNG.normal(size=N)]


def found(ignore=(), folder=Path(), **columns):
    columns.setdefault("y", ["0", "1"] * (N // 2))
    guess = infer(Table(columns, folder, "t.csv"), "y", ignore)
    make_kinds(guess.modalities)  # every guess can be used
    return guess


def kind_of(cells, name="thing", **more):
    guess = found(**{name: cells}, **more)
    assert not guess.unused or list(guess.unused) == [name]
    return next((spec["kind"] for spec in guess.modalities.values()), None)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"{n}.JPG" for n in range(N)], "image"),
        ([f"clips/{n}.wav" if n % 7 else None for n in range(N)], "audio"),
        ([f"{n}.mp4" if n % 7 else "missing" for n in range(N)], "video"),
        ([f"{n}.npy" for n in range(N)], "features"),
        (TEXTS, "text"),
        (["我不喜欢这个" + "很" * (n % 40) for n in range(N)], "text"),
        (NUMBERS, "tabular"),
        ([f"{n % 7}" if n % 8 else "unknown" for n in range(N)], "tabular"),
        ([f"2024-01-{1 + n % 28:02}" for n in range(N)], "tabular"),
        ([f"2024-01-01T{n % 24:02}:00Z" for n in range(N)], "tabular"),
        (["red", "green", "blue"] * 20, "tabular"),
        (["New York", "Los Angeles, CA", "Rio"] * 20, "tabular"),
        (["I strongly agree with it", "I do not agree"] * 30, "tabular"),
        (["true", "false"] * 30, "tabular"),
        ([f"[[{n}, 1], [2, 3]]" for n in range(N)], "sequence"),
        ([f"[ [{n}, 1] ]" for n in range(N)], "sequence"),
        ([f"[{n}, 1.5, -2]" for n in range(N)], "features"),
        (["[1] see below for more " + str(n) for n in range(N)], "text"),
        # as pandas writes a column of NumPy arrays, and as tables hold the pixels of a picture
        ([f"[ 0.{n + 10}  -1.5\n  2.]" for n in range(N)], "features"),
        ([f"[[{n}. 1.]\n [2.  3.]]" for n in range(N)], "sequence"),
        ([f"array([{n}., 1.5, -2.], dtype=float32)" for n in range(N)], "features"),
        ([f"tensor([{n}.0000, 1.5000])" for n in range(N)], "features"),
        ([f"{n} 80 82 72 58 58 60 63 54" for n in range(N)], "features"),
        ([f"0.{n + 10};0.5;1;0;2;3;4;-5e-3" for n in range(N)], "features"),
        (["1 2", "3 4", "5 6"] * 20, "tabular"),
        # nothing can be learnt from these
        ([None] * N, None),
        (["same"] * N, None),
        ([str(n + 1) for n in range(N)], None),
        ([str(n) for n in RNG.permutation(N)], None),
        ([f"Surname{n}, Name" for n in range(N)], None),
        ([f"{n}.137, 11.{n + 10}" for n in range(N)], None),
    ],
)
def test_kinds(cells, kind):
    assert kind_of(cells) == kind


@pytest.mark.parametrize("name", ["id", "user_id", "UserId", "Patient ID", "Unnamed: 0", "index"])
def test_what_tells_rows_apart_is_left_out(name):
    cells = [str(n) for n in RNG.integers(10**6, 10**7, N)]
    assert list(found(**{name: cells, "x": NUMBERS}).unused) == [name]


@pytest.mark.parametrize("name", ["paid", "humid", "uv_index", "valid", "Madrid"])
def test_names_that_only_end_alike_are_used(name):
    assert found(**{name: NUMBERS}).modalities


def test_the_number_of_a_shop_is_a_name():
    spec = found(store_id=[str(n % 4) for n in range(N)], size=NUMBERS).modalities
    assert spec["tabular"]["types"] == {"store_id": "category"}


def test_a_column_whose_cells_begin_late():
    late = [None] * 6000 + TEXTS
    guess = infer(Table({"y": ["0", "1"] * 3030, "late": late}, Path(), "t"), "y")
    assert guess.modalities == {"late": {"kind": "text", "column": "late"}}


def test_rare_cities_are_a_category_and_no_name():
    cities = [f"city{n}" for n in range(300)] * 10
    guess = infer(Table({"y": ["0", "1"] * 1500, "city": cities}, Path(), "t"), "y")
    assert guess.modalities["tabular"]["columns"] == ["city"]


def test_numbered_columns_are_a_vector_without_those_that_are_none():
    columns = {f"f{n}": NUMBERS for n in range(9)} | {"f9": ["red", "blue"] * 30, "age": NUMBERS}
    guess = found(**columns)
    assert guess.modalities == {
        "f": {"kind": "features", "columns": [f"f{n}" for n in range(9)]},
        "tabular": {"kind": "tabular", "columns": ["f9", "age"]},
    }
    few = found(**{f"q{n}": NUMBERS for n in range(7)})
    assert list(few.modalities) == ["tabular"]


def test_several_of_one_kind_and_names_that_collide():
    pictures = [f"{n}.png" for n in range(N)]
    columns = {"front view": pictures, "front-view": pictures, "type": pictures, "a/b": pictures}
    columns |= {"tabular": TEXTS, "x.y": TEXTS, "size": NUMBERS}
    columns |= {f"pixel{n}": NUMBERS for n in range(8)} | {"Pixel": TEXTS}
    guess = found(**columns)
    assert len({name.lower() for name in guess.modalities}) == 9
    nn.ModuleDict({name: nn.Identity() for name in guess.modalities})
    used = [c for s in guess.modalities.values() for c in s.get("columns", [s.get("column")])]
    assert sorted(used) == sorted(columns)
    assert not guess.unused


def test_the_split_is_found_by_name_and_words():
    words = ["train", "Val", "test"] * 20
    assert found(Split=words, x=NUMBERS).split == "Split"
    assert found(fold=[str(n % 5) for n in range(N)], x=NUMBERS).split is None
    assert found(split=["test", "val"] * 30, x=NUMBERS).split is None
    assert found(ignore=["split"], split=words, x=NUMBERS).split is None
    assert found(dataset=["TRAIN", "Testing"] * 30, x=NUMBERS).split == "dataset"
    assert found(phase=words, split=words, x=NUMBERS).split == "split"


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("part", ["train", "holdout", "train"], "has 'holdout' beside train"),
        ("split", ["train", "eval", "eval"], "looks like a split, but has 'eval' beside train"),
        ("subset", ["train", "a", "b"], "looks like a split, but has 'a' and 'b' beside"),
        ("fold", ["0", "1", "2"], "numbers of parts or folds"),
        ("cv_fold", ["1", "2", "3"], "split: {group: cv_fold}"),
        ("split", ["1", "2", "3"], "numbers of parts or folds"),
        ("is_test", ["0", "1", "0"], "has the name of a split"),
        ("in_train_set", ["true", "false", "true"], "has the name of a split"),
    ],
)
def test_what_looks_like_a_split_is_no_input(name, cells, said):
    guess = found(**{name: cells * 20}, x=NUMBERS)
    assert guess.split is None
    assert said in guess.unused[name]
    assert guess.modalities["tabular"]["columns"] == ["x"]


def test_of_two_splits_one_is_followed():
    words = ["train", "val", "test"] * 20
    guess = found(phase=words, split=words, x=NUMBERS)
    assert guess.split == "split"
    assert "divided by 'split'" in guess.unused["phase"]


def test_words_that_are_no_split_are_an_input():
    for name, cells in (
        ("set", ["red", "blue", "red"]),
        ("vehicle", ["train", "bus", "car"]),
        ("test", ["0", "1", "0"]),
        ("training", ["yes", "no", "no"]),
        ("issue", ["0", "1", "0"]),
    ):
        assert found(**{name: cells * 20}).modalities["tabular"]["columns"] == [name]


def test_what_is_ignored_or_no_column():
    guess = found(ignore=["who"], who=["a", "b", "c"] * 20, x=NUMBERS)
    assert guess.unused == {"who": "ignored"}
    with pytest.raises(UserError, match="has no column 'label'; it has 'y'"):
        infer(Table({"y": ["1"]}, Path(), "t"), "label")


def test_arrays_are_told_apart_by_their_dimensions(tmp_path):
    np.save(tmp_path / "1.npy", np.zeros((4, 3)))
    (tmp_path / "0.npy").write_bytes(b"broken")
    cells = [f"{n}.npy" for n in range(N)]
    guess = found(folder=tmp_path, arrays=cells)
    assert guess.modalities["arrays"]["kind"] == "sequence"


def test_tables_of_two_rows():
    guess = found(y=["0", "1"], file=["a.wav", "b.wav"], age=["3", "4"], say=["a b c d", "e f g h"])
    assert [spec["kind"] for spec in guess.modalities.values()] == ["audio", "text", "tabular"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"a": "photo"}, "expected a kind and its columns"),
        (
            {"a": {"kind": "smell", "column": "x"}},
            "modalities.a.kind: got 'smell', expected one of",
        ),
        ({"a": {"kind": ["image"], "column": "x"}}, "modalities.a.kind"),
        ({"a": {"kind": "image"}}, "give a column"),
        ({"a": {"kind": "image", "column": None}}, "give a column"),
        ({"a": {"kind": "image", "columns": ["x", "y"]}}, "got 2 columns, expected 1"),
        ({"a": {"kind": "image", "column": "x", "size": 3}}, "modalities.a.size: no such option"),
        ({"a": {"kind": "image", "column": "x", "side": 4}}, "side=4, expected .* from 8"),
        ({"a": {"kind": "image", "column": "x", "side": "64"}}, "side='64'"),
        ({"a": {"kind": "image", "column": "x", "grey": "no"}}, "grey='no'"),
        ({"a": {"kind": "audio", "column": "x", "seconds": "3"}}, "seconds='3'"),
        ({"a": {"kind": "audio", "column": "x", "mels": 400}}, "lower n_mels"),
        ({"a": {"kind": "text", "column": "x", "length": 0}}, "length=0"),
        ({"a": {"kind": "video", "column": "x", "frames": True}}, "frames=True"),
        ({"a": {"kind": "tabular", "column": "x", "types": {"x": "colour"}}}, "'colour' for 'x'"),
        ({"a": {"kind": "tabular", "column": "x", "types": "date"}}, "modalities.a"),
        ({"a/b": {"kind": "image", "column": "x"}}, "rename it"),
        ({"sample-id": {"kind": "image", "column": "x"}}, "rename it"),
    ],
)
def test_recipes_that_are_refused(spec, said):
    with pytest.raises(UserError, match=said) as error:
        make_kinds(spec)
    assert "\n" not in str(error.value)


def test_objects_are_called_so_and_are_no_text():
    cells = [
        json.dumps({"breed": f"dog number {n}", "legs": n % 5, "said": "woof"}) for n in range(150)
    ]
    columns = {"about": cells, "y": ["yn"[n % 2] for n in range(150)]}
    assert "JSON objects; give each" in infer(Table(columns, Path(), "t"), "y").unused["about"]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([f"{n}.137, 11.{n + 10}" for n in range(N)], "2 numbers in a cell; make a column"),
        ([f"[0.{n + 10} 0.1 ... 0.2 0.3]" for n in range(N)], "arrays that NumPy cut short"),
    ],
)
def test_why_numbers_in_a_cell_are_not_used(cells, why):
    assert why in found(thing=cells).unused["thing"]


@pytest.mark.parametrize("as_file", [False, True])
def test_a_column_of_the_type_category_is_one_whatever_its_values(tmp_path, as_file):
    frame = pd.DataFrame({"code": pd.Categorical(np.arange(N) % 7), "age": RNG.integers(9, 90, N)})
    frame["y"] = pd.Categorical(np.arange(N) % 30)
    source = frame
    if as_file:
        source = tmp_path / "t.parquet"
        frame.to_parquet(source)
    table, _ = with_plain_numbers(read_table(source))
    assert table.categories == {"code", "y"}
    spec = infer(table, "y").modalities["tabular"]
    assert spec == {"kind": "tabular", "columns": ["code", "age"], "types": {"code": "category"}}
    if as_file:
        frame.assign(note=TEXTS).to_parquet(source)
        assert inspect_table(source, "y")[0]["data"]["task"] == "classification"


MONTHS = ["Jan", "Feb", "March", "Apr.", "May", "June", "Dez", "Oct"]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([f"{n % 28 + 1} {MONTHS[n % 8]} 20{n % 20 + 10}" for n in range(N)], "name of the month"),
        ([f"{MONTHS[n % 8]} {n % 28 + 1}, 20{n % 20 + 10}" for n in range(N)], "name of the month"),
        ([f"{n % 28 + 1:02}-{MONTHS[n % 8]}-{n % 20 + 10}" for n in range(N)], "name of the month"),
        ([f"{n}:{n % 50 + 10}" for n in range(N)], "durations; write them as numbers"),
        ([f"{n}h {n % 50}m" if n % 3 else f"{n} min" for n in range(N)], "durations"),
        ([f"{n % 30 + 1990}-{n % 12 + 1:02}" for n in range(N)], "months without a day"),
        (
            [
                f"{n % 15 + 13}/{n % 9 + 1}/2024" if n % 2 else f"{n % 9 + 1}/{n % 15 + 13}/2024"
                for n in range(N)
            ],
            "some have the day first and some the month",
        ),
        ([f"https://a.org/{n}.png?s=1" for n in range(N)], "addresses of the web"),
        ([f"data:image/png;base64,iVBO{n}" for n in range(N)], "files in base64"),
        ([f"{n:03}" + "iVBORw0KGgo" * 30 + "==" for n in range(N)], "files in base64"),
    ],
)
def test_dates_and_files_that_are_not_read_are_called_so(cells, why):
    assert why in found(thing=cells).unused["thing"]


def test_few_times_of_day_are_a_category():
    assert kind_of([f"{n % 9 + 9}:30" for n in range(N)]) == "tabular"
    assert kind_of([f"I met {n} May in 20{n % 20 + 10}" for n in range(N)]) == "text"
