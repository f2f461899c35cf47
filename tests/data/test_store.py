"""Stores: complete or absent, and honest about damage."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from g2d.checksums import sealed
from g2d.data.store import Store, StoredSplit, new_folder, write_manifest
from g2d.errors import UserError

MEND = "make it again"


@pytest.fixture
def folder(tmp_path):
    with new_folder(tmp_path / "store") as partial:
        for name in ("train", "val"):
            np.save(partial / f"{name}-sound.npy", np.arange(12, dtype=np.float32).reshape(4, 3))
            np.save(partial / f"{name}-target.npy", np.arange(4))
        write_manifest(partial, "toy", options={"seed": 1})
    return tmp_path / "store"


def test_round_trip(folder):
    store = Store(folder, "toy", MEND)
    store.verify()
    split = store.split("train", ["sound"])
    assert isinstance(split.inputs["sound"], np.memmap)
    batch = split.__getitems__([3, 1])
    assert batch.inputs["sound"].tolist() == [[9, 10, 11], [3, 4, 5]]
    assert batch.target.tolist() == [3, 1]
    assert store.manifest["options"] == {"seed": 1}
    assert [file.name for file in folder.parent.iterdir()] == ["store"]


def test_sent_to_another_process_it_is_opened_not_copied(folder):
    split = Store(folder, "toy", MEND).split("train", ["sound"])
    copy = pickle.loads(pickle.dumps(split))
    assert isinstance(copy, StoredSplit)
    assert isinstance(copy.inputs["sound"], np.memmap)
    assert torch.equal(copy.target, split.target)


def test_fingerprint_follows_contents_only(folder, tmp_path):
    def made(name, change):
        with new_folder(tmp_path / name) as partial:
            np.save(partial / "train-target.npy", np.arange(4) + change)
            write_manifest(partial, "toy", remark=name)
        return Store(tmp_path / name, "toy", MEND).fingerprint

    assert made("a", 0) == made("b", 0) != made("c", 1)


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="exists already"), new_folder(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_failure_leaves_nothing(tmp_path):
    def fail():
        with new_folder(tmp_path / "out") as partial:
            (partial / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="kills by POSIX signal")
def test_killed_run_leaves_no_store(tmp_path):
    code = (
        "import sys, time; from g2d.data.store import new_folder\n"
        "with new_folder(sys.argv[1]) as partial:\n"
        "    (partial / 'half').write_text('half'); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out")])
    until = time.monotonic() + 30
    while not (begun := list(tmp_path.rglob("half"))) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert begun  # it was killed in the middle
    assert not (tmp_path / "out").exists()
    with new_folder(tmp_path / "out"):
        pass  # and the next run is not in its way


def shorten(file):
    file.write_bytes(file.read_bytes()[:-3])


def empty(file):
    file.write_bytes(b"")


def reshape(file):
    np.save(file, np.zeros((5, 3), np.float32))


def retype(file):
    np.save(file, np.zeros((4, 3), np.float64))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (shorten, "is damaged"),
        (empty, "is damaged"),
        (reshape, "expected"),
        (retype, "expected"),
        (lambda file: file.unlink(), "is missing"),
    ],
)
def test_damaged_array(folder, fault, said):
    fault(folder / "train-sound.npy")
    with pytest.raises(UserError, match=said) as error:
        Store(folder, "toy", MEND).split("train", ["sound"])
    assert "train-sound.npy" in str(error.value)
    assert str(error.value).endswith(MEND)
    assert "\n" not in str(error.value)


def test_flipped_byte_is_found_by_verify(folder):
    file = folder / "val-sound.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    store = Store(folder, "toy", MEND)
    with pytest.raises(UserError, match=r"val-sound.npy is damaged"):
        store.verify()
    with pytest.raises(UserError, match=r"val-sound.npy is damaged: its checksum differs"):
        store.split("val", ["sound"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "other"}, "holds 'other'"),
        ({"format": 99}, "format 99"),
        ({"fingerprint": "0"}, "was changed"),
        ({"arrays": {}}, "was changed"),
        ({"arrays": None}, "was changed"),
    ],
)
def test_foreign_manifest(folder, change, said):
    file = folder / "manifest.json"
    file.write_text(json.dumps(sealed({**json.loads(file.read_text()), **change})))
    with pytest.raises(UserError, match=said):
        Store(folder, "toy", MEND)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3"])
def test_broken_manifest(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest.json is damaged"):
        Store(folder, "toy", MEND)


def test_nothing_there(tmp_path):
    with pytest.raises(UserError, match=r"is no prepared toy .*; make it again"):
        Store(tmp_path / "nowhere", "toy", MEND)


def test_unknown_array(folder):
    with pytest.raises(UserError, match="no array 'test-sound'"):
        Store(folder, "toy", MEND).split("test", ["sound"])
