"""Files are written whole or not at all, whoever writes them and whatever goes wrong."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from g2d.errors import UserError
from g2d.files import atomic, write_whole

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
