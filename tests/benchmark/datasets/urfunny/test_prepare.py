"""From either distribution to a store, and what is wrong with one."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchmark.datasets.urfunny.miniature import (
    SIZES,
    VOCABULARY,
    WIDTHS,
    multibench_content,
    sdk_content,
    write_multibench,
    write_sdk,
)
from g2d.benchmark.datasets.urfunny.check import check
from g2d.benchmark.datasets.urfunny.dataset import URFunny
from g2d.benchmark.datasets.urfunny.prepare import prepare
from g2d.data.store import Store
from g2d.errors import UserError

PICKLED = {"audio": "covarep_features_sdk", "visual": "openface_features_sdk"}


def opened(folder):
    return Store(folder, "urfunny", "make it")


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    return write_sdk(tmp_path_factory.mktemp("sdk"))


def ids_of(content, fold):
    return content["data_folds"][fold]


def test_the_authors_pickles(sdk, tmp_path):
    store = opened(prepare(sdk, tmp_path / "out"))
    told = sdk_content()
    ids = [id for fold in ("train", "dev", "test") for id in ids_of(told, fold)]
    assert store.column("id").tolist() == [str(id) for id in ids]
    assert store.column("target").tolist() == [told["humor_label_sdk"][id] for id in ids]
    parts = ["train"] * SIZES["train"] + ["val"] * SIZES["dev"] + ["test"] * SIZES["test"]
    assert store.column("part").tolist() == parts
    vectors = np.array(told["word_embedding_list"], np.float32)
    text = store.ragged("text")
    for name, file in PICKLED.items():
        array = store.ragged(name)
        for row, id in enumerate(ids):
            expected = np.array(told[file][id]["punchline_features"], np.float32)
            assert np.array_equal(array[row], expected)
    for row, id in enumerate(ids):
        numbers = told["language_sdk"][id]["punchline_embedding_indexes"]
        assert np.array_equal(text[row], vectors[numbers])
    assert store.manifest["options"] == {"source": "sdk", "context": False}
    with pytest.raises(UserError, match="no array 'text-context'"):
        store.ragged("text-context")


def test_context_is_the_last_sentences_and_the_first_words_of_each(sdk, tmp_path):
    store = opened(prepare(sdk, tmp_path / "out", context=True))
    told = sdk_content()
    before = {name: store.ragged(f"{name}-context") for name in WIDTHS}
    lengths = []
    for row, id in enumerate(store.column("id").tolist()):
        sentences = told["covarep_features_sdk"][int(id)]["context_features"]
        kept = [word for sentence in sentences[-5:] for word in sentence[:20]]
        expected = np.array(kept, np.float32).reshape(-1, 81)
        assert np.array_equal(before["audio"][row], expected)
        assert len(before["text"][row]) == len(before["visual"][row]) == len(expected)
        lengths.append(len(expected))
    assert min(lengths) == 0, "some punchlines come first"


def test_multibenchs_pickle(tmp_path):
    store = opened(prepare(write_multibench(tmp_path / "in"), tmp_path / "out"))
    told = multibench_content()
    assert len(store.column("id")) == 40
    assert store.column("target")[:4].tolist() == [0, 1, 0, 1]
    assert store.column("name")[:2].tolist() == ["train[0]", "train[1]"]
    row = SIZES["train"] + 2  # the third of valid, of five words
    for name, key in zip(WIDTHS, ("audio", "vision", "text"), strict=True):
        expected = told["valid"][key][2, -5:].astype(np.float32)
        assert np.array_equal(store.ragged(name)[row], expected)
    assert np.isneginf(store.ragged("audio")[0][-1, 5]), "stored as it is"
    with pytest.raises(UserError, match=r"humor\.pkl has no context"):
        prepare(tmp_path / "in", tmp_path / "other", context=True)


class StoppedError(Exception):
    """What a user's Ctrl-C is to the work."""


