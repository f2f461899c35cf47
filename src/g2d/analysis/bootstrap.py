"""Intervals over samples by the percentile bootstrap (Efron, 1979)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A number of so many samples, and where it would lie with others of their kind.

    Attributes:
        value: On all samples.
        low: 2.5 % of the resamples lie below.
        high: 2.5 % lie above.
    """

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values; `None` for what is not known.

        Example:
            >>> Measured(0.5, 0.4, float("nan")).as_dict()
            {'value': 0.5, 'low': 0.4, 'high': None}
        """
        named = {"value": self.value, "low": self.low, "high": self.high}
        return {key: round(v, 6) if math.isfinite(v) else None for key, v in named.items()}

    def text(self, digits: int = 3) -> str:
        """The value and its interval, for tables.

        Example:
            >>> Measured(0.5, 0.4, 0.61).text(2)
            '0.50 [0.40, 0.61]'
        """
        if not math.isfinite(self.value):
            return "-"
        value, low, high = (f"{v:.{digits}f}" for v in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def around(self, digits: int = 1, scale: float = 1.0) -> str:
        """The value and half the interval's width, for narrow tables.

        Example:
            >>> Measured(0.5, 0.4, 0.62).around(scale=100)
            '50.0 ± 11.0'
        """
        if not math.isfinite(self.value):
            return "-"
        half = (self.high - self.low) / 2
        return f"{scale * self.value:.{digits}f} ± {scale * half:.{digits}f}"


def resampled_means(values: Floats, draws: Floats) -> Floats:
    """The mean of every resample, `(D,)`.

    Args:
        values: `(N,)`; `nan` for samples that do not count.
        draws: How often every sample is drawn, `(D, N)`, from `intervals.resamples`; the same for
            all that is to be compared.

    Example:
        >>> resampled_means(np.array([1.0, np.nan, 3.0]), np.array([[1.0, 5.0, 1.0], [0, 0, 2]]))
        array([2., 3.])
    """
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means: Floats = draws @ np.where(there, values, 0.0) / (draws @ there.astype(np.float64))
    return means


def measured(value: float, resampled: Floats) -> Measured:
    """From a number on all samples and on every resample.

    Example:
        >>> measured(0.5, np.linspace(0, 1, 101))
        Measured(value=0.5, low=0.025, high=0.975)
    """
    finite = resampled[np.isfinite(resampled)]
    if not len(finite):
        return Measured(float(value), math.nan, math.nan)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Measured(float(value), float(low), float(high))


def mean_of(values: Floats, draws: Floats) -> Measured:
    """The mean of the samples that count, with its interval."""
    there = values[np.isfinite(values)]
    mean = float(there.mean()) if len(there) else math.nan
    return measured(mean, resampled_means(values, draws))
