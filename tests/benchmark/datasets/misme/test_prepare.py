"""The store holds what sheets and pictures say, and is made whole or not at all."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.misme.miniature import (
    STATIONS,
    WEATHER,
    make_rows,
    sheet_of,
    write_miniature,
    write_sheet,
)
from g2d.benchmark.datasets.misme.dataset import MISME
from g2d.benchmark.datasets.misme.prepare import prepare
from g2d.data.store import Store
from g2d.errors import UserError

SIDE = 16


def make(root, out, **options):
    return prepare(root, out, **{"side": SIDE, "workers": 0, **options})


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def root(tmp_path):
    write_miniature(tmp_path / "original", captures=5)
    return tmp_path / "original"


def test_the_store_is_the_sheets_and_the_pictures(tmp_path):
    rows = write_miniature(tmp_path / "original", captures=5)
    gaps = [("train", 3, "wind_speed", None), ("val", 0, "precipitation", "NAN")]
    gaps += [("test", 1, "air_temperature", "wet")]
    for part, place, column, value in gaps:
        rows[part][place][column] = value
        write_sheet(sheet_of(tmp_path / "original", part), rows[part])
    rows["train"][0]["vwc"] = 0  # dry, and a number as good as others
    write_sheet(sheet_of(tmp_path / "original", "train"), rows["train"])
    store = Store(make(tmp_path / "original", tmp_path / "out"), "misme", "make it")
    everything = [(part, row) for part in ("train", "val", "test") for row in rows[part]]
    assert store.column("id").tolist() == [row["image"] for _, row in everything]
    assert store.column("part").tolist() == [part for part, _ in everything]
    assert store.column("target").tolist() == [row["vwc"] for _, row in everything]
    assert store.column("station").tolist() == [row["image"][:5] for _, row in everything]
    images, table = store.array("image"), store.array("tabular")
    assert (images.dtype, images.shape[1:]) == (np.uint8, (SIDE, SIDE, 3))
    assert (table.dtype, table.shape) == (np.float32, (len(everything), 8))
    for place, (_, row) in enumerate(everything):
        expected = [row[name] if isinstance(row[name], float) else math.nan for name in WEATHER]
        np.testing.assert_array_equal(table[place], np.array(expected, np.float32))
        with Image.open(tmp_path / "original" / "images" / row["image"]) as picture:
            small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            assert images[place].tolist() == np.asarray(small).tolist()
    assert np.isnan(table).sum() == 3
    assert store.column("taken")[:3].tolist() == [
        "2020-11-21T09:00:00",
        "2020-11-21T09:00:00",
        "2020-11-23T11:00:00",
    ]
    with (tmp_path / "out" / "samples.csv").open(newline="") as stream:
        first = next(csv.DictReader(stream))
    assert float(first["barometric_pressure"]) == rows["train"][0]["barometric_pressure"]


def test_the_long_path_of_the_release_is_the_same(root, tmp_path):
    long = "Dataset_Conf_0.5/all_three_stations/images"
    write_miniature(tmp_path / "long", captures=5, pictures=long)
    made, again = make(root, tmp_path / "a"), make(tmp_path / "long", tmp_path / "b")
    assert content(made) == content(again)


class StoppedError(Exception):
    """What a user's Ctrl-C is to the work."""


def stop(done, total):
    if done:
        raise StoppedError


def test_stopped_and_called_again_the_bytes_are_the_same(tmp_path):
    write_miniature(tmp_path / "many", captures=20)
    with pytest.raises(StoppedError):
        make(tmp_path / "many", tmp_path / "out", progress=stop)
    assert not (tmp_path / "out").exists()
    heard = []
    made = make(tmp_path / "many", tmp_path / "out", progress=lambda *said: heard.append(said))
    assert (heard[0], heard[-1]) == ((32, 120), (120, 120)), "what was done before is done"
    assert content(made) == content(make(tmp_path / "many", tmp_path / "whole"))


