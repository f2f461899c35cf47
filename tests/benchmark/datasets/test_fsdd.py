"""The names of recordings, and who is in which split."""

import numpy as np
import pytest

from g2d.benchmark.datasets.fsdd import list_recordings, split_recordings
from g2d.errors import UserError


def test_listing(originals):
    recordings = list_recordings(originals / "fsdd")
    assert len(recordings) == 10 * 3 * 12
    assert {r.speaker for r in recordings} == {"ann", "bob", "cy"}
    assert [r.path.name for r in recordings] == sorted(r.path.name for r in recordings)


def test_inner_folder(tmp_path):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "3_ann_0.wav").touch()
    (found,) = list_recordings(tmp_path)
    assert (found.digit, found.speaker, found.index) == (3, "ann", 0)


@pytest.mark.parametrize("name", ["seven_ann_0.wav", "7-ann-0.wav", "7_ann.wav", "77_ann_0.wav"])
def test_bad_names(tmp_path, name):
    (tmp_path / "3_ann_0.wav").touch()
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"1 of 2 .wav files .* e.g. {name}"):
        list_recordings(tmp_path)


@pytest.mark.parametrize("folder", [".", "nowhere"])
def test_no_files(tmp_path, folder):
    with pytest.raises(UserError, match=r"holds no \.wav files"):
        list_recordings(tmp_path / folder)


def test_official_split(originals):
    parts = split_recordings(list_recordings(originals / "fsdd"), False, np.random.default_rng(0))
    assert {r.index for r in parts["test"]} == {0, 1, 2, 3, 4}
    assert {r.index for r in parts["val"]} == {5, 6, 7, 8, 9}
    assert {r.index for r in parts["train"]} == {10, 11}


def test_speakers_apart(originals):
    recordings = list_recordings(originals / "fsdd")
    parts = split_recordings(recordings, True, np.random.default_rng(0))
    speakers = [{r.speaker for r in part} for part in parts.values()]
    assert [len(who) for who in speakers] == [1, 1, 1]
    assert len(set.union(*speakers)) == 3
    assert sum(len(part) for part in parts.values()) == len(recordings)
    two = [r for r in recordings if r.speaker != "cy"]
    with pytest.raises(UserError, match=r"got 2 speakers \(ann, bob\)"):
        split_recordings(two, True, np.random.default_rng(0))


def test_real(real_data):
    recordings = list_recordings(real_data / "fsdd")
    parts = split_recordings(recordings, False, np.random.default_rng(0))
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 2400,
        "val": 300,
        "test": 300,
    }
    apart = split_recordings(recordings, True, np.random.default_rng(0))
    assert {name: len(part) for name, part in apart.items()} == {
        "train": 2000,
        "val": 500,
        "test": 500,
    }
