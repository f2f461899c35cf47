"""The network of TATE, and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d.benchmark.imputation.tags import tags


@dataclass(frozen=True, eq=False)
class Encoded:
    """The outputs of the network for some samples.

    Attributes:
        logits: `(B, C)`.
        tokens: What the encoder was given, common space and tag, `(B, T, D)`.
        encoded: X, `(B, T, D)`.
        decoded: Y, `(B, T, D)`.
        tag_guess: The tag predicted from the pooled vector, `(B, 1 + k)` in [0, 1].
    """

    logits: Tensor
    tokens: Tensor
    encoded: Tensor
    decoded: Tensor
    tag_guess: Tensor


class TATENetwork(nn.Module):
    """Blocks for each view, a common space for each pair, a tag, an encoder and a decoder.

    E_m = Block_m(V_m x_m); C_m = [E_m W_mn for each other n], W_mn = W_nm; every token of C gets
    the tag; X = Block(tokens), Y = Block(X); z = Σ_i a_i X_i with a = softmax_i(wᵀ(X_i U ⊙ σ(X_i
    M))); logits = W_l (P z) + b.

    A block is post-norm attention. The tokens of an absent view are zero at first, and V_m has no
    bias, so attention among them is the same as masking them; what they become later is a
    constant that the encoder can turn into what is absent.

    Args:
        widths: d_m of every view, in the declared order.
        outputs: Width of the logits.
        width: Of a token before the common space. Each pair has width / (k - 1) of it, rounded
            down, and the tag is followed by zeros until the heads divide the sum.
        heads: Of the attention.
        dropout: Inside the blocks.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        width: int = 300,
        heads: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        k = len(widths)
        pair = width // (k - 1)
        self.common = pair * (k - 1)
        self.padding = -(self.common + 1 + k) % heads
        total = self.common + 1 + k + self.padding
        self.inputs = nn.ModuleDict(
            {name: nn.Linear(d, width, bias=False) for name, d in widths.items()}
        )
        self.blocks = nn.ModuleDict({name: _block(width, heads, dropout) for name in widths})
        self.pairs = nn.ModuleDict(
            {_pair(a, b): nn.Linear(width, pair, bias=False) for a, b in combinations(range(k), 2)}
        )
        self.encoder = _block(total, heads, dropout)
        self.decoder = _block(total, heads, dropout)
        self.pool_value = nn.Linear(total, width, bias=False)
        self.pool_gate = nn.Linear(total, width, bias=False)
        self.pool_score = nn.Linear(width, 1, bias=False)
        self.project = nn.Linear(total, width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Mapping[str, Tensor], presence: Tensor) -> Encoded:
        """Runs the network; returns all that the losses need.

        Args:
            x: `(B, d_m)`, or tokens `(B, T_m, d_m)`, of every view.
            presence: Which of them are there, bool `(B, k)`; others are not read.
        """
        own = []
        for position, name in enumerate(self.inputs):
            tokens = x[name] if x[name].ndim == 3 else x[name][:, None]
            tokens = tokens * presence[:, position, None, None]
            own.append(self.blocks[name](self.inputs[name](tokens)))
        common = torch.cat([self._common(own, position) for position in range(len(own))], dim=1)
        tag = F.pad(tags(presence).to(common), (0, self.padding))
        given = torch.cat([common, tag[:, None].expand(-1, common.shape[1], -1)], dim=2)
        encoded = self.encoder(given)
        pooled = self._pool(encoded)
        return Encoded(
            logits=self.head(self.project(pooled)),
            tokens=given,
            encoded=encoded,
            decoded=self.decoder(encoded),
            tag_guess=pooled[:, self.common : self.common + 1 + presence.shape[1]].sigmoid(),
        )

    def penalty(self) -> Tensor:
        """The squared norm of the last layer."""
        return (self.head.weight**2).sum() + (self.head.bias**2).sum()

    def _common(self, own: list[Tensor], position: int) -> Tensor:
        others = [other for other in range(len(own)) if other != position]
        parts = [self.pairs[_pair(position, other)](own[position]) for other in others]
        return torch.cat(parts, dim=2)

    def _pool(self, encoded: Tensor) -> Tensor:
        score = self.pool_score(self.pool_value(encoded) * self.pool_gate(encoded).sigmoid())
        pooled: Tensor = (score.softmax(dim=1) * encoded).sum(dim=1)
        return pooled


def symmetric_kl(first: Tensor, second: Tensor) -> Tensor:
    """KL(p‖q) + KL(q‖p) of the softmax over features, the mean over tokens, `(B,)`.

    Example:
        >>> x, y = torch.zeros(1, 1, 2), torch.tensor([[[1.0, 0.0]]])
        >>> symmetric_kl(x, y), symmetric_kl(y, x)
        (tensor([0.2311]), tensor([0.2311]))
    """
    p, q = F.log_softmax(first, dim=2), F.log_softmax(second, dim=2)
    return ((p.exp() - q.exp()) * (p - q)).sum(dim=2).mean(dim=1)


def tag_error(guess: Tensor, presence: Tensor) -> Tensor:
    """Mean absolute error of the tag's bits, `(B,)`."""
    return (guess - tags(presence).to(guess)).abs().mean(dim=1)


def _block(width: int, heads: int, dropout: float) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        width, heads, dim_feedforward=4 * width, dropout=dropout, batch_first=True
    )


def _pair(first: int, second: int) -> str:
    low, high = sorted((first, second))
    return f"{low}-{high}"
