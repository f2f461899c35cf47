"""IDX files against bytes written by the format's description."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from g2d.benchmark.datasets.idx import read_idx
from g2d.errors import UserError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode(array, code):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, CODES[code], array.ndim]) + sizes + array.astype(">" + code).tobytes()


@st.composite
def arrays(draw):
    code = draw(st.sampled_from(list(CODES)))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    return code, draw(hnp.arrays(np.dtype(code), shape))


@given(given=arrays(), zipped=st.booleans())
def test_round_trip(tmp_path_factory, given, zipped):
    code, array = given
    data = encode(array, code)
    file = tmp_path_factory.mktemp("idx") / "file"
    file.write_bytes(gzip.compress(data) if zipped else data)
    got = read_idx(file)
    assert got.dtype == np.dtype(code)
    np.testing.assert_array_equal(got, array)


@given(cut=st.integers(0, 27), zipped=st.booleans())
def test_every_truncation_is_told(tmp_path_factory, cut, zipped):
    data = encode(np.arange(16).reshape(4, 4), "u1")
    data = gzip.compress(data) if zipped else data
    file = tmp_path_factory.mktemp("idx") / "file"
    file.write_bytes(data[:cut])
    with pytest.raises(UserError) as error:
        read_idx(file)
    assert "\n" not in str(error.value)
    assert str(file) in str(error.value)


@given(data=st.binary(max_size=60))
def test_no_bytes_crash_it(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("idx") / "file"
    file.write_bytes(data)
    try:
        got = read_idx(file)
    except UserError:
        return
    assert got.nbytes <= len(data)


def test_trailing_bytes(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(encode(np.arange(3), "u1") + b"more")
    with pytest.raises(UserError, match="holds 7 bytes of data, expected 3"):
        read_idx(file)


def test_missing(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_idx(tmp_path / "nothing")


def test_mnist(real_data):
    pixels = read_idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(real_data / "mnist" / "t10k-labels-idx1-ubyte.gz")
    assert pixels.shape == (10000, 28, 28)
    # Class counts of MNIST's test set as published.
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(labels).tolist() == counts
