"""Files of tables, a few rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from g2d.errors import UserError, require
from g2d.table.reading.cells import Cell, as_cell, cells_of_text
from g2d.table.reading.delimited import delimited, encoding_of

# A header, and below it the cells, column by column.
Part = tuple[Sequence[object], Sequence[list[Cell]]]
FORMATS = ".csv, .tsv, .txt, .parquet, .jsonl, .ndjson"
_ADVICE = {
    **dict.fromkeys([".xlsx", ".xls", ".xlsm", ".ods", ".numbers"], "save the sheet as CSV"),
    **dict.fromkeys([".gz", ".bz2", ".xz", ".zst", ".zip", ".7z"], "unpack it"),
    ".json": "write one object a line, as .jsonl",
    **dict.fromkeys([".feather", ".arrow", ".pkl", ".pickle", ".h5"], "write it as Parquet"),
    ".dat": "rename it to .csv where it is text",
}
# So pandas calls an index without a name; it writes none of rows that are numbered from 0.
_INDEX = "__index_level_"


def unread_format(path: Path) -> str:
    """The message about a file that is no table by its name.

    Example:
        >>> unread_format(Path("a/prices.xlsx"))[:44]
        'prices.xlsx is of no known format; expected '
    """
    advice = _ADVICE.get(path.suffix.lower())
    return f"{path.name} is of no known format; expected {FORMATS}" + (
        f": {advice}" if advice else ""
    )


def other_table(name: str) -> bool:
    """Whether a name is that of a table in a format that is not read.

    Example:
        >>> other_table("prices.xlsx"), other_table("prices.csv"), other_table("own.yaml")
        (True, False, False)
    """
    return Path(name).suffix.lower() in _ADVICE


def delimited_parts(path: Path, rows: int) -> Iterator[Part]:
    """The parts of CSV and similar files."""
    lines = delimited(path, "\t" if path.suffix.lower() == ".tsv" else None)
    header = next(lines, [])
    part = list(islice(lines, rows))
    yield header, _of_text(part, len(header))
    while part := list(islice(lines, rows)):
        yield header, _of_text(part, len(header))


def _of_text(rows: Sequence[Sequence[str]], width: int) -> list[list[Cell]]:
    if not rows:
        return [[] for _ in range(width)]
    return [cells_of_text(column) for column in zip(*rows, strict=True)]


def _turned(rows: Sequence[Sequence[object]], width: int) -> list[list[Cell]]:
    if not rows:
        return [[] for _ in range(width)]
    return [[as_cell(value) for value in column] for column in zip(*rows, strict=True)]


def parquet_parts(path: Path, rows: int) -> Iterator[Part]:
    """Parquet, without the numbers of rows that pandas adds."""
    require("pyarrow", "tables")
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(path)
    header = [name for name in file.schema_arrow.names if not name.startswith(_INDEX)]
    empty = True
    for batch in file.iter_batches(batch_size=rows, columns=header):
        empty = False
        yield header, [[as_cell(v) for v in column.to_pylist()] for column in batch.columns]
    if empty:
        yield header, [[] for _ in header]


def parquet_categories(path: Path) -> frozenset[str]:
    """Columns of a Parquet file that are categories by their type, as pandas writes them."""
    if path.suffix.lower() != ".parquet":
        return frozenset()
    require("pyarrow", "tables")
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema
    from pyarrow.types import is_dictionary

    try:
        schema = read_schema(path)
    except (ArrowException, OSError):  # reading the file reports why it cannot be read
        return frozenset()
    # of numbers, what is written has no such type, and pandas records it in its metadata
    columns = (schema.pandas_metadata or {}).get("columns", [])
    named = {column["name"] for column in columns if column["pandas_type"] == "categorical"}
    return frozenset({*named, *(field.name for field in schema if is_dictionary(field.type))})


def has_nameless_index(path: Path) -> bool:
    """Whether a Parquet file has an index of pandas without a name that is not 0, 1, 2, ..."""
    if path.suffix.lower() != ".parquet":
        return False
    require("pyarrow", "tables")
    from pyarrow.parquet import read_schema

    return any(name.startswith(_INDEX) for name in read_schema(path).names)


def json_parts(path: Path, rows: int) -> Iterator[Part]:
    """JSON Lines; read twice, since any line may bring a new column."""
    header = list(dict.fromkeys(key for row in _json_rows(path) for key in row))
    found = _json_rows(path)
    part = list(islice(found, rows))
    yield header, _turned([[row.get(key) for key in header] for row in part], len(header))
    while part := list(islice(found, rows)):
        yield header, _turned([[row.get(key) for key in header] for row in part], len(header))


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding=encoding_of(path), errors="replace") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise UserError(
                    f"{path.name}, line {number}: got {line.strip()[:40]!r}, expected one JSON "
                    "object in each line"
                )
            yield row
