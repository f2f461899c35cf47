"""Confidence intervals over the samples of a measurement and over the seeds of training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.errors import require

Floats = NDArray[np.float64]

_Z = 1.960
# With fewer the spread over seeds is a guess: Student's t for two of them is 12.7.
LEAST_SEEDS = 3


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its 95 % interval.

    Attributes:
        mean: The number.
        rows: Half the width that comes of measuring on so many samples.
        seeds: Half the width that comes of training so often; infinite below three seeds.
        bounds: What is possible; the interval does not reach beyond.
    """

    mean: float
    rows: float
    seeds: float
    bounds: tuple[float, float] = (-math.inf, math.inf)

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return math.hypot(self.rows, self.seeds)

    @property
    def known(self) -> bool:
        """Whether there are seeds enough for an interval."""
        return math.isfinite(self.half)

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return max(self.bounds[0], self.mean - self.half) if self.known else -math.inf

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return min(self.bounds[1], self.mean + self.half) if self.known else math.inf

    def as_dict(self) -> dict[str, Any]:
        """Plain values; `null` for what is not known.

        Example:
            >>> Interval(0.5, 0.3, 0.4).as_dict()
            {'mean': 0.5, 'low': 0.0, 'high': 1.0, 'half_rows': 0.3, 'half_seeds': 0.4}
        """
        named = {
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "half_rows": self.rows,
            "half_seeds": self.seeds,
        }
        return {key: round(v, 6) if math.isfinite(v) else None for key, v in named.items()}


def resamples(rows: int) -> Floats:
    """How often every sample is drawn, `(D, rows)`, in each of many draws with replacement.

    D is 1000, and less for so many rows that the numbers would not fit in memory.
    """
    draws = int(np.clip(2e7 / rows, 100, 1000))
    rng = np.random.default_rng(0)
    return rng.multinomial(rows, np.full(rows, 1 / rows), size=draws).astype(np.float64)


def interval(
    points: Floats,
    draws: Floats,
    floor: float = 0.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """From the statistic of every seed on all samples and on resamples of them.

    Samples and seeds are two sources of chance. The bootstrap of the mean over seeds holds the
    samples' part, and that of samples and seeds together; what seeds add of their own is their
    variance less that common part (the method of moments for two crossed random effects), taken
    times Student's t.

    Args:
        points: `(S,)`, a number for each seed.
        draws: `(S, D)`, the same on D resamples, the same for all seeds.
        floor: The least half-width over samples; a bootstrap of samples that are all alike sees
            no spread.
        bounds: Least and greatest value that is possible.

    Example:
        >>> alike = interval(np.array([0.5, 0.5, 0.5]), np.full((3, 9), 0.5), floor=0.1)
        >>> alike.low, alike.high
        (0.4, 0.6)
    """
    count = len(points)
    mean, rows = float(points.mean()), float(draws.mean(axis=0).std(ddof=1))
    if count < LEAST_SEEDS:
        return Interval(mean, max(_Z * rows, floor), math.inf, bounds)
    each = float(draws.var(axis=1, ddof=1).mean())
    common = max(0.0, (each - rows**2) * count / (count - 1))
    own = max(0.0, float(points.var(ddof=1)) - common)
    t = float(require("scipy.stats", "train").t.ppf(0.975, count - 1))
    return Interval(mean, max(_Z * rows, floor), t * math.sqrt(own / count), bounds)


def over_seeds(points: Floats, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
    """Student's interval of numbers that have no samples behind them.

    Example:
        >>> round(over_seeds(np.array([1.0, 2.0, 3.0])).half, 3)
        2.484
    """
    return interval(points, np.tile(points[:, None], (1, 2)), bounds=bounds)


def least_half_width(samples: float) -> float:
    """Half the width of Wilson's interval where every one of so many samples is right.

    Example:
        >>> round(least_half_width(96), 3)
        0.019
    """
    return 0.5 * _Z**2 / (samples + _Z**2)
