"""An encoder for texts given as numbers of words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from g2d.errors import UserError


class Words(nn.Module):
    """Word vectors, weighed by attention: f = ReLU(W Σ_t a_t e_t + b), a = softmax_t(q · e_t).

    Word order plays no part. Number 0 is padding, and has none either.

    Args:
        vocabulary: How many numbers there are, padding included.
        width: Width of the feature.
        embedding: Width of the word vectors.
        dropout: Share of the word vectors' entries that are dropped in training.

    Attributes:
        feature_width: `width`.

    Example:
        >>> encoder = Words(vocabulary=100, width=8).eval()
        >>> short, padded = torch.tensor([[5, 7]]), torch.tensor([[7, 5, 0, 0]])
        >>> torch.allclose(encoder(short), encoder(padded), atol=1e-6)
        True
    """

    def __init__(
        self, vocabulary: int, width: int = 64, embedding: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if vocabulary < 2:
            raise UserError(f"got vocabulary={vocabulary}, expected 2 or more")
        self.feature_width = width
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.query = nn.Linear(embedding, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(embedding, width)

    def forward(self, words: Tensor) -> Tensor:
        """Features `(B, width)` of numbers `(B, T)`; of a text of padding alone, a constant."""
        vectors = self.dropout(self.embedding(words))
        scores = self.query(vectors).squeeze(2)
        padding = words == 0
        # the least number rather than -inf, whose softmax over padding alone is nan
        least = torch.finfo(scores.dtype).min
        weights = scores.masked_fill(padding, least).softmax(dim=1).masked_fill(padding, 0.0)
        pooled = torch.einsum("bt,btd->bd", weights, vectors)
        feature: Tensor = self.linear(pooled).relu()
        return feature
