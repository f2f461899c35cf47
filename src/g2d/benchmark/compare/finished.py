"""What tables read of a finished run: a number, what is behind it, what it was measured under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from g2d.benchmark.compare.metrics import Metric
from g2d.benchmark.compare.statistics.samples import Samples, samples_of
from g2d.runs.run import Run


def value_of(run: Run, metric: Metric, read: str) -> float | None:
    """On test, in the unit of tables; `None` where the run has no such number."""
    value = run.metrics.get(metric.name, {}).get(read)
    return None if value is None or not np.isfinite(value) else metric.scale * value


def samples_behind(run: Run, metric: Metric, read: str) -> Samples | None:
    """Each test sample's term of a metric; `None` where predictions are not kept."""
    if run.task is None:
        return None
    try:
        predictions = run.predictions("test")
    except FileNotFoundError:
        predictions = {}
    return samples_of(predictions, run.task, read, metric.name)


def version_of(run: Run) -> str:
    """Commit of g2d that began a run, or its version where it was installed without one."""
    made: Mapping[str, Any] = run.about.get("environment", {})
    return str(made.get("commit") or f"g2d {made.get('versions', {}).get('g2d')}")


def selected_on_test(run: Run) -> bool:
    """Whether the weights were selected on the test split, as the data recorded.

    Runs from before data recorded it are known by their protocol. Validation that is test gives the
    same numbers, to the last digit of the loss.
    """
    protocol = run.protocol.split(",")[0]
    named = "paper" in protocol or "selects-on-test" in protocol
    recorded = bool(run.about.get("selects_on_test", named))
    return recorded or run.result["val"] == run.result["test"]
