"""Short vectors of inputs, from which models without a network learn."""

from __future__ import annotations

import numpy as np
import torch

from g2d.table.kinds.base import Array

_SIDE = 16


def thumbnails(pictures: Array) -> Array:
    """Pictures `(B, C, H, W)` at 16 by 16, each pixel the mean of those that it stands for.

    Example:
        >>> thumbnails(np.ones((2, 3, 64, 64), np.float32)).shape
        (2, 768)
    """
    small = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(pictures).float(), _SIDE)
    return small.flatten(1).numpy()


def over_time(steps: Array) -> Array:
    """Of every number over time: mean, deviation, tenth and ninetieth percentile.

    Args:
        steps: `(B, T, d)`; a step of zeros alone is padding, and left out.

    Returns:
        `(B, 4 d)`; zeros where all is padding.

    Example:
        >>> over_time(np.array([[[1.0], [3.0], [0.0]]]))
        array([[2. , 1. , 1.2, 2.8]])
    """
    found = np.zeros((len(steps), 4 * steps.shape[2]), np.float64)
    for place, sample in enumerate(steps):
        there = sample[np.any(sample != 0, axis=1)].astype(np.float64)
        if len(there):
            low, high = np.quantile(there, (0.1, 0.9), axis=0)
            found[place] = np.concatenate([there.mean(axis=0), there.std(axis=0), low, high])
    return found
