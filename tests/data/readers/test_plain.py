"""A plain array comes out row by row."""

from __future__ import annotations

import numpy as np
import torch

from g2d.data.readers.plain import PlainReader


def test_rows_come_in_the_order_asked_for_and_are_copies():
    array = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    reader = PlainReader(array)
    found = reader.read(np.array([3, 0, 3]))
    assert found.dtype == torch.float32
    assert found.tolist() == array[[3, 0, 3]].tolist()
    found.zero_()
    assert array[3].any()
