"""The only place that touches gradients."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


def freeze(parameters: Iterable[nn.Parameter]) -> None:
    """Removes the gradients, so that the optimizer skips these parameters altogether.

    This is Eq. 8 with κ = 0 to the letter: the parameters do not change. Gradients of zero would
    not do, since momentum and weight decay go on moving the weights.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1)
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> freeze(layer.parameters())
        >>> layer.weight.grad is None
        True
    """
    for parameter in parameters:
        parameter.grad = None


def scale(parameters: Iterable[nn.Parameter], factor: Tensor | float) -> None:
    """Multiplies the gradients, Eq. 8 with 0 < κ < 1; momentum and weight decay still act.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> scale(layer.parameters(), 0.5)
        >>> layer.weight.grad
        tensor([[0.5000, 0.5000]])
    """
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)
