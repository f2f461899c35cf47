"""The tables of Kinetics-400, of which the classes that are heard are read."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from g2d.errors import UserError

# In the order of the labels, which is that of OGM-GE's lists as well. Where the names are from:
# docs/datasets/kinetics_sounds.md
CLASSES = (
    "blowing nose",
    "blowing out candles",
    "bowling",
    "chopping wood",
    "dribbling basketball",
    "laughing",
    "mowing lawn",
    "playing accordion",
    "playing bagpipes",
    "playing bass guitar",
    "playing clarinet",
    "playing drums",
    "playing guitar",
    "playing harmonica",
    "playing keyboard",
    "playing organ",
    "playing piano",
    "playing saxophone",
    "playing trombone",
    "playing trumpet",
    "playing violin",
    "playing xylophone",
    "ripping paper",
    "shoveling snow",
    "shuffling cards",
    "singing",
    "stomping grapes",
    "tap dancing",
    "tapping guitar",
    "tapping pen",
    "tickling",
)
_COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_KINETICS = 400  # classes; the later editions have more, and other splits


class Row(NamedTuple):
    """One line of a table."""

    video: str
    start: int
    end: int
    label: str
    part: str

    @property
    def clip(self) -> str:
        """Name of the file without its end.

        Example:
            >>> Row("--4-0ihtnBU", 58, 68, "dribbling basketball", "train").clip
            '--4-0ihtnBU_000058_000068'
        """
        return f"{self.video}_{self.start:06d}_{self.end:06d}"


def read_rows(path: str | Path, part: str) -> list[Row]:
    """Reads the rows of the classes that are heard.

    The first line names the columns: `label,youtube_id,time_start,time_end`, and any others.

    Args:
        path: One of the three tables.
        part: Which: `train`, `val` or `test`.

    Raises:
        UserError: It is missing, no table of Kinetics-400, or has none of the classes.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            lines = [(reader.line_num, cells) for cells in reader]
            names = reader.fieldnames or []
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise UserError(f"{path} is no CSV in UTF-8; expected a table of Kinetics-400") from None
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise UserError(
            f"{path} has no column {', '.join(missing)}; expected {','.join(_COLUMNS)}: obtain "
            "the table again (the first test.csv that CVDF gave out had no labels)"
        )
    labels = {cells["label"] for _, cells in lines}
    if len(labels) > _KINETICS:
        raise UserError(
            f"{path} has {len(labels)} classes, expected the {_KINETICS} of Kinetics-400; obtain "
            "its table"
        )
    heard = [(number, cells) for number, cells in lines if cells["label"] in CLASSES]
    if not heard:
        raise UserError(
            f"{path} has no row of a class of Kinetics-Sounds, such as {CLASSES[0]!r}; expected a "
            "table of Kinetics-400"
        )
    return [_row(path, number, cells, part) for number, cells in heard]


def _row(path: Path, number: int, cells: dict[str, str], part: str) -> Row:
    times = [cells["time_start"] or "", cells["time_end"] or ""]
    if not cells["youtube_id"] or not all(time.isdecimal() for time in times):
        got = ",".join(cells[name] or "" for name in _COLUMNS)
        raise UserError(
            f"{path}, line {number}: got {got!r}, expected a row such as "
            "dribbling basketball,--4-0ihtnBU,58,68"
        )
    return Row(cells["youtube_id"], int(times[0]), int(times[1]), cells["label"], part)
