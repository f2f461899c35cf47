"""Tables in Excel workbooks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from g2d.data.preparation import UnusableError, readable
from g2d.errors import UserError, require

# What people and programs write where they have no number.
_MISSING = frozenset({"", "-", "--", "?", "na", "n/a", "#n/a", "nan", "null", "none", "missing"})


def read_sheet(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Reads columns of the first sheet of an `.xlsx` workbook.

    The first row holds the names of the columns. Formulas are read as the values that the workbook
    keeps of them. Rows without any value are left out.

    Args:
        path: The workbook.
        columns: Names of the columns that have to be there.
        optional: Names of columns that may be there.

    Returns:
        One dictionary a row, under the names asked for and found; cells are numbers, words, dates
        or None. Beside them the row's number in the sheet, as people count, under `"row"`.

    Raises:
        UserError: The file is missing, empty or no workbook, or a column is not there, or is there
            twice, or there are no rows.
    """
    openpyxl = require("openpyxl", "datasets")
    try:
        readable(path)
    except UnusableError as error:
        raise UserError(f"{path.parent}: {error}") from None
    try:
        with warnings.catch_warnings(), path.open("rb") as stream:
            warnings.simplefilter("ignore")  # of styles and extensions, which are not read
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            sheet = book.worksheets[0]
            # Programs that write a wrong size of the sheet would hide its rows.
            sheet.reset_dimensions()
            rows = list(sheet.iter_rows(values_only=True))
    except Exception as error:  # on damaged workbooks openpyxl raises nearly anything
        raise UserError(
            f"{path} is no Excel workbook, or a damaged one ({type(error).__name__}); expected an "
            ".xlsx file, download it again"
        ) from None
    header = [str(cell).strip() if cell is not None else "" for cell in rows[0]] if rows else []
    places = _places(path, header, columns, optional)
    found = [
        {"row": number}
        | {name: row[place] if place < len(row) else None for name, place in places.items()}
        for number, row in enumerate(rows[1:], 2)
        if any(cell is not None for cell in row)
    ]
    if not found:
        raise UserError(f"{path} has no rows below its header; expected one a sample")
    return found


def _places(
    path: Path, header: Sequence[str], columns: Sequence[str], optional: Sequence[str]
) -> dict[str, int]:
    missing = [name for name in columns if name not in header]
    if missing:
        named = ", ".join(filter(None, header)) or "none"
        raise UserError(
            f"{path} has no column {', '.join(map(repr, missing))}; its columns: {named}; name "
            "them in the first row"
        )
    wanted = [name for name in (*columns, *optional) if name in header]
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise UserError(f"{path} has the column {twice[0]!r} twice; rename one of them")
    return {name: header.index(name) for name in wanted}


def number(cell: Any) -> float:
    """The number in a cell; nan where there is none, or none that is finite.

    Example:
        >>> [number(cell) for cell in (3, 0.5, " 12.5 ", "NAN", "wet", None, True)]
        [3.0, 0.5, 12.5, nan, nan, nan, nan]
    """
    if isinstance(cell, bool):
        return math.nan
    if not isinstance(cell, int | float | str):
        return math.nan
    try:
        value = float(cell)
    except (ValueError, OverflowError):
        return math.nan
    return value if math.isfinite(value) else math.nan


def is_missing(cell: Any) -> bool:
    """Whether a cell stands for a missing value, rather than something that is no number.

    Example:
        >>> [is_missing(cell) for cell in (None, "", "NaN", float("nan"), "wet", 0)]
        [True, True, True, True, False, False]
    """
    if cell is None:
        return True
    if isinstance(cell, str):
        return cell.strip().lower() in _MISSING
    return isinstance(cell, float) and math.isnan(cell)
