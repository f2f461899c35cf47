"""A forward pass of a student, as observers receive it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What was recorded of a forward pass.

    Attributes:
        output: What the model returned.
        encoded: What each encoder handed on, with its graph: features `(B, d)`, or whatever the
            features are pooled from.
        training: Whether the model, or a part of it, was in train mode.
    """

    output: Any
    encoded: dict[str, Tensor]
    training: bool


def in_train_mode(net: nn.Module) -> bool:
    """Whether a model is in train mode, or a part of it is while others are kept in eval mode.

    Example:
        >>> net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)).eval()
        >>> in_train_mode(net), in_train_mode(net.append(nn.Dropout().train()))
        (False, True)
    """
    return net.training or any(part.training for part in net.modules())


# Called with every forward pass, right after it.
Listener = Callable[[ForwardPass], None]
