"""Length and direction of gradients, on their device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def norm(gradients: Sequence[Tensor]) -> Tensor:
    """‖g‖ over several tensors.

    Example:
        >>> norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
        tensor(5.)
    """
    each = torch.stack([one.float() for one in torch._foreach_norm(list(gradients))])
    length: Tensor = torch.linalg.vector_norm(each)
    return length


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """cos(a, b) of two tensors of one shape; `nan` where one of them is zero.

    Example:
        >>> cosine(torch.tensor([[1.0], [1.0]]), torch.tensor([[0.0], [-2.0]]))
        tensor(-0.7071)
        >>> cosine(torch.ones(2), torch.zeros(2))
        tensor(nan)
    """
    a, b = a.float().flatten(), b.float().flatten()
    norm = torch.linalg.vector_norm
    angle: Tensor = (a / norm(a)) @ (b / norm(b))
    return angle
