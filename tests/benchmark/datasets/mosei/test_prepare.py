"""From each of the three pickles to a store, and what is wrong with one."""

from __future__ import annotations

import csv
import os
import pickle

import numpy as np
import pytest

from benchmark.datasets.mosei.miniature import (
    FILES,
    LENGTH,
    SENTIMENTS,
    SIZES,
    WIDTHS,
    content,
    words_of,
    write,
)
from g2d.benchmark.datasets.mosei.check import check
from g2d.benchmark.datasets.mosei.prepare import prepare
from g2d.data.store import Store
from g2d.errors import UserError

KINDS = list(FILES)
KEYS = {"audio": "audio", "visual": "vision", "text": "text"}


def opened(folder):
    return Store(folder, "mosei", "make it")


@pytest.mark.parametrize("kind", KINDS)
def test_words_labels_and_names_of_each_pickle(kind, tmp_path):
    store = opened(prepare(write(tmp_path / "in", kind), tmp_path / "out"))
    told = content(kind)
    parts = ["train"] * 28 + ["val"] * 8 + ["test"] * 8
    assert store.column("part").tolist() == parts
    rows = [row for size in SIZES.values() for row in range(size)]
    expected = [SENTIMENTS[row % 7] for row in rows]
    np.testing.assert_allclose(store.column("target"), expected, rtol=1e-6)
    assert store.column("video")[:5].tolist() == ["train0"] * 4 + ["train1"]
    names = {"mult": "train0 3.5 4.25", "multibench": "train0[3]", "mmsa": "train0$_$3"}
    assert store.column("name")[3] == names[kind]
    for name, key in KEYS.items():
        array = store.ragged(name)
        assert [len(array[row]) for row in range(44)] == [words_of(row) for row in rows]
        held = told["valid"][key][2]  # five words
        assert np.array_equal(array[30], held[:5] if kind == "mmsa" else held[-5:])
    assert np.isneginf(store.ragged("audio")[0][0, 5]), "stored as it is"
    widths = {name: WIDTHS[kind][key] for name, key in KEYS.items()}
    assert store.manifest["options"] == {"source": kind, "widths": widths}


def test_what_is_filled_up_behind_is_left_out_too(tmp_path):
    """And no word between: one without a vector, or a face that was not found, is a word."""

    def turned(told):
        for held in told.values():
            for key in KEYS.values():
                held[key] = np.roll(held[key], -2, axis=1)  # two rows of zeros behind
        told["train"]["text"][4, -4] = 0
        told["train"]["vision"][5, -3] = 0
        told["train"]["text"][5, -3] = 0  # its last word has a sound alone

    store = opened(prepare(write(tmp_path / "in", "mult", turned), tmp_path / "out"))
    for name in KEYS:
        lengths = [len(store.ragged(name)[row]) for row in range(6)]
        assert lengths == [3, 4, 5, 6, 7, 8]
    assert not store.ragged("text")[4][-2].any()


def test_bert_says_where_words_are_though_padding_has_numbers(tmp_path):
    def filled(told):
        for held in told.values():
            held["text"][held["text"] == 0] = 0.5

    store = opened(prepare(write(tmp_path / "in", "mmsa", filled), tmp_path / "out"))
    assert [len(store.ragged("text")[row]) for row in range(4)] == [3, 4, 5, 6]


def broken(told):
    train, valid, test = told["train"], told["valid"], told["test"]
    train["labels"][1] = 3.5
    train["labels"][2] = np.nan
    train["text"][3] = 0
    train["audio"][4, -1, 7] = np.nan
    train["vision"][5, -2, 0] = np.inf
    for key in KEYS.values():
        test[key][0] = train[key][8]  # sentiments -1 and -3
        valid[key][1] = train[key][15]  # the same sentiment
    train["id"][27, 0] = test["id"][7, 0]  # test1


FAULTS = {
    "train-00001: its label is [[3.5]], expected a number from -3 to 3",
    "train-00002: its label is [[nan]], expected a number from -3 to 3",
    "train-00003: none of its words has a vector",
}


def test_planted_faults_are_found_and_nothing_else(tmp_path):
    good = check(write(tmp_path / "good"))
    assert good.problems == ()
    assert "train: 28 (negative 12, neutral 4, positive 12)" in good.facts
    assert "audio: 3 numbers are not finite" in good.facts
    root = write(tmp_path / "bad", "mult", broken)
    report = check(root)
    assert set(report.problems) == {
        *FAULTS,
        "the features of train-00008, test-00000 are the same, in test and train",
        "the features of train-00008, test-00000 are the same, and their labels differ",
        "the features of train-00015, val-00001 are the same, in train and val",
        "video test1 is in train and test",
    }
    assert "44 samples, 3 of them unusable" in report.facts
    # of the three -inf that of test is gone with its first segment, and a NaN has come
    assert "audio: 3 numbers are not finite" in report.facts
    assert "visual: 1 numbers are not finite" in report.facts
    known = "22777 (mosei_senti_data.pkl), 22860 (mosei_raw.pkl), 22856 (aligned_50.pkl)"
    assert any(known in fact for fact in report.facts)
    with pytest.raises(UserError, match=r"video test1 is in train and test; correct mosei_senti"):
        prepare(root, tmp_path / "out", tolerance=1)


def test_what_cannot_be_used_is_named(tmp_path):
    def mended(told):
        broken(told)
        told["train"]["id"][27, 0] = "train6"

    root = write(tmp_path / "in", "mult", mended)
    with pytest.raises(UserError, match=r"3 of 44 samples cannot be used.*--tolerance 0\.069"):
        prepare(root, tmp_path / "out")
    made = prepare(root, tmp_path / "out", tolerance=0.069)
    with (made / "skipped.csv").open() as stream:
        assert {f"{row['id']}: {row['reason']}" for row in csv.DictReader(stream)} == FAULTS


