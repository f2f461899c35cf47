"""Token sequences of different lengths: tokens that are all zero stand where a sequence ends."""

from __future__ import annotations

from torch import Tensor


def filled(tokens: Tensor) -> Tensor:
    """Which tokens `(B, N, d)` are none of padding, that is not all zero: a bool `(B, N)`.

    Example:
        >>> import torch
        >>> filled(torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]))
        tensor([[ True, False]])
    """
    return (tokens != 0).any(dim=-1)


def filled_mean(tokens: Tensor) -> Tensor:
    """The mean `(B, d)` of the tokens that are none of padding; zero where all are.

    Example:
        >>> import torch
        >>> filled_mean(torch.tensor([[[2.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]))
        tensor([[2., 4.],
                [0., 0.]])
    """
    return tokens.sum(dim=1) / filled(tokens).sum(dim=1, keepdim=True).clamp(min=1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean `(B, d)` of those values `(B, N, d)` whose mask `(B, N)` is true; zero of none.

    Example:
        >>> import torch
        >>> masked_mean(torch.tensor([[[2.0], [7.0]]]), torch.tensor([[True, False]]))
        tensor([[2.]])
    """
    total = values.masked_fill(~mask[..., None], 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def attendable(mask: Tensor) -> Tensor:
    """The mask `(B, N)`, all true for sequences of nothing: no softmax can do without a key.

    What is found in such a sequence means nothing and has to be dropped.

    Example:
        >>> import torch
        >>> attendable(torch.tensor([[True, False], [False, False]]))
        tensor([[ True, False],
                [ True,  True]])
    """
    return mask | ~mask.any(dim=1, keepdim=True)
