"""A forward pass of a student, for those who look on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What a forward pass has left behind.

    Attributes:
        answer: What the model returned.
        encoded: What each encoder handed on, with its graph: features `(B, d)`, or whatever the
            features are pooled from.
        training: Whether the model was in train mode.
    """

    answer: Any
    encoded: dict[str, Tensor]
    training: bool


# Is told of a forward pass right after it.
Listener = Callable[[ForwardPass], None]
