"""Which views a sample has, written as the bits that TATE appends to every token."""

from __future__ import annotations

import torch
from torch import Tensor


def tags(presence: Tensor) -> Tensor:
    """The tag of every sample.

    The first bit stands for "all are there"; bit 1 + m for "view m is absent". With three views
    that is 1000 for a complete sample, 0100, 0010, 0001 where one is absent, and 0110 where the
    first two are.

    Args:
        presence: Which views are there, bool `(B, k)`.

    Returns:
        Float `(B, 1 + k)` of 0 and 1.

    Example:
        >>> tags(torch.tensor([[True, True, True], [False, True, True], [False, False, True]]))
        tensor([[1., 0., 0., 0.],
                [0., 1., 0., 0.],
                [0., 1., 1., 0.]])
    """
    complete = presence.all(dim=1, keepdim=True)
    return torch.cat([complete, ~presence], dim=1).float()
