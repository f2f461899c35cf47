"""What users of scikit-learn hand over, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from g2d.errors import UserError, require
from g2d.table.columns.schema import infer
from g2d.table.reading.source import Table, with_index

if TYPE_CHECKING:
    import pandas

Spec = Mapping[str, Any]
# Of columns that are not used, as many are named.
_SHOWN = 5


def as_frame(inputs: Any, modalities: Spec | None) -> tuple[pandas.DataFrame, Spec | None]:
    """A DataFrame of any input, and its modalities as a recipe has them.

    Args:
        inputs: A DataFrame, or what has `to_pandas`; an array `(N, d)`, whose columns `modalities`
            shares out; or a mapping of arrays by modality, `(N, d)` vectors or `(N, T, d)`
            sequences.
        modalities: For a DataFrame as in recipes, or `None` to read them off the cells; for an
            array, columns by modality: a slice, or numbers.

    Raises:
        UserError: It is something else, or of unequal lengths.

    Example:
        >>> frame, spec = as_frame(np.zeros((2, 3)), {"a": slice(0, 2), "b": [2]})
        >>> list(frame), spec["b"]
        (['a 0', 'a 1', 'b 0'], {'kind': 'features', 'columns': ['b 0']})
    """
    pandas = require("pandas", "tables")
    if hasattr(inputs, "to_pandas"):  # of polars, Arrow, and others
        inputs = inputs.to_pandas()
    if isinstance(inputs, pandas.DataFrame):
        if inputs.columns.nlevels > 1:
            raise UserError(
                f"got X whose columns have {inputs.columns.nlevels} levels of names, expected one; "
                "join them: X.columns = ['_'.join(map(str, name)) for name in X.columns]"
            )
        return with_index(inputs), modalities
    if isinstance(inputs, Mapping):
        return _from_arrays({name: _array(name, array) for name, array in inputs.items()})
    array = np.asarray(inputs)
    if array.ndim != 2:
        raise UserError(
            f"got X of shape {array.shape}, expected a DataFrame, an array (N, d), or a mapping of "
            "arrays by modality"
        )
    if not modalities or not isinstance(modalities, Mapping):
        given = f"modalities={modalities!r}" if modalities else "no modalities"
        raise UserError(
            f"got X as an array of {array.shape[1]} columns, and {given}; give which columns "
            'belong together, as modalities={"left": slice(0, 32), "right": slice(32, 64)}'
        )
    return _from_arrays(
        {name: _columns(array, name, chosen) for name, chosen in modalities.items()}
    )


def other_order(X: Any, other: Any, name: str) -> str:
    """That an index has the rows of `X` in another order, in words; nothing where it has not.

    Args:
        X: What is learned from.
        other: What stands beside it, one value a row.
        name: Of the latter, as it is called in `fit`.

    Example:
        >>> import pandas
        >>> X = pandas.DataFrame({"age": [3, 4]})
        >>> other_order(X, pandas.Series([1, 0], index=[1, 0]), "y")[:44]
        'the index of y has the rows of X in another '
        >>> other_order(X, pandas.Series([1, 0]), "y"), other_order(X, [1, 0], "y")
        ('', '')
    """
    pandas = require("pandas", "tables")
    one, two = getattr(X, "index", None), getattr(other, "index", None)
    if not isinstance(one, pandas.Index) or not isinstance(two, pandas.Index) or one.equals(two):
        return ""
    if len(one) != len(two) or set(one) != set(two):
        return ""
    return (
        f"the index of {name} has the rows of X in another order; they are matched by their order, "
        f"and not by the index, as scikit-learn does: {name}.loc[X.index] is in that of X"
    )


def unread(table: Table, target: str, weight: str | None) -> list[str]:
    """Which columns of a frame without given modalities are not used, and why, in words."""
    found = infer(table, target, [] if weight is None else [weight])
    left = [f"{name} ({why})" for name, why in found.unused.items() if name != weight]
    if found.split is not None:
        left.append(f"{found.split} (looks like splits, and fit draws its own validation)")
    if not left:
        return []
    more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    return [
        f"columns of X that are not used: {', '.join(left[:_SHOWN])}{more}; name them in "
        "modalities to use them"
    ]


def _array(name: str, values: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(values)
    except ValueError:
        raise UserError(
            f"{name}: got arrays of different shapes, expected (N, d) or (N, T, d); fill the "
            "shorter ones with zeros, or give a DataFrame with a list in each cell"
        ) from None


def _columns(array: np.ndarray[Any, Any], name: str, chosen: Any) -> np.ndarray[Any, Any]:
    if not isinstance(chosen, slice | Sequence | np.ndarray) or isinstance(chosen, str):
        raise UserError(f"modalities[{name!r}]: got {chosen!r}, expected a slice or numbers")
    try:
        picked = array[:, chosen]
    except IndexError:
        raise UserError(
            f"modalities[{name!r}]: got columns {chosen!r} of an X with {array.shape[1]}"
        ) from None
    if picked.shape[1] == 0:
        raise UserError(f"modalities[{name!r}]: {chosen!r} is no column of X")
    return picked


def _from_arrays(
    arrays: Mapping[str, np.ndarray[Any, Any]],
) -> tuple[pandas.DataFrame, dict[str, Any]]:
    pandas = require("pandas", "tables")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise UserError(f"got arrays of different lengths, {lengths}; expected one row a sample")
    columns: dict[str, Any] = {}
    spec: dict[str, Any] = {}
    for name, given in arrays.items():
        array = given.astype(np.int8) if given.dtype == bool else given  # flags count as 0 and 1
        if array.ndim == 2:
            names = [f"{name} {number}" for number in range(array.shape[1])]
            columns |= dict(zip(names, array.T, strict=True))
            spec[name] = {"kind": "features", "columns": names}
        elif array.ndim == 3:
            columns[name] = [step.tolist() for step in array]
            spec[name] = {"kind": "sequence", "column": name}
        else:
            raise UserError(
                f"{name}: got an array of shape {array.shape}, expected (N, d) or (N, T, d)"
            )
    return pandas.DataFrame(columns), spec
