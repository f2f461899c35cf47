"""CSV files that are written: their names, and cells that a spreadsheet will not run."""

from __future__ import annotations

from pathlib import Path

from g2d.errors import UserError
from g2d.table.reading.formats import other_table

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


def check_csv(out: Path) -> None:
    """Refuses another format's name for a CSV file, which its programs could not read.

    Raises:
        UserError: It is one.

    Example:
        >>> check_csv(Path("new.parquet"))
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: new.parquet: predictions are written as CSV; name it new.csv (--out)
    """
    if out.suffix.lower() in {".tsv", ".parquet", ".jsonl", ".ndjson"} or other_table(out.name):
        name = out.with_name(f"{out.name.split('.')[0]}.csv")
        raise UserError(f"{out}: predictions are written as CSV; name it {name} (--out)")