def test_a_sheet_that_was_mended_meanwhile_is_read_anew(tmp_path):
    root = tmp_path / "original"
    rows = write_miniature(root, captures=20)
    rows["train"][0]["wind_speed"] = -999.0
    write_sheet(sheet_of(root, "train"), rows["train"])
    with pytest.raises(StoppedError):
        make(root, tmp_path / "out", progress=stop)
    rows["train"][0]["wind_speed"] = 4.25
    write_sheet(sheet_of(root, "train"), rows["train"])
    store = Store(make(root, tmp_path / "out"), "misme", "make it")
    assert store.array("tabular")[0, WEATHER.index("wind_speed")] == 4.25


def test_what_cannot_be_used_is_left_out_with_its_reason(root, tmp_path):
    rows = make_rows(captures=5)
    images = root / "images"
    (images / rows["train"][0]["image"]).unlink()
    broken = images / rows["train"][1]["image"]
    broken.write_bytes(broken.read_bytes()[:300])
    rows["train"][2]["vwc"] = "dry"
    rows["val"][0]["vwc"] = None
    rows["train"].append(rows["test"][0])
    rows["train"].append({**rows["val"][1], "vwc": 0.5})
    rows["test"].append(rows["test"][1])
    rows["test"].append({"vwc": 0.5})
    for part, own in rows.items():
        write_sheet(sheet_of(root, part), own)
    with pytest.raises(UserError, match="8 of 34 samples cannot be used, more than"):
        make(root, tmp_path / "out")
    made = make(root, tmp_path / "out", tolerance=0.3)
    with (made / "skipped.csv").open(newline="") as stream:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(stream)}
    train, val, test = rows["train"], rows["val"], rows["test"]
    cut = reasons.pop(train[1]["image"])
    assert cut.startswith(f"{train[1]['image']} is broken or cut short")
    assert reasons == {
        train[0]["image"]: f"{train[0]['image']} is missing",
        train[2]["image"]: "its vwc is 'dry', expected a number",
        val[0]["image"]: "its vwc is None, expected a number",
        f"{test[0]['image']} (train, row 20)": "is listed in test too",
        f"{val[1]['image']} (train, row 21)": "is listed in val too, with another vwc",
        f"{test[1]['image']} (test, row 8)": "is listed twice",
        "(test, row 9)": "names no picture",
    }
    splits = MISME(made).splits()
    assert [len(split) for split in splits.named().values()] == [15, 5, 6]


def test_what_is_no_misme(tmp_path, root):
    with pytest.raises(UserError, match="holds no images and no Dataset_Conf"):
        make(tmp_path, tmp_path / "out")
    with pytest.raises(UserError, match="got side=0, expected 1 pixel or more"):
        make(root, tmp_path / "out", side=0)
    columns = ("image", "vwc", *(name for name in WEATHER if name != "wind_speed"))
    write_sheet(sheet_of(root, "val"), make_rows(captures=5)["val"], columns)
    with pytest.raises(UserError, match=r"combined_only_val_set\.xlsx has no column 'wind_speed'"):
        make(root, tmp_path / "out")
    sheet_of(root, "val").unlink()
    with pytest.raises(UserError, match=r"combined_only_val_set\.xlsx is missing"):
        make(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stations_are_known_from_the_sheets_where_names_are_silent(root, tmp_path):
    rows = make_rows(captures=5)
    named = {}
    for own in rows.values():
        for row in own:
            old = row["image"]
            row["image"] = named[old] = f"patch{len(named)}.jpg"
            (root / "images" / old).rename(root / "images" / row["image"])
            row["timestamp"] = f"2021-01-{1 + len(named) // 5:02} 09:00:00"
    for part, own in rows.items():
        write_sheet(sheet_of(root, part), own, ("image", "vwc", *WEATHER, "timestamp"))
        for station in STATIONS:
            stationed = [new for old, new in named.items() if old.startswith(station)]
            write_sheet(
                sheet_of(root, part, station),
                [row for row in own if row["image"] in stationed],
                ("image",),
            )
    store = Store(make(root, tmp_path / "out"), "misme", "make it")
    old_names = {new: old for old, new in named.items()}
    expected = [old_names[id][:5] for id in store.column("id").tolist()]
    assert store.column("station").tolist() == expected
    assert set(store.column("taken").tolist()) >= {"2021-01-01T09:00:00", "2021-01-07T09:00:00"}
