"""From annotation and features to a store, and what is wrong with either."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter

import h5py
import numpy as np
import pytest
import soundfile

from benchmark.datasets.iemocap.miniature import (
    MMIN,
    features_of,
    turns,
    write_mmin,
    write_npz,
    write_release,
)
from g2d.benchmark.datasets.iemocap.check import check
from g2d.benchmark.datasets.iemocap.layout import class_names, read_release, read_words
from g2d.benchmark.datasets.iemocap.prepare import prepare
from g2d.data.store import Store
from g2d.errors import UserError

FOUR = {"ang": 0, "hap": 1, "exc": 1, "neu": 2, "sad": 3}
SIX = {"ang": 0, "exc": 1, "fru": 2, "hap": 3, "neu": 4, "sad": 5}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iemocap")
    write_release(folder / "release")
    write_mmin(folder / "mmin")
    write_npz(folder / "npz")
    return folder


@pytest.fixture
def copied(originals, tmp_path):
    return shutil.copytree(originals, tmp_path / "copied")


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def opened(folder):
    return Store(folder, "iemocap", "make it")


def test_the_annotation(originals):
    release = read_release(originals / "release")
    assert release.problems == ()
    assert {turn.id: turn.emotion for turn in release.turns} == turns()
    turn = next(t for t in release.turns if t.id == "Ses04M_script01_1b_F002")
    assert (turn.session, turn.speaker, turn.dialogue) == (4, "4F", "Ses04M_script01_1b")
    assert (turn.start, turn.end) == (2.0, 2.14)
    assert turn.wav.is_file()
    words = read_words(originals / "release")
    assert words.keys() == turns().keys()
    assert words["Ses01F_impro01_F001"] == "Well, number 2."


@pytest.mark.parametrize(("classes", "targets"), [(4, FOUR), (6, SIX)])
def test_mmins_features(originals, tmp_path, classes, targets):
    options = {"features_root": originals / "mmin", "classes": classes, "workers": 0}
    made = prepare(originals / "release", tmp_path / "out", **options)
    store = opened(made)
    ids = [id for id, emotion in turns().items() if emotion in targets]
    assert store.column("id").tolist() == ids
    assert store.column("target").tolist() == [targets[turns()[id]] for id in ids]
    places = {id: place for place, id in enumerate(turns())}
    for name, width in zip(("audio", "visual", "text"), MMIN.values(), strict=True):
        stored = store.ragged(name)
        assert all(
            np.array_equal(stored[row], features_of(places[id], width))
            for row, id in enumerate(ids)
        )
    assert Counter(store.column("speaker").tolist()) == {
        f"{session}{letter}": Counter(
            id.rpartition("_")[2][0] for id in ids if id[4] == str(session)
        )[letter]
        for session in range(1, 6)
        for letter in "FM"
    }
    names = class_names(classes)
    assert list(names) == sorted(names)
    assert len(names) == classes


def test_features_of_ones_own(originals, copied, tmp_path):
    release = originals / "release"
    options = {"features": "precomputed", "workers": 0}
    npz = opened(prepare(release, tmp_path / "npz", features_root=originals / "npz", **options))
    assert npz.manifest["options"]["widths"] == {"audio": 5, "text": 7, "pulse": 2}
    assert list(npz.manifest["options"]["widths"]) == ["audio", "text", "pulse"]
    assert npz.ragged("text").shapes[:, 0].tolist() == [1] * len(npz.column("id"))
    (copied / "h5").mkdir()
    for name, width in (("audio", 5), ("text", 7)):
        with h5py.File(copied / "h5" / f"{name}.h5", "w") as file:
            for place, id in enumerate(turns()):
                rows = features_of(place, width)
                file[id] = rows[0] if name == "text" else rows
    h5 = opened(prepare(release, tmp_path / "h5", features_root=copied / "h5", **options))
    for name in ("audio", "text"):
        a, b = npz.ragged(name), h5.ragged(name)
        assert all(np.array_equal(a[row], b[row]) for row in range(len(a)))
    for name, said in (("release", "holds no features"), ("no", "holds no features")):
        with pytest.raises(UserError, match=said):
            prepare(release, tmp_path / "other", features_root=originals / name, **options)


class StoppedError(Exception):
    """What a user's Ctrl-C is to the work."""


