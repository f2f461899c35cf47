"""What users of scikit-learn hand over as `y`, and as `sample_weight`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError, require
from g2d.table.columns.targets import TaskName
from g2d.table.kinds.base import share
from g2d.wording import listed

# Classes arrive as their places in `classes_`, so that options that name them have no meaning here.
_OPTIONS: dict[TaskName, tuple[str, ...]] = {
    "classification": ("class_weight", "selects", "threshold"),
    "regression": ("scale", "loss"),
}
_EXAMPLES: dict[TaskName, str] = {"classification": "balanced", "regression": "log"}
_LARGEST = float(np.finfo(np.float32).max)


def classes_of(y: Any) -> NDArray[np.generic]:
    """Reads y as one class a row, `(N,)`.

    Raises:
        UserError: There are none, some are missing, or texts stand beside numbers.

    Example:
        >>> classes_of(["cat", "dog"])
        array(['cat', 'dog'], dtype='<U3')
    """
    cells = _cells(y, "class")
    texts = [isinstance(value, str) for value in cells.tolist()]
    if any(texts) and not all(texts):
        odd = texts.index(not texts[0])
        raise UserError(
            f"got y of text and of other values ({cells[0]!r} in row 1, {cells[odd]!r} in row "
            f"{odd + 1}), expected classes of one kind; make all of them text"
        )
    return np.asarray(y)


def numbers_of(y: Any) -> NDArray[np.float64]:
    """Reads y as one number a row, `(N,)`.

    Raises:
        UserError: There are none, some are missing or too large, or they are no numbers.

    Example:
        >>> numbers_of([1, 2.5])
        array([1. , 2.5])
    """
    cells, array = _cells(y, "number"), np.asarray(y)
    if array.dtype.kind in "mMc":
        raise UserError(
            f"got y of type {array.dtype}, expected numbers; make numbers of it, as the seconds "
            "since a date are"
        )
    numbers = np.zeros(len(cells))
    for row, value in enumerate(cells.tolist()):
        try:
            numbers[row] = float(value)
        except (ValueError, TypeError):
            raise UserError(
                f"got y with {value!r} in row {row + 1}, expected one number a row; classes are "
                "for G2DClassifier"
            ) from None
    if len(wrong := np.flatnonzero(~(np.abs(numbers) <= _LARGEST))):
        raise UserError(
            f"got a y that is not finite, or beyond {_LARGEST:.1e}, in {share(len(wrong), len(y))} "
            f"rows (first in row {wrong[0] + 1}); remove these rows, or divide y by a constant"
        )
    return numbers


def weights_of(sample_weight: Any, rows: int) -> NDArray[np.float64] | None:
    """Reads one weight a row, `(N,)`; `None` where none are given.

    Raises:
        UserError: They are no numbers, or not one a row.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, np.float64)
    except (ValueError, TypeError):
        raise UserError("got a sample_weight that is no number; expected one a row") from None
    if weights.shape != (rows,):
        raise UserError(
            f"got sample_weight of shape {weights.shape}, expected ({rows},), one weight a row"
        )
    return weights


def task_of(name: TaskName, options: Any) -> dict[str, Any]:
    """The task as recipes have it, `y` of an estimator saying which one it is.

    Raises:
        UserError: The options are no mapping, or not of this task.

    Example:
        >>> task_of("regression", {"scale": "log"})
        {'name': 'regression', 'scale': 'log'}
    """
    known = _OPTIONS[name]
    if options is not None and not isinstance(options, Mapping):
        raise UserError(
            f"task: got {options!r}, expected a mapping of options, such as "
            f"task={{{known[0]!r}: {_EXAMPLES[name]!r}}}; y says which task it is"
        )
    for option in options or {}:
        if option not in known:
            raise UserError(f"task: got the option {option!r}, expected {listed(known)}")
    return {"name": name, **(options or {})}


def _cells(y: Any, what: str) -> NDArray[np.object_]:
    """The values of `y`, as they are; a list would make text of a missing one among texts."""
    try:
        cells = np.asarray(y, dtype=object)
    except ValueError:
        raise UserError(f"got y of lists of different shapes, expected one {what} a row") from None
    if cells.ndim != 1:
        raise UserError(f"got y of shape {cells.shape}, expected one {what} a row")
    if not len(cells):
        raise UserError("got X and y of no rows; expected one row a sample")
    if any(isinstance(value, list | tuple | np.ndarray) for value in cells.tolist()):
        raise UserError(f"got y of lists, expected one {what} a row")
    missing = np.flatnonzero(require("pandas", "tables").isna(cells))
    if len(missing):
        raise UserError(
            f"got y that is missing (None or NaN) in {share(len(missing), len(cells))} rows, first "
            f"in row {missing[0] + 1}; remove these rows from X and y, or fill them"
        )
    return cells
