"""Means and weights over the samples in which a modality is present."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Masks = Sequence[Tensor | None]


def mean_over_present(values: Tensor, present: Tensor | None) -> Tensor:
    """The mean over the samples in which the modality is present; 0 where it is in none.

    Example:
        >>> mean_over_present(torch.tensor([1.0, 5.0]), torch.tensor([True, False]))
        tensor(1.)
    """
    if present is None:
        return values.mean()
    return torch.where(present, values, 0.0).sum() / present.sum().clamp(min=1)


def sum_over_present(values: Tensor, present: Tensor | None) -> Tensor:
    """The sum over the samples in which the modality is present, and their number: `(2,)`.

    Such pairs can be added over batches and processes before the mean is taken.

    Example:
        >>> sum_over_present(torch.tensor([1.0, torch.nan]), torch.tensor([True, False]))
        tensor([1., 1.])
    """
    there = torch.ones_like(values) if present is None else present.to(values)
    return torch.stack([torch.where(there > 0, values, 0).sum(), there.sum()])


def total(terms: Sequence[Tensor]) -> Tensor:
    """The sum of scalar tensors.

    Example:
        >>> total([torch.tensor(1.0), torch.tensor(2.0)])
        tensor(3.)
    """
    if len(terms) == 2:  # the same to the bit, and a small step has several of these
        return terms[0] + terms[1]
    return torch.stack(list(terms)).sum()


def present_in_all(masks: Masks) -> Tensor | None:
    """Which samples have all of some modalities; `None` where all samples have them.

    Example:
        >>> present_in_all([torch.tensor([True, False]), None])
        tensor([ True, False])
    """
    given = [mask for mask in masks if mask is not None]
    return torch.stack(given).all(dim=0) if given else None


def stacked_masks(present: Masks | None, like: Tensor) -> Tensor | None:
    """The masks of k modalities, `(k, B)`; `None` where nothing is absent.

    Example:
        >>> stacked_masks([None, torch.tensor([True, False])], torch.zeros(2))
        tensor([[ True,  True],
                [ True, False]])
    """
    if present is None or all(mask is None for mask in present):
        return None
    everyone = torch.ones_like(like, dtype=torch.bool)
    return torch.stack([everyone if mask is None else mask for mask in present])


def softmax_over_present(scores: Tensor, there: Tensor | None) -> Tensor:
    """A softmax over the modalities that each sample has; equal shares where it has none.

    Args:
        scores: `(k, B, 1)`.
        there: Bool `(k, B)`; `None` where nothing is absent.

    Example:
        >>> softmax_over_present(torch.zeros(2, 1, 1), torch.tensor([[True], [False]])).flatten()
        tensor([1., 0.])
    """
    # Finite, so that a sample that has nothing at all does not become nan.
    lowest = torch.finfo(scores.dtype).min
    scores = scores.clamp(min=lowest / 2)
    if there is not None:
        scores = scores.masked_fill(~there[:, :, None], lowest)
    return scores.softmax(dim=0)
