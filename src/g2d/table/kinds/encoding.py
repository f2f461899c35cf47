"""What a column of numbers, categories or dates becomes: fitted, and made."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.table.kinds.moments import Moments
from g2d.table.reading.cells import Cell, number_of, numbers_of
from g2d.table.reading.dates import Written, read_date

_YEAR = 365.25 * 24 * 3600


def fit_number(cells: Sequence[Cell], categories: int) -> dict[str, Any]:
    """Mean and deviation of a column of numbers, and whether cells of it are empty."""
    values = _numbers(cells)
    moments = Moments(1)
    moments.add(values[:, None])
    return {
        "mean": moments.mean.item(),
        "scale": moments.scale.item(),
        "gaps": bool(np.isnan(values).any()),
    }


def _numbers(cells: Sequence[Cell]) -> NDArray[np.float64]:
    """Of a column; `nan` where there is none."""
    quick = numbers_of(cells)
    if quick is not None:
        return np.array(quick, np.float64)
    return np.array([number_of(cell) for cell in cells], np.float64)


def ends_of(cells: Sequence[Cell]) -> dict[str, Any]:
    """The smallest and the largest number of a column; nothing where it holds none."""
    known = _numbers(cells)
    known = known[~np.isnan(known)]
    return {"ends": [known.min().item(), known.max().item()]} if len(known) else {}


def _make_number(cells: Sequence[Cell], fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    values = _numbers(cells)
    missing = np.isnan(values)
    standard = np.where(missing, 0.0, (values - fitted["mean"]) / fitted["scale"])
    standard = standard.clip(-10.0, 10.0)  # one typing error must not outweigh all others
    return np.stack([standard, missing] if fitted["gaps"] else [standard], axis=1)


def fit_category(cells: Sequence[Cell], categories: int) -> dict[str, Any]:
    """The commonest values of a column, in alphabetical order."""
    counts = Counter(cell for cell in cells if cell is not None)
    common = sorted(counts, key=lambda value: (-counts[value], value))[:categories]
    return {"values": sorted(common)}


def _make_category(cells: Sequence[Cell], fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    places = {value: place for place, value in enumerate(fitted["values"])}
    found = np.array([-1 if cell is None else places.get(cell, -1) for cell in cells])
    bits: NDArray[np.bool_] = found[:, None] == np.arange(len(places))
    return bits.astype(np.float64)


def fit_date(cells: Sequence[Cell], written: Written) -> dict[str, Any]:
    """The mean date of a column, and how its dates are written."""
    dates = [read_date(cell, written) for cell in cells]
    stamps = [found.timestamp() for found in dates if found is not None]
    mean = float(np.mean(stamps)) if stamps else 0.0
    return {"mean": mean} if written == "iso" else {"mean": mean, "written": written}


def _make_dates(cells: Sequence[Cell], fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    made = {cell: _make_date(cell, fitted) for cell in set(cells)}
    return np.array([made[cell] for cell in cells])


def _make_date(cell: Cell, fitted: Mapping[str, Any]) -> list[float]:
    found = read_date(cell, fitted.get("written", "iso"))
    if found is None:
        return [0.0] * 7
    years = (found.timestamp() - fitted["mean"]) / _YEAR
    day = (found.hour * 3600 + found.minute * 60 + found.second) / 86400
    places = (found.timetuple().tm_yday / 365.25, found.weekday() / 7, day)
    circle = [f(2 * math.pi * place) for place in places for f in (math.sin, math.cos)]
    return [max(-10.0, min(10.0, years)), *circle]


# Whether a cell can be read as what its column is.
READS: dict[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "number": lambda cell, fitted: not math.isnan(number_of(cell)),
    "date": lambda cell, fitted: read_date(cell, fitted.get("written", "iso")) is not None,
    "category": lambda cell, fitted: True,
}
FITS = {"number": fit_number, "category": fit_category}
MAKES = {"number": _make_number, "category": _make_category, "date": _make_dates}
