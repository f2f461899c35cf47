"""How the page writes numbers."""

from __future__ import annotations

import math

from g2d.benchmark.compare.metrics import METRICS

# Fractions that people read in per cent; everything else keeps its unit.
IN_PERCENT = {"accuracy", "uar", "macro_f1", "exact_match", "mape", "mpe"}
NOTHING = "-"


def called(metric: str) -> str:
    """A metric as tables call it.

    Example:
        >>> called("r2"), called("macro_f1")
        ('R²', 'macro F1')
    """
    return METRICS[metric].label if metric in METRICS else metric


def shown(value: float | None, metric: str) -> str:
    """A number of a run's record.

    Example:
        >>> shown(0.7314, "accuracy"), shown(0.5316, "loss"), shown(float("nan"), "r2")
        ('73.1 %', '0.532', '-')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{round(100 * value, 9):.1f} %" if metric in IN_PERCENT else significant(value)


def significant(value: float) -> str:
    """Three digits that count, or all before the point.

    Example:
        >>> significant(0.00123), significant(12.34), significant(12345.6), significant(0.0)
        ('0.00123', '12.3', '12346', '0')
        >>> significant(3e-30)
        '3e-30'
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else NOTHING
    if abs(value) < 1e-4:
        return f"{value:.0e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> counted(1, "run"), counted(3, "run")
        ('1 run', '3 runs')
    """
    return f"{count} {noun}{'s' * (count != 1)}"
