"""Values in the precision of the module that they are given to."""

from __future__ import annotations

from torch import Tensor, nn


def in_precision_of(module: nn.Module, value: Tensor) -> Tensor:
    """A value as the parameters of a module are stored.

    Example:
        >>> import torch
        >>> in_precision_of(nn.Linear(2, 2).double(), torch.ones(2)).dtype
        torch.float64
    """
    parameter = next(module.parameters(), None)
    return value if parameter is None else value.to(parameter.dtype)
