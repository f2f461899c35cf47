"""The files of a run folder: whole, whoever else writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from g2d.files import write_whole


def test_several_writers_of_one_file_leave_it_whole(tmp_path):
    path = tmp_path / "record.json"
    texts = [f"G²D {writer} " * 2000 for writer in range(8)]

    def write(text):
        for _ in range(30):
            write_whole(path, text)
            assert path.read_text(encoding="utf-8") in texts

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_file_that_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "record.json"
    write_whole(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\udc80")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
