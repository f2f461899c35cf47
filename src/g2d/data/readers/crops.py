"""Random crops of pictures, as torchvision's `RandomResizedCrop` describes them."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch

_AREA, _ASPECT, _TRIES = (0.08, 1.0), (3 / 4, 4 / 3), 10


class Crop(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def random_crops(count: int, height: int, width: int) -> list[Crop]:
    """Crops of a random area (0.08 to 1 of the picture's) and a random aspect (3/4 to 4/3).

    The area is uniform, the aspect uniform in its logarithm; of ten draws the first that fits is
    taken, at a place uniform among those possible. Where none fits it is the largest crop at the
    centre with an aspect in the range. The draws are of torch's global generator.

    Args:
        count: Crops wanted, each drawn by itself.
        height: Of the picture.
        width: Of the picture.

    Example:
        >>> random_crops(1, height=3000, width=20)
        [Crop(top=1486, left=0, height=27, width=20)]
    """
    area, aspect, down, right = torch.rand(4, count, _TRIES, dtype=torch.float64)
    area = height * width * (_AREA[0] + (_AREA[1] - _AREA[0]) * area)
    low, high = map(log, _ASPECT)
    aspect = (low + (high - low) * aspect).exp()
    widths, heights = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (widths >= 1) & (widths <= width) & (heights >= 1) & (heights <= height)
    top = (down * (height - heights + 1)).floor()
    left = (right * (width - widths + 1)).floor()
    drawn = torch.stack([top, left, heights, widths], dim=-1).long()
    first = fits.long().argmax(dim=1)
    return [
        Crop(*drawn[i, first[i]].tolist()) if fits[i, first[i]] else _central(height, width)
        for i in range(count)
    ]


def _central(height: int, width: int) -> Crop:
    tall, wide = height, width
    if width / height < _ASPECT[0]:
        tall = round(width / _ASPECT[0])
    elif width / height > _ASPECT[1]:
        wide = round(height * _ASPECT[1])
    return Crop((height - tall) // 2, (width - wide) // 2, tall, wide)
