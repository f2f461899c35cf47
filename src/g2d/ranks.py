"""Which of the processes of a distributed run this is, and sums and noise over all of them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributed as dist


def first_process() -> bool:
    """Whether this process is alone, or the first of a distributed run, started or to be started.

    Known before the processes have found each other: what only one of them may do or print (refuse
    a folder, print a table) can be decided at any time.
    """
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def is_of_a_lost_process(error: RuntimeError) -> bool:
    """Whether this process waited for another one of its run that has ended, or does not respond.

    Example:
        >>> is_of_a_lost_process(RuntimeError("[gloo/transport/tcp/pair.cc:5] Connection closed"))
        True
        >>> is_of_a_lost_process(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        False
    """
    lost = ("Connection closed", "Connection reset", "Broken pipe", "Timed out", "timed out")
    message = str(error)
    of_backend = dist.is_available() and isinstance(error, dist.DistBackendError)
    return ("gloo/transport" in message or of_backend) and any(words in message for words in lost)


def processes() -> int:
    """How many processes train together; 1 when alone.

    Example:
        >>> processes()
        1
    """
    there = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if there else 1


def sum_over_ranks(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, the same on each; `values` itself when alone.

    Every decision about gradients is taken from such sums: processes that decide for themselves
    drift apart, and hang where they do not agree on which parameters have gradients.

    Example:
        >>> sum_over_ranks(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if processes() == 1:
        return values
    on_gpu = dist.get_backend() == "nccl"
    total = values.to(
        torch.device("cuda", torch.cuda.current_device()) if on_gpu else "cpu", copy=True
    )
    dist.all_reduce(total)
    return total.to(values.device)


def gather_over_ranks(flags: Tensor) -> Tensor:
    """Bools `(..., B)` of every process, one after the other: `(..., B x processes)` on each.

    Example:
        >>> gather_over_ranks(torch.tensor([True, False]))
        tensor([ True, False])
    """
    if processes() == 1:
        return flags
    places = torch.zeros(processes(), *flags.shape, device=flags.device)
    places[dist.get_rank()] = flags.float()
    return torch.cat(list(sum_over_ranks(places) > 0), dim=-1)


def mean_over_ranks(gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The mean of each gradient over all processes; the gradients themselves when alone.

    A gradient that is `None` has to be so on all of them.
    """
    if processes() == 1:
        return list(gradients)
    there = [gradient for gradient in gradients if gradient is not None]
    if not there:
        return list(gradients)
    total = sum_over_ranks(torch.cat([gradient.reshape(-1) for gradient in there]))
    parts = iter((total / processes()).split([gradient.numel() for gradient in there]))
    return [None if old is None else next(parts).view_as(old) for old in gradients]


def uniform_over_ranks(size: int, generator: torch.Generator) -> Tensor:
    """Uniform random numbers for this process's samples: of those one process would draw, its own.

    Processes take turns at the samples (see `EpochSampler`), and all have the same generator.

    Example:
        >>> uniform_over_ranks(2, torch.Generator().manual_seed(0))
        tensor([0.4963, 0.7682])
    """
    world = processes()
    if world == 1:
        return torch.rand(size, generator=generator)
    return torch.rand(size * world, generator=generator)[dist.get_rank() :: world]
