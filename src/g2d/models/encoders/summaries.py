"""Short vectors of pictures, sequences and clips, by fixed rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

_SIDE = 16


def flat(inputs: Tensor) -> Tensor:
    """The input flattened, `(B, d)`."""
    return inputs.flatten(1)


def thumbnails(pictures: Tensor) -> Tensor:
    """Pictures `(B, C, H, W)` at 16 by 16, each pixel the mean of those that it stands for.

    Example:
        >>> thumbnails(torch.ones(2, 3, 64, 64)).shape
        torch.Size([2, 768])
    """
    return adaptive_avg_pool2d(pictures.float(), _SIDE).flatten(1)


def over_time(steps: Tensor) -> Tensor:
    """Mean, deviation, tenth and ninetieth percentile of every number over time.

    Args:
        steps: `(B, T, d)`; a step of zeros alone is padding, and left out.

    Returns:
        `(B, 4 d)`; zeros where all is padding.

    Example:
        >>> over_time(torch.tensor([[[1.0], [3.0], [0.0]]]))
        tensor([[2.0000, 1.0000, 1.2000, 2.8000]])
    """
    there = (steps != 0).any(dim=2, keepdim=True)
    count = there.sum(dim=1)
    kept = steps * there
    mean = kept.sum(dim=1) / count.clamp(min=1)
    squares = ((kept - mean[:, None]) * there).square().sum(dim=1)
    ordered = kept.masked_fill(~there, torch.inf).sort(dim=1).values
    parts = [mean, (squares / count.clamp(min=1)).sqrt()]
    for share in (0.1, 0.9):
        place = share * (count - 1).clamp(min=0).to(steps)
        below, above = (_at(ordered, end.long()) for end in (place.floor(), place.ceil()))
        parts.append(below + (place - place.floor()) * (above - below))
    return torch.where(count > 0, torch.cat(parts, dim=1), 0.0)


def bands(spectrograms: Tensor) -> Tensor:
    """`over_time` of every band of spectrograms `(B, 1, bands, T)`."""
    return over_time(spectrograms[:, 0].transpose(1, 2))


def frames(clips: Tensor) -> Tensor:
    """Thumbnails of the frames of clips `(B, C, T, H, W)`: their mean and their deviation."""
    small = thumbnails(clips.transpose(1, 2).flatten(0, 1))
    each = small.unflatten(0, (clips.shape[0], clips.shape[2]))
    return torch.cat([each.mean(dim=1), each.std(dim=1, correction=0)], dim=1)


SUMMARIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "flat": flat,
    "thumbnails": thumbnails,
    "over_time": over_time,
    "bands": bands,
    "frames": frames,
}


def _at(ordered: Tensor, place: Tensor) -> Tensor:
    """The values `(B, d)` at one place of time for each sample; 0 where there is none."""
    found = ordered.gather(1, place[:, :, None].expand(-1, 1, ordered.shape[2]))[:, 0]
    return found.masked_fill(found == torch.inf, 0.0)
