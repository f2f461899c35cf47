"""Cells: values of any kind as text, and the text read as numbers and dates."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from g2d.errors import UserError

Cell = str | None

# How programs write a missing value. "NA" and "None" are not here: they may be values.
_NOTHING = frozenset(
    ["", "nan", "NaN", "NAN", "<NA>", "NaT", "null", "NULL", "#N/A", "#NA", "N/A", "n/a", "\\N"]
)
# Whole numbers up to here are the same as float64.
_EXACT = 2**53
# Spreadsheets and pandas write these, JSON and Parquet `true` and `false`.
_FLAGS = frozenset(["True", "TRUE", "False", "FALSE"])
_SPECIAL = _NOTHING | _FLAGS
_POINTLESS = re.compile(r"([+-]?\d+)\.0*")


class Exact(str):
    """A number that came as one and not as text: its point is a decimal point."""

    __slots__ = ()


def as_cell(value: Any) -> Cell:
    """A value as text; numbers keep every digit, lists become JSON, what is missing `None`.

    The words by which programs write that something is missing (`NaN`, `NULL`, `N/A`, ...) are
    nothing, too. Whole numbers are written without a point, so that a column is the same whether
    or not its format turns numbers with gaps into floats. Flags are `true` and `false` in every
    format.

    Raises:
        UserError: It is bytes that are no text.

    Example:
        >>> as_cell(0.1), as_cell(" "), as_cell(float("nan")), as_cell([1, 2]), as_cell(True)
        ('0.1', None, None, '[1, 2]', 'true')
        >>> as_cell(3.0), as_cell("3.0"), as_cell("TRUE")
        ('3', '3.0', 'true')
    """
    if value is None:
        return None
    if isinstance(value, str):
        cell = value.strip()
        if not cell.isascii():  # half a character, which JSON can spell, cannot be written
            cell = cell.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace")
        if cell in _FLAGS:
            return cell.lower()
        return None if cell in _NOTHING else cell
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        whole = value.is_integer() and abs(value) < _EXACT
        return Exact(int(value) if whole else repr(float(value)))
    if isinstance(value, bytes):
        try:
            return as_cell(value.decode("utf-8"))
        except UnicodeDecodeError:
            raise UserError(
                f"got {len(value)} bytes in a cell, expected text, numbers or paths; write them "
                "into a file and give its path"
            ) from None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return as_cell(value.total_seconds())
    if isinstance(value, int):
        return Exact(value)
    if hasattr(value, "tolist"):
        return as_cell(value.tolist())
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=_plain)
    return as_cell(str(value))


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else as_cell(value)


def cells_of_text(values: Sequence[str]) -> list[Cell]:
    """Like `as_cell`, for many texts at once."""
    cells: list[Cell] = [value.strip() for value in values]
    if _SPECIAL.isdisjoint(cells) and "".join(cells).isascii():  # type: ignore[arg-type]
        return cells
    return [as_cell(value) for value in values]


def numbers_of(cells: Sequence[Cell]) -> list[float] | None:
    """Like `number_of`, for many cells; `None` where one holds no plain number.

    Example:
        >>> numbers_of(["3", "4.5"]), numbers_of(["3", None]), numbers_of(["3", "1_0"])
        ([3.0, 4.5], None, None)
    """
    try:
        found = [float(cell) for cell in cells]  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    plain = all(map(math.isfinite, found)) and not any("_" in cell for cell in cells if cell)
    return found if plain else None


def number_of(cell: Cell) -> float:
    """The number in a cell, `nan` where there is none.

    Example:
        >>> number_of("3.5"), number_of("1e3"), number_of("about 4"), number_of("inf")
        (3.5, 1000.0, nan, nan)
        >>> number_of("1_000")  # Python's own notation
        nan
    """
    try:
        value = float(cell) if cell is not None and "_" not in cell else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def is_object(cell: str) -> bool:
    """Whether a cell holds a JSON object, as a nested column of JSON Lines does.

    Example:
        >>> is_object('{"age": 3}'), is_object("[3]"), is_object("{about 3}")
        (True, False, False)
    """
    if not (cell.startswith("{") and cell.endswith("}")):
        return False
    try:
        return isinstance(json.loads(cell), dict)
    except (ValueError, RecursionError):
        return False


def without_points(cells: Sequence[Cell]) -> list[Cell]:
    """`3` for `3.0`, which spreadsheets write of whole numbers where one cell is empty.

    Example:
        >>> without_points(["3.0", None, "4"]), without_points(["3.0", "4.5"])
        (['3', None, '4'], ['3.0', '4.5'])
    """
    if all(number_of(cell).is_integer() for cell in cells if cell is not None):
        found = [cell and _POINTLESS.fullmatch(cell) for cell in cells]
        return [seen[1] if seen else cell for seen, cell in zip(found, cells, strict=True)]
    return list(cells)


@lru_cache(2**16)  # the days of a table are few, and each is asked for several times
def date_of(cell: Cell) -> datetime | None:
    """The date in a cell, if it is written as ISO 8601 has it.

    It keeps the time zone it is written with; one without is taken as universal time, wherever
    the program runs.

    Example:
        >>> date_of("2024-02-29").isoformat(), date_of("29 Feb")
        ('2024-02-29T00:00:00+00:00', None)
        >>> date_of("2024-02-29T00:30+01:00") < date_of("2024-02-29")
        True
    """
    if cell is None or not cell[:1].isdigit():
        return None
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
