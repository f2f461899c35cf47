"""Features made of the release alone, from its files to training."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from benchmark.datasets.iemocap.miniature import (
    MARKERS,
    frames_of,
    turns,
    write_markers,
    write_mmin,
    write_npz,
    write_release,
)
from cli.conftest import g2d  # noqa: F401
from g2d.benchmark.datasets.iemocap.check import check
from g2d.benchmark.datasets.iemocap.dataset import IEMOCAP
from g2d.benchmark.datasets.iemocap.prepare import prepare
from g2d.data.checks import check_splits
from g2d.data.store import Store
from g2d.errors import UserError

RELEASE = {"features": "release", "workers": 0}
USED = [id for id, emotion in turns().items() if emotion in ("ang", "hap", "exc", "neu", "sad")]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_markers(write_release(tmp_path_factory.mktemp("release") / "full"))


@pytest.fixture(scope="module")
def root(release, tmp_path_factory):
    return prepare(release, tmp_path_factory.mktemp("stores") / "store", **RELEASE)


@pytest.fixture
def copied(release, tmp_path):
    return shutil.copytree(release, tmp_path / "copied")


def test_what_the_store_holds(root):
    store = Store(root, "iemocap", "")
    assert store.column("id").tolist() == USED
    assert store.manifest["options"] == {
        "features": "release",
        "classes": 4,
        "widths": {"audio": 128, "visual": 165, "text": 300},
        "steps_per_second": 10,
        "vectors": "hashed",
    }
    # 0.10 to 0.16 s of sound and motion are one or two tenths of a second
    for row, id in enumerate(USED):
        place = list(turns()).index(id)
        length = 10 + place % 10 % 7  # of 10 ms
        steps = -(-length // 10)
        shapes = [store.ragged(name).shapes[row].tolist() for name in ("audio", "visual")]
        assert shapes == [[steps, 128], [steps, 165]], id
        assert store.ragged("text").shapes[row].tolist() == [3, 300]  # Well, number 2.


def test_motion_is_the_mean_of_what_was_seen_in_a_tenth_of_a_second(root):
    stored = Store(root, "iemocap", "").ragged("visual")
    for row in (0, 7, 33):
        times, values = frames_of(list(turns()).index(USED[row]))
        first = values[:12]  # 120 frames a second
        seen = ~np.isnan(first)
        with np.errstate(invalid="ignore"):
            expected = np.where(seen, first, 0).sum(axis=0) / seen.sum(axis=0)
        np.testing.assert_allclose(stored[row][0], expected, atol=1e-4)
        assert np.isnan(stored[row][0]).sum() >= 3, "the marker that was never seen"
        assert len(stored[row]) == 1 + (len(times) > 12)


def test_a_marker_that_was_not_seen_is_the_training_mean(root):
    splits = IEMOCAP(root, fold=5).splits()
    check_splits(splits)
    assert splits.spec.shapes == {"audio": (2, 128), "visual": (2, 165), "text": (3, 300)}
    stored = Store(root, "iemocap", "").ragged("visual")
    seen = np.concatenate([stored[row] for row in splits.train.rows]).astype(np.float64)
    got = splits.test.__getitems__([1]).inputs["visual"][0].numpy()
    own = stored[splits.test.rows[1]].astype(np.float64)
    expected = (own - np.nanmean(seen, axis=0)) / np.nanstd(seen, axis=0)
    expected = np.where(np.isnan(own), 0, expected.clip(-5, 5))
    np.testing.assert_allclose(got[: len(own)], expected, rtol=1e-4, atol=1e-4)
    assert (got[0] == 0).sum() >= 3


@pytest.mark.slow
def test_several_processes_make_the_same_store(release, root, tmp_path):
    together = prepare(release, tmp_path / "together", features="release", workers=2)
    found = [
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (root, together)
    ]
    assert found[0] == found[1]


def plant(root):
    """Faults by turn, and what is said of them."""
    ids = USED[20:30]
    motion = {path.stem: path for path in root.rglob("MOCAP_rotated/*/*.txt")}
    motion[ids[0]].unlink()
    motion[ids[1]].write_bytes(b"")
    head, axes, *frames = motion[ids[2]].read_text().splitlines()

    def write(id, *lines):
        motion[id].write_text("\n".join(lines))

    write(ids[2], head, axes)
    write(ids[3], head.replace("CH2 CH3", "CH3 CH2"), axes, *frames)
    write(ids[4], "Time Frame#", axes, *frames)
    write(ids[5], head, axes, frames[0], frames[1] + " 1.0")
    write(ids[6], head, axes, *(f"{frame} 1.0" for frame in frames))
    write(ids[7], head, axes, frames[1], frames[0])
    unseen = " ".join(["NaN"] * 165)
    write(ids[8], head, axes, f"1 0.0 {unseen}", f"2 0.00833 {unseen}")
    late = "2 9.0 " + frames[1].split(" ", 2)[2]
    write(ids[9], head, axes, "1 0.0 " + frames[0].split(" ", 2)[2], late)
    said = {
        ids[0]: f"{ids[0]}.txt is missing",
        ids[1]: f"{ids[1]}.txt is empty (0 bytes)",
        ids[2]: f"{ids[2]}.txt has no frames",
        ids[3]: f"{ids[3]}.txt names other markers than the other turns",
        ids[4]: f"{ids[4]}.txt does not begin with Frame#, Time and names of markers",
        ids[5]: f"{ids[5]}.txt has lines that are not 167 numbers each",
        ids[6]: f"{ids[6]}.txt has 168 numbers a line, expected 167",
        ids[7]: f"{ids[7]}.txt has times that do not rise",
        ids[8]: f"{ids[8]}.txt has no marker that was seen",
        ids[9]: f"{ids[9]}.txt has 2 frames of 9.0 s, too few",
    }
    words = {path.stem: path for path in root.rglob("transcriptions/Ses*.txt")}
    for id, change in ((USED[40], f"{USED[40]}x"), (USED[41], None)):
        file = words[id.rpartition("_")[0]]
        lines = file.read_text().splitlines()
        (number,) = [n for n, line in enumerate(lines) if line.startswith(f"{id} ")]
        line = lines[number]
        lines[number] = line.replace(id, change) if change else line.partition("]: ")[0] + "]: --"
        file.write_text("\n".join(lines))
    said[USED[40]] = "there is no transcription"
    said[USED[41]] = "its transcription has no word"
    wav = next(root.rglob(f"{USED[42]}.wav"))
    wav.write_bytes(b"RIFF, or so")
    said[USED[42]] = f"{USED[42]}.wav is no sound, or damaged"
    return {f"{id}: {reason}" for id, reason in said.items()}


def test_planted_faults_are_found_and_named(copied):
    clean = check(copied, **RELEASE)
    assert clean.problems == ()
    assert clean.facts[-1] == "in 50 of 100 turns the actor who speaks wears the markers"
    expected = plant(copied)
    assert set(check(copied, **RELEASE).problems) == expected
    out = copied.parent / "out"
    with pytest.raises(UserError, match="13 of 80 samples cannot be used"):
        prepare(copied, out, **RELEASE)
    made = prepare(copied, out, tolerance=0.17, **RELEASE)
    with (made / "skipped.csv").open() as stream:
        assert {f"{row['id']}: {row['reason']}" for row in csv.DictReader(stream)} == expected
    assert len(Store(made, "iemocap", "").column("id")) == 80 - len(expected)


def write_vectors(file, width=7):
    rng = np.random.default_rng(1)
    words = ["the", "well", "number", *map(str, range(9))]  # and not 9
    lines = [f"{word} {' '.join(f'{x:.4f}' for x in rng.normal(size=width))}" for word in words]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_vectors_of_ones_own(release, tmp_path):
    file = write_vectors(tmp_path / "small.txt")
    made = prepare(release, tmp_path / "out", vectors=file, steps_per_second=50, **RELEASE)
    store = Store(made, "iemocap", "")
    assert store.manifest["options"]["vectors"] == "small.txt"
    assert store.manifest["options"]["widths"]["text"] == 7
    held = {line.split()[0]: line.split()[1:] for line in file.read_text().splitlines()}
    got = store.ragged("text")[USED.index("Ses01F_impro01_F001")]  # Well, number 2.
    np.testing.assert_allclose(got, [np.float32(held[w]) for w in ("well", "number", "2")])
    last = store.ragged("text")[USED.index("Ses01F_impro01_M004")]  # Well, number 9.
    assert not last[2].any()
    assert store.ragged("audio").shapes[0, 0] == store.ragged("visual").shapes[0, 0] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"features_root": "mmin"}, "features=release reads the release alone; leave"),
        ({"steps_per_second": 0}, "got steps_per_second=0, expected 1 to 100"),
        ({"vectors": "none.txt"}, "cannot read none.txt"),
        ({"features": "mmin"}, "--features-root must be given with features='mmin'"),
        ({"features": "mmin", "vectors": "a"}, "vectors are for features=release, got"),
    ],
)
def test_refusals(release, tmp_path, options, said):
    with pytest.raises(UserError, match=said):
        prepare(release, tmp_path / "out", **{**RELEASE, **options})


def test_a_release_without_motion_capture_is_refused(tmp_path):
    root = write_release(tmp_path / "full")
    with pytest.raises(UserError, match="holds no Session1/sentences/MOCAP_rotated"):
        prepare(root, tmp_path / "out", **RELEASE)


def test_stores_of_other_features_are_what_they_were(release, tmp_path):
    """Fingerprints from before features could be made of the release."""
    write_mmin(tmp_path / "mmin")
    write_npz(tmp_path / "npz")
    known = {
        "mmin": "b2b21685ed3672474b82470975830acacd15d14bb33137cd4d4660dd1841d82d",
        "precomputed": "4a0e6705724aa7befd2ed5d861c4e567033952d5b348293626bd3fb550aea274",
    }
    for features, folder in (("mmin", "mmin"), ("precomputed", "npz")):
        options = {"features": features, "features_root": tmp_path / folder, "workers": 0}
        made = prepare(release, tmp_path / f"{features}-store", **options)
        assert Store(made, "iemocap", "").fingerprint == known[features]


SMALL = {"width": 8, "heads": 2, "layers": 1, "feedforward": 8}


def test_the_commands(g2d, release, tmp_path):  # noqa: F811
    out, own = tmp_path / "out", ("--features", "release", "--workers", 0)
    said = g2d("data", "check", "iemocap", "--root", release, *own)
    assert (said.status, said.err) == (0, ""), said.out
    assert "no fault found" in said.out
    said = g2d("data", "prepare", "iemocap", "--root", release, "--out", out, *own)
    assert (said.status, said.err) == (0, "")
    assert f"g2d train iemocap_release --data.root {out}" in said.out
    said = g2d("data", "check", "iemocap", "--root", out)
    assert said.status == 0, said.err
    assert "policy clean-fold1" in said.out
    assert "several turns have the same words" in said.out
    small = [
        f"--encoders.{name}.{option}={value}"
        for name in ("audio", "visual", "text")
        for option, value in SMALL.items()
    ]
    said = g2d(
        *("train", "iemocap_release", "--data.root", out, "--out", tmp_path / "runs"),
        *("--training.epochs", 2, "--data.fold", 2, *small),
    )
    assert said.status == 0, said.err
    (file,) = (tmp_path / "runs").rglob("iemocap-g2d-seed999/result.json")
    result = json.loads(file.read_text())
    assert result["protocol"] == "clean-fold2"
    assert result["samples"] == {"train": 64, "val": 8, "test": 8}
    assert set(result["test"]["accuracy"]) == {"fused", "audio", "visual", "text"}


def test_other_vectors_take_the_encoder_that_fits_them(g2d, release, tmp_path):  # noqa: F811
    file, out = write_vectors(tmp_path / "small.txt"), tmp_path / "out"
    own = ("--features", "release", "--vectors", file, "--workers", 0)
    assert g2d("data", "prepare", "iemocap", "--root", release, "--out", out, *own).status == 0
    train = (
        *("train", "iemocap_release", "--method", "joint", "--data.root", out),
        *("--training.epochs", 1, "--data.modalities", "[audio,text]"),
        *("--out", tmp_path / "runs"),
        *(f"--encoders.audio.{option}={value}" for option, value in SMALL.items()),
    )
    said = g2d(*train)
    assert said.status == 2
    assert "300" in said.err
    said = g2d(*train, "--encoders.text", "auto")
    assert said.status == 0, said.err


def test_markers_are_those_that_readers_of_the_release_count():
    assert len(MARKERS) == len(set(MARKERS)) == 55
