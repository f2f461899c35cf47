"""The table of VGGSound: which seconds of which video, what is heard, train or test."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from g2d.errors import UserError

PARTS = ("train", "test")


class Row(NamedTuple):
    """One line of the table."""

    video: str
    start: int
    label: str
    part: str

    @property
    def clip(self) -> str:
        """Name of the file without its end.

        Example:
            >>> Row("---g-f_I2yQ", 1, "people marching", "test").clip
            '---g-f_I2yQ_000001'
        """
        return f"{self.video}_{self.start:06d}"


def read_rows(path: str | Path) -> list[Row]:
    """Reads the rows `id,start,label,part`, below a header or not.

    The original has no header; copies have `youtube_id,time,label,split`.

    Raises:
        UserError: It is missing, empty or not made of such rows.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [(n, cells) for n, cells in enumerate(csv.reader(stream), 1) if any(cells)]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; give it by --csv") from None
    except (UnicodeDecodeError, csv.Error):
        raise UserError(f"{path} is no CSV in UTF-8; expected VGGSound's table") from None
    if lines and len(lines[0][1]) == 4 and not _is_number(lines[0][1][1]):
        del lines[0]
    rows = []
    for number, cells in lines:
        if len(cells) != 4 or not _is_number(cells[1]) or cells[3].strip() not in PARTS:
            raise UserError(
                f"{path}, line {number}: got {','.join(cells)!r}, expected a row such as "
                '---g-f_I2yQ,1,"people marching",test'
            )
        video, start, label, part = (cell.strip() for cell in cells)
        rows.append(Row(video, int(start), label, part))
    if not rows:
        raise UserError(f"{path} has no rows; expected VGGSound's table")
    return rows


def class_names(rows: Sequence[Row]) -> tuple[str, ...]:
    """The names in the table in alphabetical order, whatever files are there.

    Example:
        >>> class_names([Row("a", 0, "wind", "train"), Row("b", 0, "bell", "test")])
        ('bell', 'wind')
    """
    return tuple(sorted({row.label for row in rows}))


def _is_number(cell: str) -> bool:
    return cell.strip().isdecimal()
