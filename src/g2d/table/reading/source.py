"""Tables of every format as columns of cells: text, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.errors import UserError
from g2d.table.reading.cells import Cell, as_cell
from g2d.table.reading.formats import (
    FORMATS,
    Part,
    delimited_parts,
    json_parts,
    parquet_categories,
    parquet_parts,
    unread_format,
)
from g2d.wording import listed

if TYPE_CHECKING:
    import pandas

Row = dict[str, Cell]
Columns = dict[str, list[Cell]]


@dataclass(frozen=True)
class Table:
    """A table in memory.

    Attributes:
        columns: Cells by column, all of one length; a cell is text, or `None` where it is empty.
        folder: What relative paths in the cells are relative to.
        name: Of the table, for people.
        categories: Columns whose values are names although they may look like numbers: pandas and
            Parquet know a type of such columns.

    Example:
        >>> table = Table({"age": ["3", None]}, Path(), "pets")
        >>> len(table), table.row(1)
        (2, {'age': None})
    """

    columns: Mapping[str, list[Cell]]
    folder: Path
    name: str
    categories: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def row(self, number: int) -> Row:
        """One row, by column."""
        return {name: cells[number] for name, cells in self.columns.items()}

    def column(self, name: str) -> list[Cell]:
        """The cells of one column.

        Raises:
            UserError: There is none of that name.
        """
        if name not in self.columns:
            known = listed(map(repr, self.columns), 20)
            raise UserError(f"{self.name} has no column {name!r}; it has {known}")
        return self.columns[name]


def read_table(
    source: str | Path | pandas.DataFrame, folder: str | Path | None = None, least: int = 1
) -> Table:
    """Reads a whole table.

    Args:
        source: A file (CSV with any usual separator, TSV, Parquet, JSON Lines) or a DataFrame.
        folder: What relative paths in the cells are relative to; the file's own folder, or the
            working directory for a DataFrame, where not given.
        least: So many rows it must have, 0 or 1.

    Raises:
        UserError: It is missing, of another format, empty, or not a table.
    """
    parts = list(iterate_table(source, folder))
    columns: Columns = {name: [] for name in parts[0].columns}
    for part in parts:
        for name, cells in part.columns.items():
            columns[name] += cells
    table = replace(parts[0], columns=columns)
    if len(table) < least:
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

    Yields:
        Parts of the same columns; of a table without rows, one part without rows.

    Raises:
        UserError: It is missing, of another format, empty, or not a table.
    """
    if not isinstance(source, str | Path):
        if not hasattr(source, "itertuples"):
            raise UserError(f"got {type(source).__name__} as a table, expected a file or DataFrame")
        where, name = Path(folder or Path.cwd()), "the DataFrame"
        parts, categories = _frame_parts(source, rows), _categories_of(source)
    else:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"there is no file {path}; expected a table ({FORMATS})")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes); expected a table with a header")
        where, name = Path(folder) if folder is not None else path.parent, path.name
        parts, categories = _file_parts(path, rows), parquet_categories(path)
    for header, columns in parts:
        yield Table(_named(header, columns, name), where, name, categories)


def _named(header: Sequence[object], columns: Sequence[list[Cell]], name: str) -> Columns:
    """Columns by name.

    Raises:
        UserError: There is no column, or two have one name.
    """
    found: Columns = {}
    for number, (label, cells) in enumerate(zip(header, columns, strict=True)):
        title = str(label).strip() or f"Unnamed: {number}"
        if title in found:
            raise UserError(f"{name} has two columns called {title!r}; rename one")
        found[title] = cells
    if not found:
        raise UserError(f"{name} has no columns; expected a table with a header")
    return found


def _file_parts(path: Path, rows: int) -> Iterator[Part]:
    readers = {
        ".csv": delimited_parts,
        ".txt": delimited_parts,
        ".tsv": delimited_parts,
        ".parquet": parquet_parts,
        ".jsonl": json_parts,
        ".ndjson": json_parts,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise UserError(unread_format(path))
    try:
        yield from read(path, rows)
    except (ValueError, OSError, NotImplementedError) as error:
        if isinstance(error, UserError):
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as a table: {reason}") from None


def with_index(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A DataFrame whose index, where it has a name, is a column like others, as in every file.

    Raises:
        UserError: A column has that name, too.
    """
    named = [name for name in frame.index.names if name is not None]
    try:
        return frame.reset_index(level=named) if named else frame
    except ValueError as error:
        raise UserError(f"the DataFrame's index: {error}; rename it") from None


def _frame_parts(frame: pandas.DataFrame, rows: int) -> Iterator[Part]:
    frame = with_index(frame)
    for start in range(0, max(1, len(frame)), rows):
        part = frame.iloc[start : start + rows]
        columns = [part.iloc[:, place].tolist() for place in range(part.shape[1])]
        yield list(frame.columns), [[as_cell(value) for value in cells] for cells in columns]


def _categories_of(frame: pandas.DataFrame) -> frozenset[str]:
    """Columns of the type `category`."""
    found = with_index(frame).dtypes.items()
    return frozenset(str(name).strip() for name, dtype in found if str(dtype) == "category")
