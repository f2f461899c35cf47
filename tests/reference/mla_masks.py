"""The mask generator of MLA's code (after CPM-Nets), written from the description of its steps."""

from __future__ import annotations

import math

import numpy as np


def mla_mask(samples: int, views: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Trial and error until the observed share is within half a percent of 1 - rate."""
    slots, wanted = samples * views, 1 - rate
    if wanted <= 1 / views:
        return np.eye(views, dtype=bool)[rng.integers(views, size=samples)]
    if rate == 0:
        return np.ones((samples, views), dtype=bool)
    while True:
        mandatory = np.eye(views, dtype=bool)[rng.integers(views, size=samples)]
        extra = slots * wanted - samples
        trial = rng.integers(0, 100, (samples, views)) < math.floor(100 * extra / slots)
        overlap = int((trial & mandatory).sum())
        corrected = extra / (1 - overlap / extra)
        more = rng.integers(0, 100, (samples, views)) < math.floor(100 * corrected / slots)
        mask = mandatory | more
        if abs(mask.sum() / slots - wanted) < 0.005:
            return mask
