"""Files of `g2d predict` among the models of an ensemble: what of them is a prediction."""

from __future__ import annotations

import re
from dataclasses import replace

from g2d.table.reading.source import Table

_SHARE = re.compile(r"p\((.*)\)", re.DOTALL)
# What such a file begins with, and what ends the columns that are g2d's own.
_FIRST, _LAST = ["row", "prediction"], "not used"


def of_predict(table: Table, keys: tuple[str, ...]) -> Table:
    """The keys and predictions of a table that `g2d predict` wrote; any other as it is.

    Predictions are the probabilities, called by their classes, or the number where there are none.

    Args:
        table: Of one model.
        keys: Columns that may hold ids.

    Example:
        >>> from pathlib import Path
        >>> names = ["row", "prediction", "p(cat)", "p(dog)", "note alone", "not used", "id", "age"]
        >>> list(
        ...     of_predict(Table({name: ["1"] for name in names}, Path(), "p.csv"), ("id",)).columns
        ... )
        ['id', 'cat', 'dog']
    """
    names = list(table.columns)
    if names[:2] != _FIRST or _LAST not in names:
        return table
    end = names.index(_LAST)
    shares = {n: seen[1] for n in names[2:end] if (seen := _SHARE.fullmatch(n)) is not None}
    kept = {name: name for name in keys if name in names[end + 1 :] or name == names[0]}
    kept |= shares or {"prediction": "prediction"}
    return replace(table, columns={new: table.columns[old] for old, new in kept.items()})
