"""What validation measures, for methods that follow it, in a loop of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from g2d.batch import Batch, Outputs
from g2d.methods.base import Method
from g2d.student.predict_split import Collected
from g2d.tasks import Task

FUSED = "fused"
Metrics = dict[str, dict[str, float]]


class Validation:
    """Collects a model's predictions for a split and measures them, fused and for every modality.

    Args:
        method: Whose student predicts.

    Example:
        >>> import g2d
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> method = g2d.MSES(model, g2d.Classification(2))
        >>> inputs = {name: torch.randn(6, 3) for name in encoders}
        >>> batch = g2d.Batch(inputs, torch.tensor([0, 1] * 3), torch.arange(6))
        >>> validation = g2d.Validation(method)
        >>> with torch.no_grad():
        ...     validation.add(model.eval()(batch), batch)
        >>> metrics = validation.read()
        >>> sorted(metrics)[:3], list(metrics["accuracy"])
        (['accuracy', 'confidence', 'loss'], ['fused', 'sound', 'image'])
        >>> method.on_validation_end(metrics)
    """

    def __init__(self, method: Method) -> None:
        self.method = method
        self._split = Collected()

    def add(
        self,
        prediction: Any,
        target: Tensor | Batch,
        *,
        present: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Takes in the last forward pass; the arguments are those of `method.loss`."""
        outputs, batch = self.method.student.observe(prediction, target, present=present)
        self._split.add(named_logits(outputs), batch)

    @property
    def collected(self) -> bool:
        """Whether there is anything to measure."""
        return len(self._split) > 0

    def read(self) -> Metrics:
        """For every metric of the task, the loss and the confidence: the value of each prediction.

        The next split begins anew.
        """
        found = self._split.read().cpu()
        self._split = Collected()
        return measure(self.method.task, found.values, found.present, found.target)


def named_logits(outputs: Outputs) -> dict[str, Tensor]:
    """The fused prediction under `"fused"`, the unimodal ones under their modality, as float32."""
    return {n: logits.float() for n, logits in {FUSED: outputs.logits, **outputs.unimodal}.items()}


def measure(
    task: Task,
    logits: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    target: Tensor,
) -> Metrics:
    """Metrics of several predictions of a split; a modality's are over the samples that have it.

    Args:
        task: Gives loss, metrics and confidence.
        logits: `(N, C)` of each prediction.
        present: For every modality that can be missing, a bool `(N,)`.
        target: `(N, ...)`.

    Example:
        >>> from g2d.tasks import Classification
        >>> logits = {"fused": torch.tensor([[9.0, 0.0], [0.0, 9.0]])}
        >>> measure(Classification(2), logits, {}, torch.tensor([0, 0]))["accuracy"]
        {'fused': 0.5}
    """
    by_metric: Metrics = {}
    for name, values in logits.items():
        has = present.get(name, torch.ones(len(target), dtype=torch.bool))
        if not bool(has.any()):
            continue
        found = {"loss": task.loss(values[has], target[has]).item()}
        found |= task.metrics(values[has], target[has])
        found["confidence"] = task.confidence(values[has], target[has]).double().mean().item()
        for metric, value in found.items():
            by_metric.setdefault(metric, {})[name] = value
    return by_metric
