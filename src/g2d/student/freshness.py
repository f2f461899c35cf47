"""Checks that what was recorded of a forward pass belongs to the logits of a loss."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.student.model_outputs import logits_of

# How many earlier passes are known again by their logits.
REMEMBERED = 8


def in_backward() -> bool:
    """Whether a backward pass is under way: what runs now is a checkpoint, computed again."""
    current = getattr(torch._C, "_current_graph_task_id", None)
    return current is not None and current() != -1


class Freshness:
    """Remembers the versions of the last pass's features, and the logits of the last passes.

    Logits are held by weak references, so that no graph lives longer for it.
    """

    def __init__(self) -> None:
        self._logits: deque[ref[Tensor]] = deque(maxlen=REMEMBERED)
        self._versions: dict[str, int] = {}
        self._without_graph: set[str] = set()

    def begin(self) -> None:
        """Forgets the features of the pass before; called when a forward pass begins."""
        self._versions, self._without_graph = {}, set()

    def gave(self, name: str, feature: Tensor) -> None:
        """Remembers the version of an encoder's feature."""
        if not feature.is_inference():  # such a tensor keeps no count of its changes
            self._versions[name] = feature._version
        if not torch.is_grad_enabled():
            self._without_graph.add(name)

    def returned(self, output: Any) -> None:
        """Remembers the logits that the model returned."""
        with suppress(UserError):  # then the user takes the logits out of it
            self._logits.append(ref(logits_of(output)))

    def check(
        self, logits: Tensor, features: Mapping[str, Tensor], encoders: Mapping[str, nn.Module]
    ) -> None:
        """Refuses logits of an earlier pass, and features that are not those that were fused.

        Args:
            logits: Those that a loss is computed from.
            features: Those recorded in the last pass.
            encoders: For each modality its modules.

        Raises:
            UserError: The logits are those of an earlier pass, a feature was changed in place, or
                an encoder that is trained built no graph.
        """
        *before, last = [earlier() for earlier in self._logits] or [None]
        if logits is not last and any(logits is earlier for earlier in before):
            raise UserError(
                "got the logits of an earlier forward pass, expected those of the last one, whose "
                "features are recorded; call method.loss right after its own forward pass"
            )
        for name, feature in features.items():
            if name in self._versions and feature._version != self._versions[name]:
                raise UserError(
                    f"the feature of {name!r} was changed in place after its encoder returned it; "
                    "use inplace=False in the layer after the encoder, or x = x + y for x += y"
                )
        if not (torch.is_grad_enabled() and logits.requires_grad):
            return
        for name in features:
            if name in self._without_graph and any(
                parameter.requires_grad for parameter in encoders[name].parameters()
            ):
                raise UserError(
                    f"the encoder of {name!r} ran without gradients, and it is to be trained; "
                    "under gradient checkpointing write checkpoint(..., use_reentrant=False); an "
                    "encoder that is not trained is frozen by requires_grad_(False)"
                )
