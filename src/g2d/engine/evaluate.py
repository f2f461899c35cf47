"""Predictions of a whole split and their metrics, fused and for every modality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.methods.validation import FUSED, measure, named_logits
from g2d.student.predict_split import Predictions, predict_split
from g2d.tasks import Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Evaluation:
    """Logits of a split, in the order of its samples, on the CPU.

    Attributes:
        logits: `(N, C)` under `"fused"` and under the name of every modality.
        target: `(N, ...)`.
        present: For every modality that can be missing, bool `(N,)`; its metrics are over the
            samples that have it.
        index: Position of every row in the split.
        metrics: `{"loss": {"fused": 0.9, "<modality>": 1.4}, "accuracy": {...},
            "confidence": {...}}`.
        patterns: Metrics of the fused prediction by the modalities that samples have, `{"a+b":
            {"n": 40, "accuracy": 0.9}, "a": {...}}`; see `with_patterns`.
    """

    logits: dict[str, Tensor]
    target: Tensor
    index: Tensor
    present: dict[str, Tensor]
    metrics: dict[str, dict[str, float]]
    patterns: dict[str, dict[str, float]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The metrics as plain values, and those of every pattern where modalities are absent."""
        return {**self.metrics, **({"patterns": self.patterns} if self.patterns else {})}


def evaluate(
    model: nn.Module,
    batches: Iterable[Batch],
    task: Task,
    fabric: Fabric | None = None,
) -> Evaluation:
    """Runs the model in eval mode over a split.

    Args:
        model: Returns `Outputs` for a batch.
        batches: Every sample of the split; with several processes, each process's share.
        task: Gives loss, metrics and confidence.
        fabric: Gathers the shares of several processes.

    Raises:
        UserError: A prediction is not finite.

    Example:
        >>> import g2d
        >>> encoders = {name: nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> inputs = {name: torch.randn(4, 3) for name in encoders}
        >>> batch = Batch(inputs, torch.tensor([0, 1, 0, 1]), torch.arange(4))
        >>> list(evaluate(model, [batch], g2d.Classification(2)).metrics["accuracy"])
        ['fused', 'sound', 'image']
    """
    was_training = model.training
    model.eval()
    found = predict_split(lambda batch: named_logits(model(batch)), batches)
    model.train(was_training)
    if fabric is not None and fabric.world_size > 1:
        found = _gather(fabric, found)
    found = found.cpu()
    if not bool(torch.isfinite(found.values[FUSED]).all()):
        raise UserError(
            "the model's predictions are not finite; lower training.learning_rate or set "
            "training.clip_norm"
        )
    return Evaluation(
        logits=found.values,
        target=found.target,
        index=found.index,
        present=found.present,
        metrics=measure(task, found.values, found.present, found.target),
    )


def _gather(fabric: Fabric, own: Predictions) -> Predictions:
    """Every process's rows, without the repeats that make the shares equal in size."""
    every: list[list[str]] = [[] for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(every, list(own.present))
    masked = sorted({name for some in every for name in some})

    def whole(rows: Tensor) -> Tensor:
        return cast(Tensor, fabric.all_gather(rows)).flatten(0, 1)

    index, first = _first_of_each(whole(own.index.to(own.target.device)).cpu())

    def distinct(rows: Tensor) -> Tensor:
        return whole(rows)[first.to(rows.device)]

    return Predictions(
        {name: distinct(rows) for name, rows in own.values.items()},
        distinct(own.target),
        index,
        {name: distinct(own.mask(name)) for name in masked},
    )


def _first_of_each(index: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct values in order, and where each is seen first.

    Example:
        >>> _first_of_each(torch.tensor([2, 0, 2, 1]))
        (tensor([0, 1, 2]), tensor([1, 3, 0]))
    """
    values, inverse = torch.unique(index, return_inverse=True)
    first = torch.full((len(values),), len(index), dtype=torch.long)
    first.scatter_reduce_(0, inverse, torch.arange(len(index)), reduce="amin")
    return values, first
