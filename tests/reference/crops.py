"""The random crop of torchvision's documentation, one scalar draw after the other.

"A crop of the original image is made: the crop has a random area (H * W) and a random aspect
ratio. This crop is finally resized to the given size." Scale (0.08, 1), ratio (3/4, 4/3), ten
tries, and a central crop after them.
"""

from __future__ import annotations

import math
import random


def crop(height: int, width: int, draw: random.Random) -> tuple[int, int, int, int]:
    """Top, left, height and width."""
    for _ in range(10):
        area = draw.uniform(0.08, 1.0) * height * width
        ratio = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return draw.randint(0, height - h), draw.randint(0, width - w), h, w
    if width / height < 3 / 4:
        h, w = round(width / (3 / 4)), width
    elif width / height > 4 / 3:
        h, w = height, round(height * 4 / 3)
    else:
        h, w = height, width
    return (height - h) // 2, (width - w) // 2, h, w
