"""Vectors that stand in a cell as text, as JSON has them or as programs print them."""

from __future__ import annotations

import json
import math
import re

import numpy as np

from g2d.errors import UserError
from g2d.table.kinds.base import Array
from g2d.table.reading.cells import number_of

# How NumPy, torch and Python call what they print.
_PRINTED = re.compile(r"(?:array|tensor)\(\s*(\[.*\])\s*(?:,[^\[\]]*)?\)", re.DOTALL)
_ROW = re.compile(r"\[([^\[\]]*)\]")
_ROWS = re.compile(r"\[(?:[\s,]*\[[^\[\]]*\])+\s*\]")
# What parts the numbers of a cell without brackets.
_BETWEEN = re.compile(r"\s*[;,]\s*|\s+")


def is_list(cell: str) -> bool:
    """Whether a cell holds numbers themselves and not the path of a file.

    Example:
        >>> [is_list(cell) for cell in ("[1, 2]", "[0.5 1.]", "array([1., 2.])", "1 2 3", "0.5;1")]
        [True, True, True, True, True]
        >>> is_list("a.npy"), is_list("3.5"), is_list("3 apples"), is_list("")
        (False, False, False, False)
    """
    return cell.startswith("[") or _PRINTED.fullmatch(cell) is not None or bare(cell) > 1


def bare(cell: str) -> int:
    """How many numbers a cell holds with blanks, commas or `;` between them and no brackets.

    0 where anything else is in it.

    Example:
        >>> bare("70 80 82"), bare("0.5;1;2"), bare("3"), bare("3 apples")
        (3, 3, 1, 0)
    """
    parts = _BETWEEN.split(cell)
    return 0 if any(math.isnan(number_of(part)) for part in parts) else len(parts)


def numbers_listed(cell: str, ndim: int) -> Array | None:
    """The numbers of a list in a cell, or of a list of lists, float32; nothing of an empty list.

    Raises:
        UserError: It is none, or NumPy left out a part of it (`...`).

    Example:
        >>> numbers_listed("[0.5, 1]", 1).tolist(), numbers_listed("[[1.  2.]  [3.  4.]]", 2).shape
        ([0.5, 1.0], (2, 2))
    """
    shown = repr(cell if len(cell) <= 40 else f"{cell[:37]}...")
    if "..." in cell:
        raise UserError(
            f"{shown} is cut: NumPy prints long arrays with ... in the place of numbers; write "
            "them with .tolist(), or as .npy files"
        )
    try:
        try:
            values = json.loads(cell)
        except ValueError:
            values = _as_printed(cell)
        array = np.array(values, np.float64)
    except (ValueError, TypeError, RecursionError, OverflowError):
        what = "list of numbers" if ndim == 1 else "list of lists of numbers, all of one length"
        raise UserError(f"{shown} is no {what}") from None
    return checked(array, shown, ndim) if values else None


def _as_printed(cell: str) -> list[float] | list[list[float]]:
    """The numbers of a list that is not JSON.

    Raises:
        ValueError: There is something else in it.
    """
    seen = _PRINTED.fullmatch(cell)
    text = seen[1] if seen else cell
    if not text.startswith("["):
        return _floats(text)
    if _ROWS.fullmatch(text):
        return [_floats(row) for row in _ROW.findall(text)]
    if (row := _ROW.fullmatch(text)) is None:
        raise ValueError("brackets that do not close, or words")
    return _floats(row[1])


def _floats(text: str) -> list[float]:
    if "_" in text:
        raise ValueError("Python's own way of writing numbers")
    return [float(part) for part in _BETWEEN.split(text.strip()) if part]


def checked(array: Array, shown: str, ndim: int) -> Array:
    """An array of numbers as float32.

    Raises:
        UserError: It holds other things, nothing, or has another number of dimensions.
    """
    if array.ndim != ndim or array.size == 0 or array.dtype.kind not in "fiub":
        raise UserError(
            f"{shown} holds {array.dtype} of shape {array.shape}, expected numbers with {ndim} "
            f"dimension{'s' * (ndim > 1)}"
        )
    with np.errstate(over="ignore"):  # too large a number is none
        return array.astype(np.float32)
