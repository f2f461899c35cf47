"""Every planted fault is found, and nothing else."""

from __future__ import annotations

import pytest

from data.preparation.originals import decode, write_originals
from g2d.data.preparation import inspect


@pytest.fixture
def samples(tmp_path):
    return write_originals(tmp_path / "originals")


def look(samples, **options):
    return inspect(
        samples, decode, lambda s: s.columns["part"], ["even", "odd"], workers=0, **options
    )


def test_nothing_is_wrong_with_good_files(samples):
    report = look(samples)
    assert report.problems == ()
    assert report.facts == (
        "10 samples, 0 of them unusable",
        "test: 4 (even 2, odd 2)",
        "train: 6 (even 3, odd 3)",
    )


def test_planted_faults_are_found(samples):
    path = {sample.id: sample.sources["numbers"] for sample in samples}
    path["s01"].unlink()
    path["s02"].write_text("")
    path["s04"].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    path["s05"].write_text("five")
    path["s07"].write_text(path["s09"].read_text())  # train beside test, one label
    path["s08"].write_text(path["s00"].read_text())  # train beside test
    path["s03"].write_text("9 9")
    path["s06"].write_text("9 9")  # test and test, two labels
    report = look(samples)
    assert set(report.problems) == {
        "s01: s01.txt is missing",
        "s02: s02.txt is empty (0 bytes)",
        "s04: s04.txt is a Git LFS pointer; run git lfs pull in its repository",
        "s05: s05.txt is not made of numbers",
        "the numbers of s07, s09 is the same, in test and train",
        "the numbers of s00, s08 is the same, in test and train",
        "the numbers of s03, s06 is the same, and their labels differ",
    }
    assert report.facts[0] == "10 samples, 4 of them unusable"
    assert report.facts[-1] == "3 files are copies of others"


def test_workers_find_the_same(samples):
    samples[1].sources["numbers"].unlink()
    heard = []
    alone = look(samples)
    together = inspect(
        samples,
        decode,
        lambda s: s.columns["part"],
        ["even", "odd"],
        workers=2,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert together == alone
    assert heard == [(done, 10) for done in range(1, 11)]


def test_long_lists_are_cut_short(tmp_path):
    samples = write_originals(tmp_path / "many", 30)
    for sample in samples:
        sample.sources["numbers"].unlink()
    problems = look(samples).problems
    assert len(problems) == 21
    assert problems[-1] == "and 10 more of this sort"
