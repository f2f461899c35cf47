"""A third modality from the same recordings: the digit once more, by another speaker."""

import csv
import json
import shutil

import numpy as np
import pytest

from g2d.benchmark.datasets.avmnist.dataset import AVMNIST
from g2d.benchmark.datasets.avmnist.prepare import prepare
from g2d.data.checks import check_splits
from g2d.errors import UserError

SIZES = {"train_pairs": 60, "val_pairs": 20, "test_pairs": 30}
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def store(originals, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "three"
    return prepare(originals / "mnist", originals / "fsdd", out, second_speaker=True, **SIZES)


@pytest.fixture(scope="module")
def pair(originals, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "two"
    return prepare(originals / "mnist", originals / "fsdd", out, **SIZES)


def sources(folder, name):
    with (folder / f"{name}-sources.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def speaker(recording):
    return recording.split("_")[1]


def test_it_is_a_dataset_of_three_modalities(store):
    dataset = AVMNIST(store, second_speaker=True)
    dataset.verify()
    splits = dataset.splits()
    check_splits(splits)
    assert splits.spec.name == "avmnist3"
    assert splits.spec.shapes == {
        "image": (1, 28, 28),
        "audio": (1, 112, 112),
        "second_audio": (1, 112, 112),
    }
    assert json.loads((store / "manifest.json").read_text())["options"]["second_speaker"] is True


def test_the_digit_is_the_same_and_the_speaker_another_in_every_row(store):
    for name in SPLITS:
        for row in sources(store, name):
            assert row["second_recording"][0] == row["recording"][0] == row["digit"]
            assert speaker(row["second_recording"]) != speaker(row["recording"])


def test_no_recording_is_in_two_splits_in_either_place(store):
    allowed = {"test": range(5), "val": range(5, 10), "train": range(10, 1000)}
    seen = []
    for name in SPLITS:
        rows = sources(store, name)
        heard = {row[column] for row in rows for column in ("recording", "second_recording")}
        indices = {int(file.removesuffix(".wav").split("_")[2]) for file in heard}
        assert indices <= set(allowed[name])
        seen.append(heard)
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_many_recordings_are_used_second(store):
    """60 rows of train, 6 a digit, from 6 recordings each, of which a row cannot take all."""
    assert len({row["second_recording"] for row in sources(store, "train")}) >= 50


def test_no_two_sounds_are_alike(store):
    sounds = [np.load(store / f"test-{name}.npy") for name in ("audio", "second_audio")]
    rows = np.concatenate(sounds).reshape(60, -1)
    assert len(np.unique(rows, axis=0)) == 60
    assert 0 <= rows.min() < rows.max() <= 1


def test_the_first_two_modalities_are_the_same_to_the_byte(store, pair):
    for name in SPLITS:
        for array in ("image", "audio", "target"):
            file = f"{name}-{array}.npy"
            assert (store / file).read_bytes() == (pair / file).read_bytes(), file
        for row, first in zip(sources(store, name), sources(pair, name), strict=True):
            assert {key: row[key] for key in first} == first
    assert list(AVMNIST(store).splits().spec.shapes) == ["image", "audio"]


def test_the_same_bytes_again(store, originals, tmp_path):
    again = prepare(
        originals / "mnist", originals / "fsdd", tmp_path / "again", second_speaker=True, **SIZES
    )
    for file in store.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_a_store_without_it_says_how_to_make_one(pair):
    with pytest.raises(
        UserError, match="without a second speaker; prepare another store with --se"
    ):
        AVMNIST(pair, second_speaker=True).splits()


def test_one_speaker_alone_is_not_enough(originals, tmp_path):
    shutil.copytree(originals / "fsdd", tmp_path / "fsdd")
    for file in (tmp_path / "fsdd").glob("4_*_[0-4].wav"):
        if speaker(file.name) != "bob":
            file.unlink()
    with pytest.raises(
        UserError, match="digit 4 is spoken by bob alone in test; expected 2 speake"
    ):
        prepare(
            originals / "mnist",
            tmp_path / "fsdd",
            tmp_path / "out",
            second_speaker=True,
            **SIZES,
        )
    assert not (tmp_path / "out").exists()


def test_three_speakers_cannot_be_kept_apart_and_paired(originals, tmp_path):
    with pytest.raises(UserError, match="expected 2 speakers or more of each digit in every split"):
        prepare(
            originals / "mnist",
            originals / "fsdd",
            tmp_path / "out",
            second_speaker=True,
            speaker_disjoint=True,
            **SIZES,
        )
