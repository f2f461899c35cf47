"""A finished run as tables need it: metrics, what it was measured under, and its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.compare.metrics import Metric
from g2d.benchmark.compare.statistics.samples import Samples, samples_of
from g2d.engine.records import RunFolder
from g2d.methods.validation import FUSED
from g2d.tasks import Classification, Task, task_from

_NO_METRIC = "patterns"


@dataclass(frozen=True)
class FinishedRun:
    """One run folder.

    Attributes:
        folder: Where it lies.
        seed: Of weights and order.
        method: As the run calls it.
        metrics: On test, by metric and then by what is read.
        protocol: Name of the split policy, and what is hidden.
        fingerprint: Of the data.
        version: Commit of g2d, or its version where it was installed without one.
        test_selected: Whether the weights were selected on the test split.
        size: How many test samples there are.
        epochs: Of training, as the recipe has them.
    """

    folder: Path
    seed: int
    method: str
    metrics: Mapping[str, Mapping[str, float]]
    protocol: str
    fingerprint: str
    version: str
    test_selected: bool
    size: int
    epochs: int

    def value(self, metric: Metric, read: str) -> float | None:
        """In the unit of tables; `None` where the run has no such number."""
        value = self.metrics.get(metric.name, {}).get(read)
        return None if value is None or not np.isfinite(value) else metric.scale * value

    def samples(self, metric: Metric, read: str) -> Samples | None:
        """What every test sample adds to it; `None` where that is not kept."""
        if self._task is None:
            return None
        return samples_of(self._predictions, self._task, read, metric.name)

    @cached_property
    def _predictions(self) -> dict[str, NDArray[np.generic]]:
        try:
            return RunFolder(self.folder).read_predictions("test")
        except FileNotFoundError:
            return {}

    @cached_property
    def _task(self) -> Task | None:
        run = RunFolder(self.folder)
        if (self.folder / "model.json").exists():
            return task_from(run.read_json("model.json")["task"])
        logits = self._predictions.get(f"logits/{FUSED}")
        if "uar" in self.metrics and logits is not None:
            return Classification(logits.shape[1])
        return None


def open_finished(folder: Path) -> FinishedRun:
    """Reads the records of a finished run."""
    run = RunFolder(folder)
    about, result = run.read_json("run.json"), run.read_json("result.json")
    environment: dict[str, Any] = about.get("environment", {})
    version = environment.get("commit") or f"g2d {environment.get('versions', {}).get('g2d')}"
    measured = {name: values for name, values in result["test"].items() if name != _NO_METRIC}
    return FinishedRun(
        folder=folder,
        seed=int(result["seed"]),
        method=str(result["method"]),
        metrics=measured,
        protocol=str(result["protocol"]),
        fingerprint=str(about["fingerprint"]),
        version=str(version),
        test_selected=_selected_on_test(about, result),
        size=int(result["samples"]["test"]),
        epochs=int(about["recipe"].get("training", {}).get("epochs", 0)),
    )


def _selected_on_test(about: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """What the data said of itself; runs from before it did are known by their protocol.

    Validation that is test gives the same numbers, to the last digit of the loss.
    """
    protocol = result["protocol"].split(",")[0]
    named = "paper" in protocol or "selects-on-test" in protocol
    said = bool(about.get("selects_on_test", named))
    return said or result["val"] == result["test"]
