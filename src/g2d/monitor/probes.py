"""Linear probes that learn beside the loop what can be read off the features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.student.added_heads import AddedHead


class Probes:
    """A linear classifier for each modality, on features that get no gradient of it.

    They have an optimizer of their own, Adam, and first weights from generators of their own.

    Args:
        modalities: Their names.
        outputs: Width of the logits.

    Attributes:
        used: The modalities that are read by a probe.
    """

    def __init__(self, modalities: Iterable[str], outputs: int) -> None:
        # by name, so that the order of declaration does not decide who begins with what
        self._heads = {name: AddedHead(outputs, i) for i, name in enumerate(sorted(modalities))}
        parameters = [p for head in self._heads.values() for p in head.parameters()]
        self._optimizer = torch.optim.Adam(parameters, lr=0.01)
        self.used: set[str] = set()

    def logits(self, features: Mapping[str, Tensor], learning: bool) -> dict[str, Tensor]:
        """Logits `(B, C)` of features `(B, d)`.

        Args:
            features: Of the modalities that have no head.
            learning: Whether the probes learn from this batch. Those that have not learned
                anything yet say nothing otherwise.
        """
        if learning:
            self.used |= set(features)
        return {name: self._heads[name](f) for name, f in features.items() if name in self.used}

    def parameters(self, modality: str) -> list[nn.Parameter]:
        """The parameters of one probe."""
        return list(self._heads[modality].parameters()) if modality in self.used else []

    def learn(self, gradients: Mapping[str, Iterable[Tensor | None]]) -> None:
        """Makes one step with the gradients of some probes' parameters."""
        for name, own in gradients.items():
            gates.assign(self.parameters(name), own)
        self._optimizer.step()
