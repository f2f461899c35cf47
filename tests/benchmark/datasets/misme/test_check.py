"""Every planted fault is found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.misme.miniature import (
    make_rows,
    picture,
    sheet_of,
    write_miniature,
    write_sheet,
)
from g2d.benchmark.datasets.misme.check import check


@pytest.fixture
def root(tmp_path):
    write_miniature(tmp_path / "original", captures=5)
    return tmp_path / "original"


def test_nothing_is_wrong_with_a_good_copy(root):
    heard = []
    report = check(root, workers=0, progress=lambda *said: heard.append(said))
    assert report.problems == ()
    assert report.facts[0] == "30 samples, 0 of them unusable"
    vwc = [row["vwc"] for row in make_rows(captures=5)["test"]]
    assert report.facts[-1] == (
        f"test: 6 of the 900 rows of the release, vwc {min(vwc):g} to {max(vwc):g}, "
        "station OK001 2, station OK002 2, station OK003 2"
    )
    assert heard[-1] == (30, 30)


def test_patches_of_one_field_picture_in_train_and_test_are_counted(tmp_path):
    """A fact and no fault: the release is so, and there is a protocol against it."""
    rows = write_miniature(tmp_path, captures=5, patches=3, shared=True)
    moments = {row["image"][:-6] for row in rows["train"]}
    shared = sum(row["image"][:-6] in moments for row in rows["test"])
    report = check(tmp_path, workers=0)
    assert shared > 0
    assert any(
        fact.startswith(f"{shared} of {len(rows['test'])} test rows") for fact in report.facts
    )
    assert report.problems == ()


def test_planted_faults_are_found(root):
    rows = make_rows(captures=5)
    train, val, test = rows["train"], rows["val"], rows["test"]
    files = {row["image"]: root / "images" / row["image"] for own in rows.values() for row in own}
    names = [row["image"] for row in train]
    files[names[0]].unlink()
    files[names[1]].write_bytes(b"")
    files[names[2]].write_bytes(b"soil" * 100)
    files[names[3]].write_bytes(files[names[3]].read_bytes()[:300])
    files[names[4]].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    files[names[5]].write_bytes(files[test[0]["image"]].read_bytes())  # another name, another vwc
    train[6]["vwc"] = "dry"
    train[7]["wind_speed"] = "strong"
    train[8]["wind_speed"] = None
    val[0]["wind_speed"] = "NaN"
    train.append(test[1])
    for part, own in rows.items():
        write_sheet(sheet_of(root, part), own)
    write_sheet(sheet_of(root, "test", "OK003"), [test[0]])
    picture(0.2, seed=5).save(root / "images" / "OK001_unlisted.jpg")
    report = check(root, workers=0)
    cut = next(problem for problem in report.problems if "cut short" in problem)
    assert cut.startswith(f"{names[3]}: {names[3]} is broken or cut short")
    assert set(report.problems) - {cut} == {
        f"{names[0]}: {names[0]} is missing",
        f"{names[1]}: {names[1]} is empty (0 bytes)",
        f"{names[2]}: {names[2]} is no picture that Pillow can read",
        f"{names[4]}: {names[4]} is a Git LFS pointer; run git lfs pull in its repository",
        f"the picture of {names[5]}, {test[0]['image']} is the same, in test and train",
        f"the picture of {names[5]}, {test[0]['image']} is the same, and their labels differ",
        f"{names[6]}: its vwc is 'dry', expected a number",
        "train, row 9: wind_speed is 'strong', read as missing",
        f"{test[1]['image']} (train, row 20): is listed in test too",
        f"test, row 2: {test[0]['image']} is in the sheet of station OK003",
    }
    assert "wind_speed: 3 values missing" in report.facts
    assert "1 pictures are in no sheet" in report.facts


def test_a_picture_that_lies_on_its_side_is_no_fault(root):
    name = make_rows(captures=5)["val"][0]["image"]
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (24, 28, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "images" / name, exif=exif)
    assert check(root, workers=0).problems == ()
