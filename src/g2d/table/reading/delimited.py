"""Text files of cells with a separator in between, as people and spreadsheets write them."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from g2d.errors import UserError

logger = logging.getLogger(__name__)

_SEPARATORS = ",;\t|"
# Rows from which the separator is found.
_LOOKED_AT = 50
# Of the csv module, which has 128 kB: a sequence of vectors in one cell is longer.
_LONGEST_CELL = 2**31 - 1
_TOGETHER = 1000


def delimited(path: Path, separator: str | None = None) -> Iterator[list[str]]:
    """The rows of a file, the header first, all as long as the header.

    Encoding and separator are found out. Cells may be quoted, and hold line ends where they are.
    Rows that end early are filled with empty cells, as spreadsheets cut them.

    Args:
        path: A file with something in it.
        separator: Where it is known.

    Raises:
        UserError: Quotes do not close, or a row has more cells than the header.
    """
    encoding = encoding_of(path)
    sign = separator or _separator(path, encoding)
    quoting = _quoting(path, encoding, sign)
    width = 0
    for line, row in _records(path, encoding, sign, quoting):
        if not width:
            width = len(row)
            yield row
            continue
        if len(row) > width:
            if any(cell.strip() for cell in row[width:]):
                raise UserError(
                    f"{path.name}, line {line}: got {len(row)} cells, expected {width} as in the "
                    f"header; put cells that hold {sign!r} in double quotes"
                )
            del row[width:]
        yield row + [""] * (width - len(row))


def encoding_of(path: Path) -> str:
    """UTF-8 or UTF-16, with or without a mark; else the Western encoding of old spreadsheets.

    A file that is UTF-8 but for a few broken lines is UTF-8: read as anything else, all its other
    letters with accents would break.
    """
    right, wrong = 0, 0
    with path.open("rb") as stream:
        head = stream.read(3)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        marked = head == b"\xef\xbb\xbf"
        stream.seek(0)
        for line in stream:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                right += 1
            except UnicodeDecodeError:
                wrong += 1
    if wrong > right and not marked:
        logger.warning("%s is not UTF-8; read as Windows-1252", path)
        return "cp1252"
    if wrong:
        logger.warning("%s has %d lines that are not UTF-8; what is broken is �", path, wrong)
    return "utf-8-sig"


def _records(
    path: Path, encoding: str, separator: str, quoting: int
) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, with the number of their last line."""
    # Without newline="" line ends in quoted cells would be changed.
    with path.open(encoding=encoding, errors="replace", newline="") as stream:
        reader = _reader(stream, separator, quoting)
        while True:
            rows: list[tuple[int, list[str]]] = []
            fault = None
            with _long_cells():
                try:
                    rows += ((reader.line_num, row) for row in islice(reader, _TOGETHER))
                except csv.Error as error:
                    fault = error
            yield from ((line, row) for line, row in rows if row)
            if fault is not None:
                raise UserError(
                    f"{path.name}, near line {reader.line_num}: {fault}; write a double quote "
                    'within a quoted cell twice (""), and close the quotes of every cell'
                )
            if not rows:
                return


def _reader(stream: TextIO, separator: str, quoting: int) -> Any:
    return csv.reader(
        stream,
        delimiter=separator,
        skipinitialspace=separator != "\t",
        strict=True,
        quoting=quoting,  # type: ignore[arg-type]  # the stubs want literals
    )


def _separator(path: Path, encoding: str) -> str:
    """The separator that cuts the header in several, the next rows alike, and the most."""

    def merit(separator: str) -> tuple[bool, int, int]:
        width, alike = 0, 0
        records = _records(path, encoding, separator, csv.QUOTE_MINIMAL)
        try:
            for _, row in islice(records, _LOOKED_AT):
                width = width or len(row)
                alike += len(row) == width
        except UserError:  # quotes do not close, which is reported when the separator is known
            alike = 0
        return width > 1, alike, width

    return max(_SEPARATORS, key=merit)


def _quoting(path: Path, encoding: str, separator: str) -> int:
    """Whether quotes mean something: in tables with tabs a quote is often just a quote."""
    if separator == "\t":
        try:
            for _ in _records(path, encoding, separator, csv.QUOTE_MINIMAL):
                pass
        except UserError:
            logger.warning("%s: quotes that do not close are read as they stand", path)
            return csv.QUOTE_NONE
    return csv.QUOTE_MINIMAL


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
