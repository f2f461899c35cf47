"""Cells of a CSV file that a spreadsheet will not run."""

from __future__ import annotations

# What makes a cell a formula, as OWASP lists it ("CSV Injection"), full-width signs included.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: str) -> str:
    """A cell that begins like a formula, with an apostrophe before it; numbers stay as they are.

    Spreadsheets show the cell without the apostrophe, and do not compute it.

    Example:
        >>> harmless("=HYPERLINK(A1)"), harmless("-0.5"), harmless("cat")
        ("'=HYPERLINK(A1)", '-0.5', 'cat')
    """
    return f"'{cell}" if cell.startswith(_STARTS) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return not cell.startswith(("\t", "\r", "\n"))
