"""Any table of text and gaps, written in any format, is read as the same table."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.table.reading.cells import as_cell
from g2d.table.reading.source import iterate_table, read_table

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# signs that have a meaning in one format or the other are drawn more often
tricky = st.text(st.sampled_from("ab,;|\t\"'\n\r\\ \ufeff0.-"), max_size=8)
cells = st.none() | words | tricky
NAMES = ["a", "b, c", 'd "e"', "f;g"]


@st.composite
def tables(draw):
    names = NAMES[: draw(st.integers(2, 4))]
    rows = draw(st.lists(st.tuples(*[cells] * len(names)), min_size=1, max_size=6))
    return names, rows


def as_read(cell):
    """What is left of a text cell: no spaces around it, nothing where a word says so."""
    stripped = None if cell is None else cell.strip()
    if stripped in {"True", "TRUE", "False", "FALSE"}:
        return stripped.lower()
    nothing = {"nan", "NaN", "NAN", "<NA>", "NaT", "null", "NULL", "#N/A", "#NA", "N/A", "n/a"}
    return None if not stripped or stripped in nothing | {"\\N"} else stripped


def write(path, names, rows):
    frame = pandas.DataFrame(rows, columns=names, dtype=object)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
        path.write_text("\n".join(lines) + "\n")
    else:
        with path.open("w", newline="", encoding="utf-8") as stream:
            separator = "\t" if path.suffix == ".tsv" else ","
            writer = csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL)
            writer.writerow(names)
            writer.writerows(rows)


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_formats_agree_with_what_was_written(tmp_path, ending, table):
    names, rows = table
    path = tmp_path / f"t.{ending}"
    write(path, names, rows)
    read = read_table(path)
    expected = {n: [as_read(row[i]) for row in rows] for i, n in enumerate(names)}
    assert dict(read.columns) == expected
    assert (read.folder, read.name, len(read)) == (tmp_path, path.name, len(rows))
    frame = pandas.DataFrame(rows, columns=names, dtype=object)
    assert dict(read_table(frame).columns) == expected


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), separator=st.sampled_from(",;|"), ends=st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_module_writes_with_as_few_quotes_as_it_can(tmp_path, table, separator, ends):
    names, rows = table
    # Python's writer leaves a carriage return without quotes
    rows = [tuple(cell and cell.replace("\r", " ") for cell in row) for row in rows]
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator=ends)
        writer.writerow([f"name {number}" for number in range(len(names))])
        writer.writerows(rows)
    read = list(read_table(path).columns.values()) if any(map(any, rows)) else None
    if read is None or len(read) != len(names):
        return  # cells that hold other separators in each row alike can outweigh the true one
    for number, column in enumerate(read):
        expected = [as_read(row[number]) for row in rows]
        if separator == ";":
            expected = [c and c.replace(",", ".") if _decimal(c) else c for c in expected]
        assert column == expected


def _decimal(cell):
    left, comma, right = (cell or "").partition(",")
    return (
        comma
        and left.lstrip("-").isdigit()
        and len(left.lstrip("-")) >= len(left) - 1
        and (right.isdigit())
    )


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(allow_nan=False) | st.integers() | st.none(), min_size=1))
def test_numbers_keep_every_digit(tmp_path, values):
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"x": v}) + "\n" for v in values))
    read = read_table(tmp_path / "t.jsonl").column("x")
    for cell, value in zip(read, values, strict=True):
        if value is None:
            assert cell is None
        else:
            assert (int(cell) if isinstance(value, int) else float(cell)) == value


def test_every_part_has_all_columns_whatever_line_brings_them(tmp_path):
    path = tmp_path / "t.jsonl"
    lines = [{"a": 1}, {"b": 2}, {"a": 3, "c": [1, None]}, {}]
    path.write_text("\n\n".join(map(json.dumps, lines)))
    parts = list(iterate_table(path, rows=1))
    assert [list(part.columns) for part in parts] == [["a", "b", "c"]] * 4
    whole = {"a": ["1", None, "3", None], "b": [None, "2", None, None]}
    assert dict(read_table(path).columns) == {**whole, "c": [None, None, "[1, null]", None]}


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "frame"])
def test_parts_are_the_whole_cut_in_pieces(tmp_path, ending):
    rows = [(str(number), f"text {number}") for number in range(25)]
    source = tmp_path / f"t.{ending}"
    if ending == "frame":
        source = pandas.DataFrame(rows, columns=["n", "t"])
    else:
        write(source, ["n", "t"], rows)
    parts = list(iterate_table(source, rows=10))
    assert [len(part) for part in parts] == [10, 10, 5]
    assert [cell for part in parts for cell in part.column("n")] == [row[0] for row in rows]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbfname;size\r\nm\xc3\xbc;1,5\r\n", {"name": ["mü"], "size": ["1,5"]}),
        ("a,b\nü,1\n".encode("utf-16"), {"a": ["ü"], "b": ["1"]}),
        (b"a,b\nM\xfcller,1\nK\xf6hler,2\n", {"a": ["Müller", "Köhler"], "b": ["1", "2"]}),
        (b'a,b\n"x\r\ny",1\n', {"a": ["x\r\ny"], "b": ["1"]}),
        (b" a , b \n 1 , 2 \n", {"a": ["1"], "b": ["2"]}),
        (b"a|b\n1|2,3\n", {"a": ["1"], "b": ["2,3"]}),
        (b"a,b\n1,2\n\n\n3,4\n", {"a": ["1", "3"], "b": ["2", "4"]}),
        (b"a,b\n1,2,\n3,4,\n", {"a": ["1", "3"], "b": ["2", "4"]}),
        (b"a,b\n1\n", {"a": ["1"], "b": [None]}),
        (b",a\n0,x\n1,y\n", {"Unnamed: 0": ["0", "1"], "a": ["x", "y"]}),
        (b'"a, in m;cm";b\n1;2\n', {"a, in m;cm": ["1"], "b": ["2"]}),
        (b"x, y, z;b\n1;2\n3;4\n", {"x, y, z": ["1", "3"], "b": ["2", "4"]}),
        (b'"a\nb",c\n1,2\n', {"a\nb": ["1"], "c": ["2"]}),
        (b"a,b\rc,d\r", {"a": ["c"], "b": ["d"]}),
    ],
)
def test_files_of_spreadsheets(tmp_path, content, expected):
    (tmp_path / "t.csv").write_bytes(content)
    assert dict(read_table(tmp_path / "t.csv").columns) == expected


def test_one_broken_line_does_not_break_the_letters_of_the_others(tmp_path, caplog):
    lines = ["name,y", *["Zoë,1"] * 5]
    content = "\n".join(lines).encode() + b"\nM\xfcller,2\n"
    (tmp_path / "t.csv").write_bytes(content)
    assert read_table(tmp_path / "t.csv").column("name") == [*["Zoë"] * 5, "M\ufffdller"]
    assert "1 lines that are not UTF-8" in caplog.text


def test_tabs_and_lonely_quotes(tmp_path):
    (tmp_path / "t.tsv").write_text('file\tsentence\na.mp3\t"Yes, he said.\nb.mp3\tNo\n')
    assert read_table(tmp_path / "t.tsv").column("sentence") == ['"Yes, he said.', "No"]


def test_a_cell_longer_than_the_csv_module_likes(tmp_path):
    before = csv.field_size_limit()
    (tmp_path / "t.csv").write_text(f"a,b\n{'x' * 300_000},1\n")
    assert len(read_table(tmp_path / "t.csv").column("a")[0]) == 300_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"a,b,a\n1,2,3\n", "two columns called 'a'"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "line 3: got 3 cells, expected 2"),
        ("t.csv", b'a,b\n1,"2\n3,4\n', "line"),
        ("t.csv", b"", "empty"),
        ("t.csv", b"\n\n", "no columns"),
        ("t.parquet", b"PAR1 is not enough", "cannot be read as a table"),
        ("t.jsonl", b'{"a": 1}\n[1, 2]\n', "line 2"),
        ("t.jsonl", b'{"a": 1', "line 1"),
        ("t.jsonl", b"\n\n", "no columns"),
        ("t.xlsx", b"PK", "no known format"),
    ],
)
def test_what_is_no_table_is_said_in_one_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_sources_that_are_nothing(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="got list as a table"):
        read_table([1, 2])  # type: ignore[arg-type]
    for empty in (pandas.DataFrame({"a": []}), pandas.DataFrame()):
        with pytest.raises(UserError, match=r"no rows|no columns"):
            read_table(empty)
    frame = pandas.DataFrame([[1, 2]], columns=["a", " a"])
    with pytest.raises(UserError, match="two columns called 'a'"):
        read_table(frame)


def test_parquet_without_rows_and_with_whole_numbers_that_have_gaps(tmp_path):
    big = 2**62 + 1
    frame = pandas.DataFrame(
        {"n": pandas.array([big, None], "Int64"), "day": [date(2024, 2, 3)] * 2}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert dict(read.columns) == {"n": [str(big), None], "day": ["2024-02-03"] * 2}
    frame[:0].to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(UserError, match="no rows"):
        read_table(tmp_path / "empty.parquet")


def test_an_index_with_a_name_is_a_column_and_one_without_is_none(tmp_path):
    frame = pandas.DataFrame({"a": [1, 2, 3]}, index=[7, 8, 9])
    assert dict(read_table(frame[frame.a > 1]).columns) == {"a": ["2", "3"]}
    frame[frame.a > 1].to_parquet(tmp_path / "t.parquet")
    assert dict(read_table(tmp_path / "t.parquet").columns) == {"a": ["2", "3"]}
    frame.index.name = "k"
    assert read_table(frame).column("k") == ["7", "8", "9"]
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").column("k") == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        (np.int8(3), "3"),
        (np.bool_(False), "false"),
        (3.0, "3"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (10**30, "1" + "0" * 30),
        (pandas.NA, None),
        (pandas.NaT, None),
        (Decimal("1.50"), "1.50"),
        (Decimal("NaN"), None),
        (pandas.Timestamp("2024-01-02T03:04:05.000000006"), "2024-01-02T03:04:05.000000006"),
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
        (timedelta(hours=1), "3600"),
        (np.array([[1.5, 2]]), "[[1.5, 2.0]]"),
        ([np.float32(0.5), (1, 2)], "[0.5, [1, 2]]"),
        ({"a": date(2024, 1, 2)}, '{"a": "2024-01-02"}'),
        (b"caf\xc3\xa9", "café"),
        ("\ud800x", "\ufffd\ufffd\ufffdx"),
        ("  None ", "None"),
        ("NaN", None),
    ],
)
def test_values_as_cells(value, cell):
    assert as_cell(value) == cell


def test_pictures_within_a_table_are_refused_in_words():
    with pytest.raises(UserError, match="write them into a file"):
        as_cell({"bytes": b"\x89PNG"})
