"""Every planted fault is found, and nothing in good files."""

from __future__ import annotations

import shutil

from benchmark.datasets.kinetics_sounds.miniature import heard, table, write_table
from data.clips import write_video
from g2d.benchmark.datasets.kinetics_sounds.files import check


def test_nothing_is_wrong_with_good_files(kinetics):
    report = check(kinetics, workers=0)
    assert report.problems == ()
    assert report.facts == (
        "40 of the 40 clips of the tables are there",
        "31 of the 31 classes",
        "train: 31 rows, 31 classes",
        "val: 3 rows, 3 classes",
        "test: 6 rows, 3 classes",
        "40 samples, 0 of them unusable",
        "train: 31",
        "val: 3",
        "test: 6",
    )


def test_planted_faults_are_found(broken):
    train, val, test = ([clip for _, clip in heard(part)] for part in ("train", "val", "test"))
    (broken / "train" / f"{train[0]}.mp4").unlink()
    write_video(broken / "train" / f"{train[1]}.mp4", 25, codec="libx264", rate=5)
    copy = broken / "val" / f"{val[0]}.mp4"
    shutil.copy(broken / "test" / f"{test[0]}.mp4", copy)
    rows = [*table("test"), ("laughing", train[2][:11], 500, 510)]
    write_table(broken / "annotations" / "test.csv", rows, "test")
    again = f"{train[2][:11]}_000500_000510"
    report = check(broken, workers=0)
    assert set(report.problems) == {
        f"{train[0]}: {train[0]}.mp4 is missing",
        f"{train[1]}: {train[1]}.mp4 has no sound track",
        f"{again}: {again}.mp4 is missing",
        f"the video of {val[0]}, {test[0]} is the same, in test and val",
        f"video {train[2][:11]} is in train and test",
    }
    assert report.facts[0] == "39 of the 41 clips of the tables are there"
