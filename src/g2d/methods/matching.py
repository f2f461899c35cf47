"""Which samples two modalities can be matched in, and how far they are from each other there."""

from __future__ import annotations

from torch import Tensor

from g2d.batch import Batch
from g2d.functional.present import present_in_all


def present_in_both(batch: Batch, one: str, other: str) -> Tensor | None:
    """Which samples have both modalities; `None` where all have."""
    return present_in_all([batch.present.get(one), batch.present.get(other)])