@pytest.mark.parametrize("write", [write_sdk, write_multibench])
def test_stopped_and_called_again_the_bytes_are_the_same(write, tmp_path):
    def until_the_second_chunk(done, total):
        if done >= 32:
            raise StoppedError

    originals = write(tmp_path / "in")
    with pytest.raises(StoppedError):
        prepare(originals, tmp_path / "out", progress=until_the_second_chunk)
    assert not (tmp_path / "out").exists()
    told = []
    prepare(originals, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == [(32, 40), (40, 40)]
    assert content(tmp_path / "out") == content(prepare(originals, tmp_path / "whole"))


def broken_sdk(told):
    train, dev, test = (ids_of(told, fold) for fold in SIZES)
    audio, visual = told["covarep_features_sdk"], told["openface_features_sdk"]
    language = told["language_sdk"]
    del audio[train[0]]
    visual[train[1]]["punchline_features"] = np.zeros((2, 370))
    language[train[2]]["punchline_embedding_indexes"] = []
    language[train[3]]["punchline_embedding_indexes"][0] = VOCABULARY
    audio[train[4]]["punchline_features"] = [[0.0] * 81] * 2
    told["humor_label_sdk"][train[5]] = 2
    del told["humor_label_sdk"][train[6]]
    audio[train[7]] = "nothing"
    visual[train[8]]["punchline_features"] = [[0.0] * 371, [0.0]]
    told["word_embedding_list"][0] = [0.0] * 300
    language[train[9]]["punchline_embedding_indexes"] = [0] * 6
    audio[train[9]]["punchline_features"] = np.ones((6, 81))
    visual[train[9]]["punchline_features"] = np.ones((6, 371))
    audio[train[11]]["punchline_features"][0][0] = float("-inf")
    visual[train[11]]["punchline_features"][1][5] = float("nan")
    # the features of a training punchline once more in test, and in dev with another label
    for other, id in ((test[0], train[12]), (dev[1], train[14])):
        for held in (audio, visual, language):
            held[other] = held[id]


SDK_FAULTS = (
    (0, "covarep_features_sdk.pkl does not have it"),
    (1, "visual has shape (2, 370), expected (words, 371)"),
    (2, "text has no words"),
    (3, f"word {VOCABULARY} is not among the {VOCABULARY} of word_embedding_list.pkl"),
    (4, "the numbers of words differ: audio 2, visual 7, text 7"),
    (5, "its label is 2, expected one of (0, 1)"),
    (6, "humor_label_sdk.pkl does not have it"),
    (7, "covarep_features_sdk.pkl has no punchline_features for it"),
    (8, "visual is not made of rows of numbers"),
    (9, "none of its words has a vector"),
)


def test_planted_faults_are_found_and_nothing_else(tmp_path):
    assert check(write_sdk(tmp_path / "good")).problems == ()
    root = write_sdk(tmp_path / "bad", broken_sdk)
    report = check(root)
    told = sdk_content()
    train, dev, test = (ids_of(told, fold) for fold in SIZES)
    expected = {f"{train[place]}: {reason}" for place, reason in SDK_FAULTS}
    expected |= {
        f"the features of {train[12]}, {test[0]} are the same, in test and train",
        f"the features of {train[14]}, {dev[1]} are the same, in train and val",
        f"the features of {train[14]}, {dev[1]} are the same, and their labels differ",
    }
    assert set(report.problems) == expected
    assert "40 samples, 10 of them unusable" in report.facts
    assert "audio: 1 numbers are not finite" in report.facts
    assert "visual: 1 numbers are not finite" in report.facts
    assert any("known are 10166 (version 2), 9588 (version 2, cleaned)" in f for f in report.facts)
    with pytest.raises(UserError, match=r"10 of 40 samples cannot be used.*--tolerance 0\.25"):
        prepare(root, tmp_path / "out")
    made = prepare(root, tmp_path / "out", tolerance=0.25)
    with (made / "skipped.csv").open() as stream:
        skipped = {f"{row['id']}: {row['reason']}" for row in csv.DictReader(stream)}
    assert skipped == {f"{train[place]}: {reason}" for place, reason in SDK_FAULTS}
    assert opened(made).manifest["counts"] == {"samples": 30, "skipped": 10}


def test_one_punchline_in_two_folds(tmp_path):
    def twice(told):
        told["data_folds"]["test"].append(told["data_folds"]["train"][3])

    root = write_sdk(tmp_path / "in", twice)
    id = sdk_content()["data_folds"]["train"][3]
    assert check(root).problems == (f"{id} is in train and in test",)
    with pytest.raises(UserError, match=f"{id} is in train and in test; correct data_folds"):
        prepare(root, tmp_path / "out")


def test_an_empty_part_is_refused_in_words(tmp_path):
    def no_dev(told):
        told["data_folds"]["dev"] = []

    def no_valid(told):
        told["valid"] = {key: value[:0] for key, value in told["valid"].items()}

    roots = {
        "data_folds.pkl": write_sdk(tmp_path / "sdk", no_dev),
        "humor.pkl": write_multibench(tmp_path / "multibench", no_valid),
    }
    for file, root in roots.items():
        assert check(root).problems == ("no segment is in val",)
        with pytest.raises(UserError, match=f"no segment is in val; correct {file}, or obtain"):
            prepare(root, tmp_path / "out")


def test_faults_of_multibenchs_pickle(tmp_path):
    def broken(told):
        told["train"]["text"][1] = 0
        told["train"]["labels"][2] = 7
        for key in ("audio", "vision", "text"):
            told["test"][key][0] = told["train"][key][4]

    assert check(write_multibench(tmp_path / "good")).problems == ()
    report = check(write_multibench(tmp_path / "bad", broken))
    assert set(report.problems) == {
        "train-00001: none of its words has a vector",
        "train-00002: its label is 7, expected one of (-1, 0, 1)",
        "the features of train-00004, test-00000 are the same, in test and train",
    }


def test_folders_of_something_else(sdk, tmp_path):
    with pytest.raises(UserError, match=r"holds no UR-FUNNY; expected data_folds\.pkl"):
        prepare(tmp_path, tmp_path / "out")
    lacking = write_sdk(tmp_path / "lacking")
    (lacking / "language_sdk.pkl").unlink()
    with pytest.raises(UserError, match=r"language_sdk\.pkl is missing"):
        check(lacking)
    (lacking / "language_sdk.pkl").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match="is a Git LFS pointer"):
        check(lacking)
    half = (sdk / "language_sdk.pkl").read_bytes()[:5000]
    (lacking / "language_sdk.pkl").write_bytes(half)
    with pytest.raises(UserError, match=r"language_sdk\.pkl is no pickle, or damaged"):
        check(lacking)
    (lacking / "language_sdk.pkl").write_bytes(b"(S'id > f'\nios\nsystem\n.")
    with pytest.raises(UserError, match=r"was refused: it holds os\.system"):
        check(lacking)
    assert not (tmp_path / "f").exists()
    for change, said in (
        (lambda told: told.pop("valid"), "does not hold train, valid, test"),
        (lambda told: told["train"].pop("vision"), "train does not hold audio, vision"),
        (lambda told: told["test"].update(labels=np.ones(3)), "rows that do not match"),
    ):
        with pytest.raises(UserError, match=said):
            check(write_multibench(tmp_path / "humor", change))


@pytest.mark.slow
def test_the_folds_of_later_work_are_known(tmp_path):
    """As many punchlines as there are, of one word each."""
    rng = np.random.default_rng(0)
    told = {}
    for fold, size in {"train": 7614, "valid": 980, "test": 994}.items():
        keys = {"audio": 81, "vision": 371, "text": 300}
        told[fold] = {
            key: rng.normal(size=(size, 1, width)).astype(np.float32) for key, width in keys.items()
        }
        told[fold]["labels"] = np.arange(size) % 2
    root = write_multibench(tmp_path / "in", lambda content: content.update(told))
    report = check(root)
    assert report.problems == ()
    assert "the folds are those of version 2, cleaned" in report.facts
    splits = URFunny(prepare(root, tmp_path / "out")).splits()
    assert [len(split) for split in splits.named().values()] == [7614, 980, 994]