def test_stopped_and_called_again_the_bytes_are_the_same(originals, tmp_path):
    def until_the_second_chunk(done, total):
        if done >= 64:
            raise StoppedError

    release, mmin = originals / "release", {"features_root": originals / "mmin"}
    with pytest.raises(StoppedError):
        prepare(release, tmp_path / "out", workers=0, progress=until_the_second_chunk, **mmin)
    assert not (tmp_path / "out").exists()
    told = []
    again = {"workers": 0, "progress": lambda done, total: told.append(done)}
    prepare(release, tmp_path / "out", **again, **mmin)
    assert told == [64, 80]
    whole = prepare(release, tmp_path / "whole", workers=0, **mmin)
    assert content(tmp_path / "out") == content(whole)


@pytest.mark.slow
def test_several_processes_make_the_same_bytes(originals, tmp_path):
    release, mmin = originals / "release", {"features_root": originals / "mmin"}
    alone = prepare(release, tmp_path / "alone", workers=0, **mmin)
    assert content(alone) == content(prepare(release, tmp_path / "together", workers=2, **mmin))


def plant_in_features(mmin):
    """Faults by turn, and what is said of them."""
    ids = [id for id, emotion in turns().items() if emotion in FOUR]
    with h5py.File(mmin / "A/comparE.h5", "r+") as file:
        del file[ids[0]]
    with h5py.File(mmin / "V/denseface.h5", "r+") as file:
        del file[ids[1]], file[ids[2]], file[ids[3]], file[ids[4]]
        file[ids[1]] = np.zeros((3, 341), np.float32)
        file[ids[2]] = np.zeros((0, 342), np.float32)
        file[f"{ids[3]}/inner"] = np.zeros((3, 342), np.float32)
        file[ids[4]] = np.array([b"face"])
    return {
        f"{ids[0]}: comparE.h5 does not have it",
        f"{ids[1]}: visual has shape (3, 341), expected (steps, 342)",
        f"{ids[2]}: visual has shape (0, 342), expected (steps, 342)",
        f"{ids[3]}: denseface.h5 holds a group for it, expected a dataset",
        f"{ids[4]}: visual holds |S4, expected numbers",
    }


