"""Sums over the processes of a distributed run."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def sum_over_ranks(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, the same on each; `values` itself when alone.

    Every decision about gradients is taken from such sums: processes that decide for themselves
    drift apart, and hang where they do not agree on which parameters have gradients.

    Example:
        >>> sum_over_ranks(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return values
    on_gpu = dist.get_backend() == "nccl"
    total = values.to(
        torch.device("cuda", torch.cuda.current_device()) if on_gpu else "cpu", copy=True
    )
    dist.all_reduce(total)
    return total.to(values.device)