def test_faults_of_single_segments(tmp_path):
    def unmarked(told):
        told["train"]["text_bert"][0] = 0
        told["train"]["text_bert"] = list(told["train"]["text_bert"])
        told["train"]["text_bert"][1] = np.ones((3, LENGTH - 1))
        told["train"]["text_bert"][2] = "nothing"
        told["train"]["audio"] = list(told["train"]["audio"])
        told["train"]["audio"][3] = np.ones((4, 74))
        told["train"]["regression_labels"] = [None, *told["train"]["regression_labels"][1:]]

    assert set(check(write(tmp_path / "mmsa", "mmsa", unmarked)).problems) == {
        "train-00000: its label is None, expected a number from -3 to 3",
        "train-00001: its text_bert has shape (3, 11), expected (3, 12)",
        "train-00002: its text_bert has shape (0,), expected (3, 12)",
        "train-00003: the numbers of words differ: audio 4, visual 12, text 12",
    }

    def unsaid(told):
        told["train"]["text_bert"][6] = 0

    assert check(write(tmp_path / "none", "mmsa", unsaid)).problems == (
        "train-00006: it has no words",
    )
    with pytest.raises(UserError, match=r"expected \(words, 35\)"):  # another file of that name
        prepare(
            write(
                tmp_path / "mosi", "mmsa", lambda told: [_narrow(held) for held in told.values()]
            ),
            tmp_path / "out",
        )


def _narrow(held):
    held["vision"] = held["vision"][:, :, :20]


def test_names_are_no_must_and_what_is_not_known_without_them_is_said(tmp_path, caplog):
    root = write(tmp_path / "in", "mult", lambda told: [held.pop("id") for held in told.values()])
    report = check(root)
    assert report.problems == ()
    said = "44 of 44 segments have no video: whether it is in two parts is not known"
    assert said in report.facts
    store = opened(prepare(root, tmp_path / "out"))
    assert set(store.column("video")) == {""}
    assert caplog.messages == [said]


def test_a_part_without_names_is_said(tmp_path):
    def unnamed(told):
        del told["valid"]["id"]
        told["test"]["id"][:2] = ""

    facts = check(write(tmp_path / "in", "mult", unnamed)).facts
    said = "10 of 44 segments have no video: whether it is in two parts is not known"
    assert said in facts
    assert not any("have no video" in fact for fact in check(write(tmp_path / "good")).facts)


@pytest.mark.parametrize(("fold", "part"), [("train", "train"), ("valid", "val"), ("test", "test")])
def test_an_empty_part_is_refused_in_words(tmp_path, fold, part):
    def emptied(told):
        told[fold] = {key: value[:0] for key, value in told[fold].items()}

    root = write(tmp_path / "in", "mult", emptied)
    assert check(root).problems == (f"no segment is in {part}",)
    said = f"no segment is in {part}; correct mosei_senti_data.pkl, or obtain it again"
    with pytest.raises(UserError, match=said):
        prepare(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_of_something_else(tmp_path):
    with pytest.raises(UserError, match=r"holds no CMU-MOSEI; expected one of mosei_senti_data"):
        check(tmp_path)
    two = write(write(tmp_path / "two"), "mmsa")
    with pytest.raises(UserError, match=r"holds mosei_senti_data\.pkl, aligned_50\.pkl, which"):
        prepare(two, tmp_path / "out")
    for change, said in (
        (lambda told: told.pop("valid"), "does not hold train, valid, test"),
        (lambda told: told["train"].pop("vision"), "train does not hold audio, vision, text, labe"),
        (lambda told: told["test"].update(labels=np.ones(3)), "rows that do not match"),
        (lambda told: told["test"].update(labels=3.0), "rows that do not match"),
        (lambda told: told["test"].update(id=np.array(["a"])), "rows that do not match"),
    ):
        with pytest.raises(UserError, match=said):
            check(write(tmp_path / "changed", "mult", change))


class Hostile:
    """Makes a file where it is read by Python's own reader."""

    def __reduce__(self):
        return os.system, ("touch hostile-was-here",)


def test_damaged_and_hostile_pickles_are_refused_in_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "in") / FILES["mult"]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"mosei_senti_data\.pkl is no pickle, or damaged") as half:
        prepare(tmp_path / "in", tmp_path / "out")
    file.write_bytes(pickle.dumps({**content("mult"), "more": Hostile()}))
    with pytest.raises(UserError, match=r"was refused: it holds (posix|nt)\.system") as hostile:
        check(tmp_path / "in")
    assert not (tmp_path / "hostile-was-here").exists()
    assert not (tmp_path / "out").exists()
    assert not any("\n" in str(error.value) for error in (half, hostile))


@pytest.mark.slow
def test_the_sizes_of_a_distributed_file_are_known(tmp_path):
    """As many segments as there are, of one word each."""

    def whole(told):
        rng = np.random.default_rng(0)
        for fold, size in {"train": 16265, "valid": 1869, "test": 4643}.items():
            for key, width in WIDTHS["mult"].items():
                told[fold][key] = rng.normal(size=(size, 1, width)).astype(np.float32)
            told[fold]["labels"] = rng.choice([-1, 0, 2 / 3], (size, 1, 1))
            told[fold]["id"] = np.array([[f"{fold}{row}", "0", "1"] for row in range(size)])

    report = check(write(tmp_path / "in", "mult", whole))
    assert report.problems == ()
    assert "the folds are those of mosei_senti_data.pkl" in report.facts