def plant_in_release(root):
    ids = [id for id, emotion in turns().items() if emotion in FOUR][10:]
    wavs = {path.stem: path for path in root.rglob("*.wav")}
    wavs[ids[0]].unlink()
    wavs[ids[1]].write_bytes(b"")
    wavs[ids[2]].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    wavs[ids[3]].write_bytes(b"RIFF, or so")
    soundfile.write(wavs[ids[4]], np.zeros(1600), 16_000)
    soundfile.write(wavs[ids[5]], np.zeros(0), 16_000)
    wave, rate = soundfile.read(wavs[ids[6]])
    soundfile.write(wavs[ids[6]], wave[: len(wave) // 2], rate)
    shutil.copy(wavs["Ses05F_impro01_F000"], wavs["Ses01F_impro01_F000"])
    expected = {
        f"{ids[0]}: {ids[0]}.wav is missing",
        f"{ids[1]}: {ids[1]}.wav is empty (0 bytes)",
        f"{ids[2]}: {ids[2]}.wav is a Git LFS pointer; run git lfs pull in its repository",
        f"{ids[3]}: {ids[3]}.wav is no sound, or damaged",
        f"{ids[4]}: {ids[4]}.wav is silent",
        f"{ids[5]}: {ids[5]}.wav has no samples",
        f"{ids[6]}: {ids[6]}.wav has {len(wave) // 2 / rate:.2f} s of sound, expected "
        f"{len(wave) / rate:.2f} s",
        "the speech of Ses01F_impro01_F000, Ses05F_impro01_F000 is the same, in session 1 and "
        "session 5",
    }
    words = root / "Session3/dialog/transcriptions/Ses03F_impro01.txt"
    words.write_text(words.read_text().replace("Ses03F_impro01_F001 ", "nobody "))
    expected.add("Ses03F_impro01_F001: there is no transcription")
    evaluation = root / "Session2/dialog/EmoEvaluation/Ses02M_script01_1b.txt"
    lines = evaluation.read_text().splitlines()
    first = lines[2]
    other = first.replace("Ses02M", "Ses03M")
    evaluation.write_text("\n".join([*lines, first, "[1.0 - x]\tSes02M", other]))
    number = len(lines)
    expected |= {
        f"{evaluation.name}, line {number + 1}: Ses02M_script01_1b_F000 comes twice",
        f"{evaluation.name}, line {number + 2}: '[1.0 - x]\\tSes02M' is no turn",
        f"{evaluation.name}, line {number + 3}: Ses03M_script01_1b_F000 is of another dialogue",
    }
    return expected


def test_planted_faults_are_found_and_nothing_else(copied):
    options = {"features_root": copied / "mmin", "workers": 0}
    clean = check(copied / "release", **options)
    assert clean.problems == ()
    assert clean.facts[0] == "80 samples, 0 of them unusable"
    assert "session 3: 16 (Angry 4, Happy 4, Neutral 4, Sad 4)" in clean.facts
    assert clean.facts[-2].startswith(
        "80 of the 5531 turns of 4 classes in the full release: ang 20 of 1103"
    )
    assert clean.facts[-1] == "100 turns are annotated, 20 of them with something else"
    expected = plant_in_features(copied / "mmin") | plant_in_release(copied / "release")
    assert set(check(copied / "release", **options).problems) == expected
    with pytest.raises(UserError, match="comes twice; correct it"):
        prepare(copied / "release", copied / "out", features_root=copied / "mmin")


def test_turns_without_features_are_left_out_and_named(copied):
    places = (copied / "release", copied / "out")
    options = {"features_root": copied / "mmin", "workers": 0}
    expected = plant_in_features(copied / "mmin")
    with pytest.raises(UserError, match="5 of 80 samples cannot be used"):
        prepare(*places, **options)
    made = prepare(*places, **options, tolerance=0.07)
    with (made / "skipped.csv").open() as stream:
        assert {f"{row['id']}: {row['reason']}" for row in csv.DictReader(stream)} == expected


def test_files_that_are_not_there_or_damaged(copied, tmp_path):
    release, out = copied / "release", tmp_path / "out"
    mmin = {"features_root": copied / "mmin"}
    whole = copied / "mmin" / "V" / "denseface.h5"
    data = whole.read_bytes()
    for held, said in (
        (data[: len(data) // 3], "no HDF5 file, or damaged"),
        (b"no h5", "no HDF5 file, or damaged"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"", "is empty"),
    ):
        whole.write_bytes(held)
        with pytest.raises(UserError, match=f"none of the 80 samples can be used.*{said}"):
            prepare(release, out, workers=0, **mmin)
    with pytest.raises(UserError, match=r"holds no Session1/dialog/EmoEvaluation"):
        prepare(tmp_path, out, **mmin)
    with pytest.raises(UserError, match="got classes=5, expected 4 or 6"):
        prepare(release, out, classes=5, **mmin)
    with pytest.raises(UserError, match="expected mmin or precomputed or release, got 'mla'"):
        prepare(release, out, features="mla", **mmin)
    npz = copied / "npz"
    files = [npz / f"{id}.npz" for id, emotion in turns().items() if emotion in FOUR]
    files[0].write_bytes(b"PK")
    np.savez(files[1], audio=np.ones((2, 5)))
    np.savez(files[2], text=np.ones(7), pulse=np.ones(2), audio=np.array([{}], object))
    os.truncate(files[3], files[3].stat().st_size // 2)
    options = {"features": "precomputed", "workers": 0, "tolerance": 0.1}
    made = prepare(release, out, features_root=npz, **options)
    told = (made / "skipped.csv").read_text()
    assert told.count("is no npz file of numbers, or damaged") == 3
    assert told.count("has no text") == 1
