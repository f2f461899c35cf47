"""The lists of the published split, or one of our own where they are not at hand."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from g2d.benchmark.datasets.cremad.names import EMOTIONS, parse
from g2d.data.partition import stratified_parts
from g2d.data.policies import SEED
from g2d.errors import UserError


class Row(NamedTuple):
    """One line of a list."""

    clip: str
    emotion: str
    line: int


def read_list(path: str | Path) -> list[Row]:
    """Reads the lines `<clip>,<emotion>` of a list, whatever its line ends and its BOM.

    Raises:
        UserError: It is missing, empty or not made of such lines.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = list(csv.reader(stream))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        expected = "expected lines such as 1001_DFA_ANG_XX,ANG"
        raise UserError(f"{path} is no CSV in UTF-8; {expected}") from None
    rows = []
    for number, cells in enumerate(lines, 1):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != 2:
            raise UserError(
                f"{path}, line {number}: got {len(cells)} cells, expected 2: 1001_DFA_ANG_XX,ANG"
            )
        rows.append(Row(cells[0].strip(), cells[1].strip(), number))
    if not rows:
        raise UserError(f"{path} is empty; expected lines such as 1001_DFA_ANG_XX,ANG")
    return rows


def faults(train: Sequence[Row], test: Sequence[Row]) -> list[str]:
    """The faults of the two lists: names, labels, clips that are listed twice.

    Example:
        >>> first = Row("1001_DFA_ANG_XX", "ANG", 1)
        >>> faults([first], [first._replace(emotion="SAD")])
        ['test list, line 1: 1001_DFA_ANG_XX is said to be SAD', \
'test list, line 1: 1001_DFA_ANG_XX is in the train list too']
    """
    found = []
    places: dict[str, str] = {}
    for part, rows in (("train", train), ("test", test)):
        for row in rows:
            where = f"{part} list, line {row.line}: {row.clip}"
            name = parse(row.clip)
            if name is None:
                found.append(f"{where} is no name of a clip such as 1001_DFA_ANG_XX")
            elif row.emotion != name.emotion:
                found.append(f"{where} is said to be {row.emotion}")
            if row.clip in places:
                again = "twice" if places[row.clip] == part else f"in the {places[row.clip]} list"
                found.append(f"{where} is {again}{' too' if again != 'twice' else ''}")
            places.setdefault(row.clip, part)
    return found


def own_parts(clips: Sequence[str]) -> dict[str, str]:
    """A stratified tenth of the clips is the test, always the same.

    Args:
        clips: Sorted.

    Returns:
        The part of every clip.
    """
    emotions = [name.emotion if (name := parse(clip)) else "" for clip in clips]
    labels = np.array([EMOTIONS.index(emotion) for emotion in emotions])
    (test,) = stratified_parts(labels, [len(clips) // 10], np.random.default_rng(SEED))
    chosen = set(test.tolist())
    return {clip: "test" if i in chosen else "train" for i, clip in enumerate(clips)}
