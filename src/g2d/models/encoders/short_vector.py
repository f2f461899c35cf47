"""Encoders without a weight to train: what linear models read of an input."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders.summaries import SUMMARIES

# A standardised number is taken for no larger than this.
_MOST = 100.0


class ShortVector(nn.Module):
    """f = (s(x) - μ) / (σ √d): a short vector of the input, every number of it standardised.

    The root makes blocks of different width count alike in a linear model. μ and σ are 0 and 1
    until they are set (`g2d.shallow.fit_network`); they are no parameters.

    Args:
        shape: Of an input, without the batch.
        summary: `flat` for the numbers themselves, `thumbnails` of pictures `(B, C, H, W)`,
            statistics `over_time` of sequences `(B, T, d)`, of the `bands` of spectrograms, or
            `frames` of clips.

    Raises:
        UserError: There is no such summary.

    Attributes:
        feature_width: d, how many numbers the summary has.

    Example:
        >>> ShortVector([3, 64, 64], summary="thumbnails")(torch.rand(2, 3, 64, 64)).shape
        torch.Size([2, 768])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Sequence[int], summary: str = "flat") -> None:
        super().__init__()
        if summary not in SUMMARIES:
            raise UserError(f"got summary={summary!r}, expected {', '.join(SUMMARIES)}")
        self.summary = summary
        self.feature_width = SUMMARIES[summary](torch.zeros(1, *shape)).shape[1]
        self.register_buffer("mean", torch.zeros(self.feature_width))
        self.register_buffer("deviation", torch.ones(self.feature_width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Encodes to features `(B, width)`."""
        short: Tensor = (SUMMARIES[self.summary](inputs) - self.mean) / self.deviation
        return short.clamp(-_MOST, _MOST) / math.sqrt(self.feature_width)


class TfIdf(nn.Module):
    """TF-IDF of texts given as numbers of words: f_w ∝ (1 + log n_w) · idf_w, of length 1.

    n_w is how often word w comes; number 0 is padding. The idf are 1 until they are set
    (`g2d.shallow.fit_network`); words whose idf is 0 are left out.

    Args:
        words: How many numbers there are, padding included; larger ones are left out.

    Attributes:
        feature_width: `words`.

    Example:
        >>> TfIdf(words=5)(torch.tensor([[3, 4, 0, 0]]))
        tensor([[0.0000, 0.0000, 0.0000, 0.7071, 0.7071]])
    """

    idf: Tensor

    def __init__(self, words: int) -> None:
        super().__init__()
        self.feature_width = words
        self.register_buffer("idf", torch.ones(words))

    def forward(self, words: Tensor) -> Tensor:
        """Features `(B, words)` of numbers `(B, T)`."""
        known = (words > 0) & (words < self.feature_width)
        empty = self.idf.new_zeros(words.shape[0], self.feature_width)
        counts = empty.scatter_add(1, words.where(known, 0).long(), known.to(empty.dtype))
        weighed = torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0.0) * self.idf
        return nn.functional.normalize(weighed, dim=1)
