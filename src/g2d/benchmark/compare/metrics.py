"""How tables show a metric: its name, its unit, its digits, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric of run folders.

    Attributes:
        name: As run folders call it.
        label: As tables call it.
        higher_is_better: Which of two numbers wins.
        scale: From run folders, which keep fractions, to tables.
        unit: `"%"`, or nothing.
        digits: After the decimal point; significant ones where negative.
        bounds: Least and greatest value, in the unit of tables.
    """

    name: str
    label: str
    higher_is_better: bool
    scale: float = 1.0
    unit: str = ""
    digits: int = 3
    bounds: tuple[float, float] = (0.0, math.inf)

    def text(self, value: float) -> str:
        """A value as tables show it; sums in another order never show another digit.

        Example:
            >>> METRICS["accuracy"].text(70.26), METRICS["rmse"].text(1234.56)
            ('70.3', '1.23e+03')
            >>> METRICS["rmse"].text(19), METRICS["rmse"].text(100)
            ('19.0', '100')
            >>> METRICS["accuracy"].text(81.35), METRICS["accuracy"].text(81.35000000000001)
            ('81.3', '81.3')
        """
        value = round(value, 9)
        if self.digits < 0:
            return f"{value:#.{-self.digits}g}".rstrip(".")
        return f"{value:.{self.digits}f}"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", True, 100.0, "%", 1, (0.0, 100.0)),
        Metric("uar", "balanced accuracy", True, 100.0, "%", 1, (0.0, 100.0)),
        Metric("macro_f1", "macro F1", True, 100.0, "%", 1, (0.0, 100.0)),
        Metric("mape", "MAPE", False, 100.0, "%", 2),
        Metric("r2", "R²", True, bounds=(-math.inf, 1.0)),
        Metric("rmse", "RMSE", False, digits=-3),
        Metric("mae", "MAE", False, digits=-3),
    )
}


def shown_metrics(measured: Mapping[str, object], selects: str = "") -> tuple[Metric, ...]:
    """Which metrics a table shows of a run: the accuracy, or those of regression.

    Where another metric of classes chose the epoch, it comes first: how far off the predictions
    are, of classes in order; balanced accuracy; macro F1.

    Args:
        measured: By name.
        selects: The metric that chose the epoch.

    Example:
        >>> [metric.name for metric in shown_metrics({"accuracy": 0, "uar": 0, "mae": 0}, "mae")]
        ['mae', 'accuracy']
        >>> [metric.name for metric in shown_metrics({"accuracy": 0, "uar": 0}, "uar")]
        ['uar', 'accuracy']
    """
    if "accuracy" in measured:
        first = "mae" if "mae" in measured else selects
        apart = first in measured and first in METRICS and first != "accuracy"
        return (*([METRICS[first]] if apart else []), METRICS["accuracy"])
    if not measured:
        return (METRICS["accuracy"],)
    return tuple(metric for name, metric in METRICS.items() if name in measured)
