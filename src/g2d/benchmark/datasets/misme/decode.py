"""One row of a label sheet, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.misme.layout import WEATHER
from g2d.data.pictures import read_picture
from g2d.data.preparation import Sample, UnusableError


@dataclass(frozen=True)
class Decoder:
    """Makes the arrays of a sample.

    Attributes:
        side: Height and width of the picture, in pixels.
        refused: By the name of a sample, why it must not be used.
    """

    side: int
    refused: Mapping[str, str]

    def __call__(self, sample: Sample) -> dict[str, NDArray[np.generic]]:
        """Image `(side, side, 3)` uint8 and tabular `(8,)` float32, nan where a value is missing.

        Raises:
            UnusableError: The row is refused, or its picture cannot be read.
        """
        if sample.id in self.refused:
            raise UnusableError(self.refused[sample.id])
        weather = [float(sample.columns[name] or "nan") for name in WEATHER]
        return {
            "image": read_picture(sample.sources["picture"], self.side),
            "tabular": np.array(weather, dtype=np.float32),
        }
