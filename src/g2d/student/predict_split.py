"""A model run over a split: its outputs for every sample, in the order of the split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.student.model_outputs import UnindexedBatch

Ask = Callable[[Batch], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Predictions:
    """A model's outputs for every sample of a split.

    Attributes:
        values: `(N, ...)` by name, such as logits or features.
        target: `(N, ...)`.
        index: Position of every row in the split, `(N,)`, on the CPU; counted where the batches
            have none.
        present: For every modality that is absent somewhere or has a mask, bool `(N,)`.
    """

    values: dict[str, Tensor]
    target: Tensor
    index: Tensor
    present: dict[str, Tensor]

    def mask(self, modality: str) -> Tensor:
        """Which samples have a modality, bool `(N,)`; all have what is no modality."""
        everyone = torch.ones(len(self.target), dtype=torch.bool, device=self.target.device)
        return self.present.get(modality, everyone)

    def cpu(self) -> Predictions:
        """These predictions on the CPU."""
        return Predictions(
            {name: rows.cpu() for name, rows in self.values.items()},
            self.target.cpu(),
            self.index,
            {name: mask.cpu() for name, mask in self.present.items()},
        )


class Collected:
    """Predictions of a split, put together batch by batch."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}
        self._batches: list[tuple[Tensor, Tensor, dict[str, Tensor]]] = []
        self._rows = 0

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self._batches)

    def add(self, values: Mapping[str, Tensor], batch: Batch) -> None:
        """Collects the outputs of a batch, but not its inputs; counts samples without an index."""
        for name, rows in values.items():
            self._values.setdefault(name, []).append(rows.detach())
        counted = torch.arange(self._rows, self._rows + len(batch.target))
        self._rows += len(counted)
        index = counted if isinstance(batch, UnindexedBatch) else batch.index
        self._batches.append((batch.target, index, dict(batch.present)))

    def read(self) -> Predictions:
        """All outputs, on the device of the batches; a modality without a mask is present."""
        named = sorted({name for _, _, masks in self._batches for name in masks})
        return Predictions(
            values={name: torch.cat(parts) for name, parts in self._values.items()},
            target=_joined([target for target, _, _ in self._batches]),
            index=_joined([index for _, index, _ in self._batches]),
            present={
                name: torch.cat(
                    [
                        masks[name].bool()
                        if name in masks
                        else torch.ones(len(target), dtype=torch.bool, device=target.device)
                        for target, _, masks in self._batches
                    ]
                )
                for name in named
            },
        )


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if parts else torch.empty(0)


@torch.no_grad()
def predict_split(ask: Ask, batches: Iterable[Batch]) -> Predictions:
    """Runs a model over every batch of a split; it is expected in eval mode.

    Nothing waits for the device until the end.

    Args:
        ask: Gives `(B, ...)` by name for a batch, such as a model's logits.
        batches: One pass over the split, on the device of the model.

    Example:
        >>> parts = [Batch({"a": torch.ones(2, 1)}, torch.zeros(2), torch.arange(2))] * 2
        >>> predict_split(lambda batch: {"doubled": 2 * batch.inputs["a"]}, parts).index
        tensor([0, 1, 0, 1])
    """
    found = Collected()
    for batch in batches:
        found.add(ask(batch), batch)
    return found.read()
