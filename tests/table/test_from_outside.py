"""What can be known of a file before it is decoded, and cells that only a stranger would write."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
import soundfile
from PIL import Image

from g2d.errors import UserError
from g2d.table.kinds import Audio, Features, SequenceOfVectors, Tabular
from g2d.table.kinds import Image as Pictures


def test_the_size_of_a_picture_is_that_of_its_pixels(tmp_path):
    Image.new("L", (300, 200)).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        expected = np.asarray(picture).nbytes  # it stays grey until it is small
    assert Pictures(["a"]).unpacked(tmp_path / "a.jpg") == expected


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_the_size_of_a_recording_is_that_of_its_samples(tmp_path, ending):
    file = tmp_path / f"a.{ending}"
    soundfile.write(file, np.zeros((4000, 2), np.float32), 8000)
    expected = soundfile.read(file, dtype="float32")[0].nbytes
    assert Audio(["a"]).unpacked(file) == expected


def test_what_is_neither_has_no_size(tmp_path):
    (tmp_path / "a").write_bytes(b"neither")
    assert Pictures(["a"]).unpacked(tmp_path / "a") == 0
    assert Audio(["a"]).unpacked(tmp_path / "a") == 0


@pytest.mark.parametrize("shape", ["(10**15,)", "(1000000000000000,)", f"({'9' * 30},)", "(-3,)"])
def test_a_vector_whose_header_lies_is_refused(tmp_path, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    (tmp_path / "a.npy").write_bytes(start + header.encode() + b"1234")
    with pytest.raises(UserError, match=r"'a\.npy' is no \.npy file of numbers"):
        Features(["a"]).decode({"a": "a.npy"}, tmp_path)


def test_an_archive_is_no_vector(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    with pytest.raises(UserError, match=r"is no \.npy file of numbers"):
        Features(["a"]).decode({"a": "a.npz"}, tmp_path)


def test_a_list_without_end_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no list of lists of numbers"):
        SequenceOfVectors(["a"]).decode({"a": "[" * 200_000}, tmp_path)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be changed here")
@pytest.mark.parametrize("cell", ["0001-01-01", "2024-03-31T02:30", "9999-12-31"])
def test_a_date_is_the_same_in_every_time_zone(cell, tmp_path, monkeypatch):
    """Runs are trained here and used there; the first and last years are in every zone."""
    vectors = []
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        monkeypatch.setitem(os.environ, "TZ", zone)
        time.tzset()
        try:
            kind = Tabular(["a"], types={"a": "date"})
            fitted = [kind.decode({"a": "2024-01-01"}, tmp_path)]
            kind.fit(fitted.__iter__)
            vectors.append(kind.finish(kind.decode({"a": cell}, tmp_path)))
        finally:
            monkeypatch.undo()
            time.tzset()
    assert np.array_equal(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[2])
