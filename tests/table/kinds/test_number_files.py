"""CSV files of numbers in a cell, as programs of several countries write them."""

from __future__ import annotations

import numpy as np
import pytest

from g2d.errors import UserError
from g2d.table.kinds.features import read_csv

MEANT = np.array([[0.5, 1234.5], [1.25, 2.0], [-3.75, 1000.25]], np.float32)


@pytest.mark.parametrize("header", ["", "time{s}x\n"])
@pytest.mark.parametrize(
    ("separator", "rows"),
    [
        (",", ["0.5,1234.5", "1.25,2.0", "-3.75,1000.25"]),
        (";", ["0,5;1234,5", "1,25;2,0", "-3,75;1000,25"]),
        (";", ["0,5;1.234,5", "1,25;2,0", "-3,75;1.000,25"]),
        ("\t", ["0,5\t1234,5", "1,25\t2,0", "-3,75\t1000,25"]),
    ],
)
def test_numbers_are_those_that_were_written(separator, rows, header, tmp_path):
    (tmp_path / "a.csv").write_text(header.format(s=separator) + "\n".join(rows) + "\n")
    np.testing.assert_array_equal(read_csv("a.csv", tmp_path), MEANT)


def test_a_cell_that_is_no_number_is_absent_and_a_file_without_any_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,broken\n")
    np.testing.assert_array_equal(read_csv("a.csv", tmp_path), [[1, 2], [3, np.nan]])
    (tmp_path / "b.csv").write_text("x,y\na,b\n")
    with pytest.raises(UserError, match=r"'b\.csv' is no CSV file of numbers"):
        read_csv("b.csv", tmp_path)
