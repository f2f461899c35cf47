"""The only place that touches gradients."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_FABRIC_FLAG = "_in_fabric_backward"


def gradients(
    loss: Tensor, parameters: Sequence[Tensor], keep: bool = True
) -> tuple[Tensor | None, ...]:
    """The gradients of a loss, the parameters left as they are, and the graph if asked to.

    A frozen parameter has none, as one that the loss does not reach.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> gradients(layer(torch.ones(1, 2)).sum(), [layer.weight]), layer.weight.grad
        ((tensor([[1., 1.]]),), None)
    """
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    if not trainable:
        return (None,) * len(parameters)
    with _known_to_fabric():
        found = iter(torch.autograd.grad(loss, trainable, retain_graph=keep, allow_unused=True))
    return tuple(next(found) if parameter.requires_grad else None for parameter in parameters)


@contextmanager
def _known_to_fabric() -> Iterator[None]:
    """Keeps a model that Lightning Fabric has wrapped from taking this for a loop's mistake.

    In mixed precision such a model raises when a gradient is taken outside `Fabric.backward`, which
    scales the loss; a gradient taken apart is not scaled, and so float16 has to be refused.
    """
    names = ("lightning_fabric.wrappers", "lightning.fabric.wrappers")
    known = [sys.modules[name] for name in names if name in sys.modules]
    before = [getattr(module, _FABRIC_FLAG, False) for module in known]
    for module in known:
        setattr(module, _FABRIC_FLAG, True)
    try:
        yield
    finally:
        for module, value in zip(known, before, strict=True):
            setattr(module, _FABRIC_FLAG, value)


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


def scale_with_noise(
    parameters: Iterable[nn.Parameter],
    factor: Tensor | float,
    buffer: Tensor,
    generator: torch.Generator | None = None,
) -> None:
    """Multiplies the gradients, and adds noise as large as each was: factor g + N(0, std(g)²).

    All is done in place. Noise is drawn in the order of the indices, and so is the same however
    the weights lie in memory; into a tensor that lies otherwise it would take several times longer.

    Args:
        parameters: Of two elements or more.
        factor: For all of them.
        buffer: A flat tensor, as large as the largest gradient; the noise is drawn into it.
        generator: Of the noise.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> scale_with_noise(layer.parameters(), 0.5, torch.empty(2))
        >>> layer.weight.grad
        tensor([[0.5000, 0.5000]])
    """
    for parameter in parameters:
        if parameter.grad is not None:
            noise = buffer[: parameter.numel()].view(parameter.shape).normal_(generator=generator)
            deviation = parameter.grad.std()
            parameter.grad.mul_(factor).addcmul_(noise, deviation)


def pull(parameters: Iterable[nn.Parameter], anchors: Iterable[Tensor], factor: Tensor) -> None:
    """Adds the gradient of (factor / 2) ‖parameters - anchors‖²; a frozen parameter has none.

    Example:
        >>> layer = nn.Linear(2, 1, bias=False)
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> pull([layer.weight], [layer.weight.detach() - 2.0], torch.tensor(0.5))
        >>> layer.weight.grad
        tensor([[2., 2.]])
    """
    for parameter, anchor in zip(parameters, anchors, strict=True):
        if parameter.grad is not None:
            parameter.grad.add_((parameter.detach() - anchor) * factor)


def squared_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """The sum of the squares of all gradients, a scalar on their device; a frozen one counts as 0.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> squared_norm(layer.parameters())
        tensor(3.)
    """
    parameters = list(parameters)
    there = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not there:
        return torch.zeros((), device=parameters[0].device if parameters else None)
    return torch.stack([one.float() for one in torch._foreach_norm(there)]).square().sum()


def gradients_of(parameters: Iterable[nn.Parameter]) -> list[Tensor | None]:
    """The gradients that parameters have now.

    Example:
        >>> gradients_of(nn.Linear(1, 1).parameters())
        [None, None]
    """
    return [parameter.grad for parameter in parameters]


def assign(parameters: Iterable[nn.Parameter], gradients: Iterable[Tensor | None]) -> None:
    """Gives every parameter its gradient; with `None` the optimizer skips it.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(1, 1)
        >>> assign(layer.parameters(), [torch.tensor([[2.0]]), None])
        >>> layer.weight.grad, layer.bias.grad
        (tensor([[2.]]), None)
    """
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


def added(old: Iterable[Tensor | None], new: Iterable[Tensor | None]) -> list[Tensor | None]:
    """The sums of gradients, of which either may be missing.

    Example:
        >>> added([torch.tensor(1.0), None, None], [torch.tensor(2.0), torch.tensor(3.0), None])
        [tensor(3.), tensor(3.), None]
    """
    return [b if a is None else a if b is None else a + b for a, b in zip(old, new, strict=True)]
