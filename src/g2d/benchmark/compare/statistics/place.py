"""The runs behind one place of a table, put together and set against another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from g2d.analysis.intervals import Floats, Interval, interval, least_half_width, over_seeds
from g2d.benchmark.compare.finished import samples_behind, value_of
from g2d.benchmark.compare.metrics import Metric
from g2d.benchmark.compare.statistics.samples import Samples, draws
from g2d.runs.run import Run


@dataclass(frozen=True)
class Place:
    """The values of one metric of one combination, by seed.

    Attributes:
        metric: Which.
        runs: Those that have it, in the order of seeds.
        values: Their numbers, in the unit of tables, `(S,)`.
        samples: What the test samples add to each; `None` where one of them does not keep it, or
            they are not of the same samples.
    """

    metric: Metric
    runs: tuple[Run, ...]
    values: Floats
    samples: tuple[Samples, ...] | None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(self.values.mean())

    @property
    def std(self) -> float | None:
        """The standard deviation over seeds, with n - 1; `None` for one seed."""
        return float(self.values.std(ddof=1)) if len(self.values) > 1 else None

    @property
    def conditions(self) -> frozenset[tuple[str, str]]:
        """Protocols and data of its runs."""
        return frozenset((run.protocol, run.fingerprint) for run in self.runs)

    def interval(self) -> Interval:
        """The mean and its 95 % interval over samples and seeds."""
        if self.samples is None:
            return over_seeds(self.values, self.metric.bounds)
        share = least_half_width(self.samples[0].count) if self.metric.name == "accuracy" else 0.0
        drawn = np.stack([self._drawn(samples) for samples in self.samples])
        return interval(self.values, drawn, self.metric.scale * share, self.metric.bounds)

    def only(self, seeds: Sequence[int]) -> Place:
        """The values of these seeds alone."""
        chosen = [self._seeds.index(seed) for seed in seeds]
        kept = None if self.samples is None else tuple(self.samples[i] for i in chosen)
        runs = tuple(self.runs[i] for i in chosen)
        return Place(self.metric, runs, self.values[chosen], kept)

    def shared(self, other: Place) -> list[int]:
        """The seeds that both have."""
        return [seed for seed in self._seeds if seed in other._seeds]

    def less(self, other: Place) -> Interval:
        """The difference to another place of the same seeds, and its 95 % interval."""
        points = self.values - other.values
        least, most = self.metric.bounds
        bounds = least - most, most - least
        if not self.pairs_with(other):
            return over_seeds(points, bounds)
        assert self.samples is not None
        assert other.samples is not None
        pairs = zip(self.samples, other.samples, strict=True)
        drawn = np.stack([self._drawn(a) - self._drawn(b) for a, b in pairs])
        return interval(points, drawn, bounds=bounds)

    def parts_less(self, other: Place) -> Floats:
        """Each test sample's term of the difference, averaged over seeds, `(N,)`."""
        assert self.samples is not None
        assert other.samples is not None
        both = self.samples[0].present & other.samples[0].present
        pairs = zip(self.samples, other.samples, strict=True)
        return np.asarray(np.mean([a.parts - b.parts for a, b in pairs], axis=0)[both])

    def pairs_with(self, other: Place) -> bool:
        """Whether test samples of both can be paired."""
        return (
            self.samples is not None
            and other.samples is not None
            and self.samples[0].pairs_with(other.samples[0])
        )

    @property
    def _seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    def _drawn(self, samples: Samples) -> Floats:
        return self.metric.scale * samples(draws(len(samples.index)))


def place_of(runs: Sequence[Run], metric: Metric, read: str) -> Place | None:
    """Reads the place from the runs that have this metric; `None` where none has."""
    measured = [(run, value_of(run, metric, read)) for run in runs]
    having = sorted((pair for pair in measured if pair[1] is not None), key=lambda p: p[0].seed)
    if not having:
        return None
    values = np.array([value for _, value in having], np.float64)
    found = [samples_behind(run, metric, read) for run, _ in having]
    samples = tuple(each for each in found if each is not None)
    alike = len(samples) == len(found) and all(each.pairs_with(samples[0]) for each in samples)
    return Place(metric, tuple(run for run, _ in having), values, samples if alike else None)
