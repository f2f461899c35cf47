"""Sheets come out as they were written, and what is no sheet is refused in words."""

from __future__ import annotations

import math
import zipfile
from datetime import datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.datasets.misme.miniature import write_sheet
from g2d.benchmark.datasets.tables import is_missing, number, read_sheet
from g2d.errors import UserError

COLUMNS = ("name", "a", "b")
CELLS = st.none() | st.booleans() | st.integers(-(10**9), 10**9)
CELLS |= st.integers(-(10**9), 10**9).map(lambda n: n / 1000)  # a workbook keeps 15 digits
CELLS |= st.text("abc é=,", min_size=1, max_size=6).filter(lambda t: t[0] != "=" and t.strip())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sheet.xlsx"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6))
def test_what_was_written_is_read(path, rows):
    written = [{"name": f"r{i}", "a": a, "b": b} for i, (a, b) in enumerate(rows)]
    write_sheet(path, written, COLUMNS)
    found = read_sheet(path, ("b", "name", "a"))
    assert [row["row"] for row in found] == list(range(2, len(rows) + 2))
    for row, expected in zip(found, written, strict=True):
        assert {name: row[name] for name in COLUMNS} == expected


def test_other_columns_empty_rows_and_other_sheets_are_passed_over(path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in ([None, "  name ", "x", "when"], [0, "one", 3, datetime(2021, 3, 6, 13)], [], [1]):
        sheet.append(row)
    sheet.append([2, "two"])
    book.create_sheet("notes").append(["nothing"])
    book.save(path)
    found = read_sheet(path, ("name",), optional=("when", "where"))
    assert found == [
        {"row": 2, "name": "one", "when": datetime(2021, 3, 6, 13)},
        {"row": 4, "name": None, "when": None},
        {"row": 5, "name": "two", "when": None},
    ]


def test_a_sheet_that_states_a_wrong_size_is_read_whole(path, tmp_path):
    """As some programs write it: the size of the sheet is said to be one cell."""
    write_sheet(path, [{"name": "one", "a": 1}, {"name": "two", "a": 2}], COLUMNS)
    lying = tmp_path / "lying.xlsx"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(lying, "w") as changed:
        for item in whole.namelist():
            content = whole.read(item)
            changed.writestr(
                item, content.replace(b'<dimension ref="A1:C3"', b'<dimension ref="A1"')
            )
    assert lying.stat().st_size != path.stat().st_size
    assert [row["a"] for row in read_sheet(lying, COLUMNS)] == [1, 2]


def test_columns_that_are_not_there(path):
    write_sheet(path, [{"name": "one"}], COLUMNS)
    with pytest.raises(UserError, match=r"no column 'c', 'd'; its columns: name, a, b; name them"):
        read_sheet(path, ("c", "a", "d"))
    write_sheet(path, [{"name": "one"}], ("name", "name"))
    with pytest.raises(UserError, match="has the column 'name' twice"):
        read_sheet(path, ("name",))
    write_sheet(path, [], COLUMNS)
    with pytest.raises(UserError, match="no rows below its header"):
        read_sheet(path, COLUMNS)
    openpyxl.Workbook().save(path)
    with pytest.raises(UserError, match="no column 'name'; its columns: none"):
        read_sheet(path, ("name",))


def test_what_is_no_workbook(path):
    with pytest.raises(UserError, match=r"sheet\.xlsx is missing"):
        read_sheet(path, ("name",))
    path.write_text("name,a,b\none,1,2\n")
    with pytest.raises(UserError, match="is no Excel workbook, or a damaged one"):
        read_sheet(path, ("name",))
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("readme.txt", "no workbook")
    with pytest.raises(UserError, match="is no Excel workbook, or a damaged one"):
        read_sheet(path, ("name",))
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(UserError, match="Git LFS pointer"):
        read_sheet(path, ("name",))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1), value=st.integers(0, 255), keep=st.floats(0.1, 1))
def test_a_damaged_workbook_is_read_or_refused_in_words(path, place, value, keep):
    write_sheet(path, [{"name": "one", "a": 1, "b": 2.5}] * 3, COLUMNS)
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] = value
    path.write_bytes(content[: int(keep * len(content)) + 1])
    try:
        said = str(read_sheet(path, COLUMNS))
    except UserError as error:
        said = str(error)
    assert said.startswith(("[{'row': 2", str(path.parent)))


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.text(max_size=8))
def test_a_cell_is_a_finite_number_or_none(cell):
    value = number(cell)
    assert math.isfinite(value) or math.isnan(value)
    if isinstance(cell, float) and math.isfinite(cell):
        assert value == cell
    if is_missing(cell):
        assert math.isnan(value)
