"""The columns of a run, and which cells from strangers may stand in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from g2d.errors import UserError
from g2d.table.kinds import Field
from g2d.table.preprocessing import Preprocessing
from g2d.table.reading.cells import as_cell, date_of, number_of

# Cells of a form and of JSON, beside which stands the empty one.
EMPTY = {"type": "string", "maxLength": 0}
NUMBER = {"anyOf": [{"type": "number"}, EMPTY]}
DATE = {"anyOf": [{"type": "string", "format": "date"}, EMPTY]}
# The most characters of a sent value that a message shows.
_SHOWN = 40


@dataclass(frozen=True)
class Upload:
    """A file that was sent: its content and its name.

    Attributes:
        content: Its bytes.
        name: What the sender calls it; it is shown and never opened.
    """

    content: bytes
    name: str = ""


Sent = str | Upload | None


class Columns:
    """The columns that a row may hold.

    Args:
        preprocessing: Of the run.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._kinds = list(preprocessing.kinds.values())
        self.by_modality = {name: kind.fields() for name, kind in preprocessing.kinds.items()}
        self.fields: dict[str, Field] = {}
        for field in (field for fields in self.by_modality.values() for field in fields):
            if self.fields.get(field.column, field).holds != "file":
                self.fields[field.column] = field
            self.fields.setdefault(field.column, field)

    def checked(self, row: Mapping[str, Any], where: str = "") -> dict[str, Sent]:
        """A row whose cells are of their columns' kinds, as cells of a table.

        Args:
            row: Plain values or uploads by column.
            where: Comes before the message of an error.

        Raises:
            UserError: A column is not known, a cell is of another kind, or names a file.
        """
        found: dict[str, Sent] = {}
        for column, value in row.items():
            if column not in self.fields:
                known = ", ".join(self.fields)
                raise UserError(f"{where}there is no column {short(column)}; expected {known}")
            cell = value if isinstance(value, Upload) else as_cell(value)
            blank = cell is None and value not in (None, "")
            if not self._fits(column, str(value) if blank else cell):
                raise UserError(f"{where}{column!r}: {refusal(value, self.fields[column])}")
            found[column] = cell
        return found

    def decoded_bytes(self, column: str, path: Any) -> int:
        """The bytes that the file of a column takes when it is decoded; 0 where not known."""
        return max(kind.unpacked(path) for kind in self._kinds if column in kind.columns)

    def _fits(self, column: str, cell: Sent) -> bool:
        field = self.fields[column]
        if cell is None:
            return True
        if isinstance(cell, Upload):
            return field.holds == "file"
        if field.holds == "number":
            return not math.isnan(number_of(cell))
        if field.holds == "date":
            return date_of(cell) is not None
        return not any(kind.opens(cell) for kind in self._kinds if column in kind.columns)


def refusal(value: object, field: Field) -> str:
    """The message of what was got and what was expected, on one line.

    Example:
        >>> refusal("../secret.wav", Field("call", "file"))
        "got '../secret.wav', expected the content of a file (paths are not read)"
    """
    inline = {
        "": "",
        "number": "a number, a list of numbers or ",
        "vectors": "a list of lists of numbers or ",
    }
    wanted = {
        "file": f"{inline[field.inline]}the content of a file (paths are not read)",
        "number": "a number",
        "date": "a date such as 2024-02-29",
        "category": "a word or a number",
        "words": "words",
    }
    got = "a file" if isinstance(value, Upload) else short(value)
    return f"got {got}, expected {wanted[field.holds]}"


def short(value: object) -> str:
    """A value from outside as it may stand on one line of plain text.

    Example:
        >>> short("a" * 50)
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    text = ascii(value) if not isinstance(value, str) else repr(plain(value[: 2 * _SHOWN]))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def plain(text: str) -> str:
    r"""Without what cannot be written as UTF-8.

    Example:
        >>> plain("caf\u00e9 \ud800")
        'café ?'
    """
    return text.encode("utf-8", errors="replace").decode("utf-8")
