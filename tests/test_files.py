"""Files are written whole or not at all, whoever writes them and whatever goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from g2d import files
from g2d.errors import UserError
from g2d.files import atomic, remove_leftovers, write_whole

WRITE = {
    "bytes": lambda stream: stream.write(b"new" * 100_000),
    "torch": lambda stream: torch.save({"a": torch.zeros(100_000)}, stream),
    "numpy": lambda stream: np.save(stream, np.zeros(100_000)),
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
@pytest.mark.parametrize("by", WRITE)
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, by):
    path = tmp_path / "file"
    path.write_text("old")

    def write():
        with atomic(path) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            with temporary.open("wb") as stream:
                WRITE[by](stream)

    with pytest.raises(UserError, match=rf"^{path} cannot be written: the disk is full .* MB free"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_is_stopped_leaves_nothing(tmp_path):
    def stopped():
        with atomic(tmp_path / "new" / "file") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not list((tmp_path / "new").iterdir())


def test_of_several_writers_one_wins(tmp_path):
    path = tmp_path / "file"
    texts = [str(number) * 100_000 for number in range(8)]
    writers = [threading.Thread(target=write_whole, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import sys, time
from pathlib import Path
from g2d.files import atomic, temporary_folder
folder = Path(sys.argv[1])
with temporary_folder(folder, "work") as work, atomic(folder / "file") as temporary:
    (work / "half").write_text("half")
    temporary.write_text("half")
    print("there", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="locks and signals of POSIX")
def test_what_a_killed_writer_leaves_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    source = str(Path(files.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([source, *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, env=environment
    ) as writer:
        writer.stdout.readline()
        write_whole(tmp_path / "other", "whole")
        assert len(list(tmp_path.iterdir())) == 3
        writer.kill()
    write_whole(tmp_path / "other", "whole")
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


def test_a_file_that_needs_more_room_than_there_is_is_not_begun(tmp_path):
    def write():
        with atomic(tmp_path / "file", size=10**18):
            raise AssertionError

    with pytest.raises(UserError, match=r"the disk is full \(1000000000000\.0 MB needed, "):
        write()
    assert not list(tmp_path.iterdir())


def test_files_of_others_are_let_alone(tmp_path):
    others = [tmp_path / "notes.0123456789ab.tmp", tmp_path / "a.g2d-00000000-0123456789ab.tmp"]
    for other in others:
        other.write_text("not ours")
    write_whole(tmp_path / "a.txt", "ours")
    assert all(other.exists() for other in others)


def test_weights_keep_their_lock_while_they_are_written(tmp_path):
    """Another writer of the folder, in the middle, does not take them for a leftover."""
    with atomic(tmp_path / "model.safetensors") as temporary:
        temporary.write_bytes(b"half")
        remove_leftovers(tmp_path)
        assert temporary.exists()
    assert (tmp_path / "model.safetensors").read_bytes() == b"half"
