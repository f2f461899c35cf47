"""Columns of vectors: as lists in their cells, as programs print them, or as files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from g2d.errors import UserError
from g2d.table.kinds import KINDS
from g2d.table.kinds.lists import bare
from g2d.table.kinds.paths import path_in
from g2d.table.kinds.tabular import MOST

_LIST = re.compile(r"(?:array\(|tensor\()?\[\s*(\[?)")
_CUT = re.compile(r"[\[\]()\s\d.,eE+-]*\.\.\.[\[\]()\s\d.,eE+-]*")
# Cells and files that are decoded to find what a column holds.
_DECODED = 20
# Cells of which the numbers are counted.
_COUNTED = 200


def vectors_in(cells: Sequence[str], block: int) -> tuple[str, str]:
    """The kind of a column whose cells hold several numbers each, or why it is not used.

    Args:
        cells: Of the column, none of them empty.
        block: So many numbers without brackets in a cell are a vector.

    Returns:
        A kind and nothing, nothing and a reason, or twice nothing where these are no numbers.

    Example:
        >>> vectors_in(["[0.1 0.2]", "[0.3 0.4]"], 8), vectors_in(["7 8 9", "1 2 3"], 3)
        (('features', ''), ('features', ''))
        >>> vectors_in(["48.1, 11.6", "52.5, 13.4"], 8)
        ('', '2 numbers in a cell; make a column of each')
        >>> vectors_in(["red", "[1] see below"], 8)
        ('', '')
    """
    enough = MOST * len(cells)
    lists = [found[1] for cell in cells if (found := _LIST.match(cell))]
    if len(lists) >= enough:
        if kind := _list_kind(cells, nested=bool(median(map(len, lists)))):
            return kind, ""
        if sum(_CUT.fullmatch(cell) is not None for cell in cells) > 0:
            return "", (
                "arrays that NumPy cut short, with ... in the place of numbers; write them with "
                ".tolist(), or as .npy files"
            )
        return "", ""
    some = cells[:_COUNTED]
    count, alike = Counter(bare(cell) for cell in some).most_common(1)[0]
    if count < 2 or alike < MOST * len(some):
        return "", ""
    if count >= block:
        return "features", ""
    return "", f"{count} numbers in a cell; make a column of each"


def _list_kind(cells: Sequence[str], nested: bool) -> str:
    """What lists of numbers are; nothing where they are lists of something else."""
    kind = KINDS["sequence" if nested else "features"](["column"])
    good = 0
    for cell in cells[:_DECODED]:
        try:
            good += kind.decode({"column": cell}, Path()) is not None
        except UserError:
            continue
    return kind.name if good >= MOST * min(_DECODED, len(cells)) else ""


def array_kind(paths: Sequence[str], folder: Path) -> str:
    """The kind of a column of `.npy` files, by their dimensions; vectors if none can be read."""
    for path in paths[:_DECODED]:
        try:
            found = np.load(path_in(path, folder), mmap_mode="r", allow_pickle=False)
            return "features" if found.ndim == 1 else "sequence"
        except Exception:  # a header can hold anything, and numpy raises nearly any error for it
            continue
    return "features"
