"""Every fusion in every variant, for the tests of what all of them must do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from g2d.models.fusion import (
    BiGatedFusion,
    ConcatFusion,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    LateFusion,
    SumFusion,
)

CLASSES = 5
VARIANTS: dict[str, Any] = {
    "late": LateFusion,
    "sum": SumFusion,
    "concat": ConcatFusion,
    "concat-learned": partial(ConcatFusion, absent="learned"),
    "film": FiLMFusion,
    "film-one-plus": partial(FiLMFusion, target="north", one_plus=True),
    "film-projected": partial(FiLMFusion, width=6),
    "bigated-symmetric": BiGatedFusion,
    "bigated-official": partial(BiGatedFusion, mode="official"),
    "attention-pooled": CrossAttentionFusion,
    "attention-sequence": partial(CrossAttentionFusion, tokens="sequence", heads=4),
}
WIDTHS = {"north": 8, "south": 12, "east": 4}
LENGTHS = {"north": 5, "south": 3, "east": 1}


@dataclass
class Case:
    """One fusion variant for one number of modalities."""

    variant: str
    k: int

    @property
    def widths(self) -> dict[str, int]:
        return dict(list(WIDTHS.items())[: self.k])

    @property
    def is_additive(self) -> bool:
        return self.variant.startswith(("late", "sum", "concat"))

    def build(self, widths: Mapping[str, int] | None = None, **options: Any) -> Fusion:
        """A fusion whose biases and learned vectors are not zero, so that a test can see them."""
        torch.manual_seed(3)
        fusion: Fusion = VARIANTS[self.variant](widths or self.widths, CLASSES, **options)
        for parameter in fusion.parameters():
            if parameter.ndim == 1:
                nn.init.normal_(parameter, std=0.5)
        return fusion

    def features(self, batch: int = 4, seed: int = 0) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        tokens = self.variant == "attention-sequence"
        return {
            name: torch.randn(
                (batch, LENGTHS[name], width) if tokens else (batch, width), generator=generator
            )
            for name, width in self.widths.items()
        }


@pytest.fixture(
    scope="module",
    params=[(variant, k) for variant in VARIANTS for k in (2, 3)],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(*request.param)
