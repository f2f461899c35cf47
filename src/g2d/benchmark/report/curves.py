"""Learning curves as a few hundred bytes of SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from g2d.benchmark.report.wording import called, shown
from g2d.methods.validation import FUSED

WIDTH, HEIGHT = 300, 100
# So many points show all that can be seen in a figure of this width.
POINTS = 100


@dataclass(frozen=True)
class Line:
    """A curve of one prediction.

    Attributes:
        label: The modality, or `"fused"`.
        path: What `<path d>` takes.
        colour: Its number in the page's palette.
    """

    label: str
    path: str
    colour: int


@dataclass(frozen=True)
class Curves:
    """The validation metric over the epochs, in a box of `WIDTH` by `HEIGHT`.

    Attributes:
        lines: The fused prediction first.
        low: What the lower edge stands for, as text.
        high: What the upper edge stands for.
        epochs: How many there are.
        stages: Where a stage ends, from the left.
        caption: The same for those who do not see it.
    """

    lines: tuple[Line, ...]
    low: str
    high: str
    epochs: int
    stages: tuple[int, ...]
    caption: str


def curves(epochs: Sequence[Mapping[str, Any]], metric: str) -> Curves | None:
    """Draws the curves of a run.

    Args:
        epochs: The lines of `metrics.jsonl`.
        metric: What is drawn of their validation metrics.

    Returns:
        Nothing where a run has no epochs or does not record the metric.
    """
    if not epochs or any(metric not in epoch.get("val", {}) for epoch in epochs):
        return None
    names = list(epochs[0]["val"][metric])
    names.sort(key=lambda name: name != FUSED)
    if len(names) == 2 and FUSED in names:  # a teacher: the modality is all there is
        names.remove(FUSED)
    values = {name: [_number(epoch["val"][metric].get(name)) for epoch in epochs] for name in names}
    known = [value for line in values.values() for value in line if math.isfinite(value)]
    if not known:
        return None
    low, high = min(known), max(known)
    kept = _kept(len(epochs))
    lines = tuple(
        Line(name, _path(values[name], kept, low, high), place) for place, name in enumerate(names)
    )
    ends = [i for i in range(1, len(epochs)) if epochs[i].get("stage") != epochs[i - 1]["stage"]]
    return Curves(
        lines=lines,
        low=shown(low, metric),
        high=shown(high, metric),
        epochs=len(epochs),
        stages=tuple(_across(end - 0.5, len(epochs)) for end in ends),
        caption=f"Validation {called(metric)} over {len(epochs)} epochs. "
        + " ".join(_sentence(name, values[name], metric) for name in names),
    )


def _sentence(name: str, values: Sequence[float], metric: str) -> str:
    return f"{name}: {shown(values[0], metric)} at first, {shown(values[-1], metric)} at last."


def _kept(count: int) -> list[int]:
    """Epochs that are drawn: all of few, of many every k-th, and the last.

    Example:
        >>> _kept(3), len(_kept(300))
        ([0, 1, 2], 101)
    """
    step = -(-count // POINTS)
    return sorted({*range(0, count, step), count - 1})


def _path(values: Sequence[float], kept: Sequence[int], low: float, high: float) -> str:
    """Whole coordinates, each point relative to the one before; gaps where there is no number."""
    spread = (high - low) or 1.0
    drawn: list[str] = []
    at: tuple[int, int] | None = None
    for place in kept:
        if not math.isfinite(values[place]):
            at = None
            continue
        x = _across(place, len(values))
        y = round(HEIGHT * (high - values[place]) / spread)
        # A line of no length has round ends: a single point is seen as a dot.
        drawn.append(f"M{x} {y}h0" if at is None else f"l{x - at[0]} {y - at[1]}")
        at = (x, y)
    return "".join(drawn).replace(" -", "-")


def _across(place: float, count: int) -> int:
    return round(WIDTH * (place / (count - 1) if count > 1 else 0.5))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
