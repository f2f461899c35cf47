"""A step in several parts: what the samples of one part weigh beside those of the others.

A mean over the samples that have a modality is, in a step of several batches or processes, the
mean over all its samples that have it, and not the mean of the parts' means.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.ranks import gather_over_ranks, processes


def parts_of_step(batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
    """The batches of a step, each with the masks of the whole step, of all processes.

    Unchanged where there is nothing to weigh: one batch of one process, or nothing absent. All
    processes have to call it, with as many samples each.
    """
    absent = len(batches) > 1 and any(batch.present for batch in batches)
    if not absent and processes() == 1:
        return batches
    names = batches[0].modalities
    own = torch.cat([torch.stack([b.mask(name) for name in names]) for b in batches], dim=1)
    step = dict(zip(names, gather_over_ranks(own), strict=True))
    return tuple(replace(batch, step=step) for batch in batches)


def weighed(mean: Tensor, batch: Batch, *modalities: str, one_is_enough: bool = False) -> Tensor:
    """A mean over those samples of a part that have some modalities, with its weight in the step.

    The weight is how often a sample of the part has them, over how often one of the step has: with
    the means of parts so weighed, and by the parts' sizes, the step has the mean over all of them.

    Args:
        mean: Over the samples of the batch.
        batch: The part; where it is a step by itself, the mean is returned as it is.
        modalities: Those that a sample must have to be counted.
        one_is_enough: Whether it is counted with one of them.

    Example:
        >>> import torch
        >>> absent, there = torch.tensor([True, False]), torch.tensor([True, True])
        >>> whole = {"sound": torch.cat([absent, there])}
        >>> inputs, target = {"sound": torch.zeros(2, 1)}, torch.tensor([0, 1])
        >>> part = Batch(inputs, target, torch.arange(2), {"sound": absent}, whole)
        >>> weighed(torch.tensor(3.0), part, "sound")
        tensor(2.)
    """
    if not batch.step:
        return mean
    masks = (
        torch.stack([batch.mask(name) for name in modalities]),
        torch.stack([batch.step[name] for name in modalities]),
    )
    counted = (mask.any(dim=0) if one_is_enough else mask.all(dim=0) for mask in masks)
    of_part, of_step = (mask.to(mean.dtype).mean() for mask in counted)
    return mean * (of_part / of_step.clamp(min=1e-9))
