"""Tables of every format as columns of cells: text, or nothing."""

from __future__ import annotations

import csv
import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.errors import UserError, require

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

Cell = str | None
Row = dict[str, Cell]

_SEPARATORS = ",;\t|"
_FORMATS = ".csv, .tsv, .txt, .parquet, .jsonl, .ndjson"


@dataclass(frozen=True)
class Table:
    """A table in memory.

    Attributes:
        columns: Cells by column, all of one length; a cell is text, or `None` where it is empty.
        folder: What relative paths in the cells are relative to.
        name: Of the table, for people.

    Example:
        >>> table = Table({"age": ["3", None]}, Path(), "pets")
        >>> len(table), table.row(1)
        (2, {'age': None})
    """

    columns: Mapping[str, list[Cell]]
    folder: Path
    name: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def row(self, number: int) -> Row:
        """One row."""
        return {name: cells[number] for name, cells in self.columns.items()}

    def column(self, name: str) -> list[Cell]:
        """One column.

        Raises:
            UserError: There is none of that name.
        """
        if name not in self.columns:
            known = ", ".join(map(repr, self.columns))
            raise UserError(f"{self.name} has no column {name!r}; it has {known}")
        return self.columns[name]


def read_table(source: str | Path | pandas.DataFrame, folder: str | Path | None = None) -> Table:
    """Reads a whole table.

    Args:
        source: A file (CSV with any usual separator, TSV, Parquet, JSON Lines) or a DataFrame.
        folder: What relative paths in the cells are relative to; the file's own folder, or the
            working directory for a DataFrame, where not given.

    Raises:
        UserError: It is missing, of another format, empty, or not a table.
    """
    parts = list(iterate_table(source, folder))
    columns: dict[str, list[Cell]] = {name: [] for name in parts[0].columns}
    for part in parts:
        for name, cells in part.columns.items():
            columns[name] += cells
    table = Table(columns, parts[0].folder, parts[0].name)
    if len(table) == 0:
        raise UserError(f"{table.name} has no rows; expected one a sample below the header")
    return table


def iterate_table(
    source: str | Path | pandas.DataFrame,
    folder: str | Path | None = None,
    rows: int = 10_000,
) -> Iterator[Table]:
    """Reads a table a few rows at a time, however long it is.

    Args:
        source: As in `read_table`.
        folder: As in `read_table`.
        rows: In one part.

    Raises:
        UserError: As in `read_table`.
    """
    if not isinstance(source, str | Path):
        yield _from_frame(source, Path(folder or Path.cwd()), "the DataFrame")
        return
    path = Path(source)
    if not path.is_file():
        raise UserError(f"there is no file {path}; expected a table ({_FORMATS})")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes); expected a table with a header")
    where = Path(folder) if folder is not None else path.parent
    for frame in _frames(path, rows):
        yield _from_frame(frame, where, path.name)


def _frames(path: Path, rows: int) -> Iterator[pandas.DataFrame]:
    pandas = require("pandas", "tables")
    ending = path.suffix.lower()
    try:
        if ending in {".csv", ".tsv", ".txt"}:
            encoding = _encoding(path)
            options = {"dtype": str, "keep_default_na": False, "encoding": encoding}
            separator = "\t" if ending == ".tsv" else _separator(path, encoding)
            yield from pandas.read_csv(path, sep=separator, chunksize=rows, **options)
        elif ending == ".parquet":
            require("pyarrow", "tables")
            from pyarrow.parquet import ParquetFile

            for batch in ParquetFile(path).iter_batches(batch_size=rows):
                yield batch.to_pandas()
        elif ending in {".jsonl", ".ndjson"}:
            yield from _json_lines(path, rows)
        else:
            raise UserError(f"{path.name} is of no known format; expected {_FORMATS}")
    except (ValueError, OSError) as error:  # pandas' and pyarrow's errors are these
        if isinstance(error, UserError):
            raise
        said = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as a table: {said}") from None


def _json_lines(path: Path, rows: int) -> Iterator[pandas.DataFrame]:
    pandas = require("pandas", "tables")
    held: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise UserError(f"{path.name}, line {number}: expected a JSON object")
            held.append(row)
            names |= dict.fromkeys(row)
            if len(held) == rows:
                yield pandas.DataFrame(held, columns=list(names), dtype=object)
                held = []
    if held:
        yield pandas.DataFrame(held, columns=list(names), dtype=object)


def _encoding(path: Path) -> str:
    """UTF-8, with or without a mark; else the Western encoding of old spreadsheets."""
    with path.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        stream.seek(0)
        try:
            for block in iter(lambda: stream.readline(), b""):
                block.decode("utf-8")
        except UnicodeDecodeError:
            logger.warning("%s is not UTF-8; read as Windows-1252", path)
            return "cp1252"
    return "utf-8-sig"


def _separator(path: Path, encoding: str) -> str:
    """The separator that cuts the header into most columns."""
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        header = stream.readline()
    counts = {s: len(next(csv.reader([header], delimiter=s), [])) for s in _SEPARATORS}
    return max(_SEPARATORS, key=lambda s: counts[s])


def _from_frame(frame: pandas.DataFrame, folder: Path, name: str) -> Table:
    twice = [str(column) for column in frame.columns[frame.columns.duplicated()]]
    if twice:
        raise UserError(f"{name} has two columns called {twice[0]!r}; rename one")
    columns = {str(label): [as_cell(v) for v in frame[label].tolist()] for label in frame.columns}
    return Table(columns, folder, name)


def as_cell(value: Any) -> Cell:
    """A value as text; numbers keep every digit, lists become JSON, what is missing `None`.

    Example:
        >>> as_cell(0.1), as_cell(" "), as_cell(float("nan")), as_cell([1, 2]), as_cell(True)
        ('0.1', None, None, '[1, 2]', 'true')
    """
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if math.isnan(value) else repr(value)
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return as_cell(value.tolist())
    if isinstance(value, list | dict):
        return json.dumps(value)
    return str(value)
