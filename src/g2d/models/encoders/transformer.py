"""The encoder of the paper's sequences: a transformer over time steps."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from g2d.errors import UserError, check_choice
from g2d.models.tokens import attendable, filled, filled_mean

Positions = Literal["none", "sinusoidal"]
Pooling = Literal["first", "mean", "attention"]


class Transformer(nn.Module):
    """A linear projection of every time step, then post-norm encoder layers.

        x_t = P s_t + p_t,   x ← LN(x + attend(x)),   x ← LN(x + W_2 ReLU(W_1 x + b_1) + b_2)

    and f is pooled from the last x. **A time step whose features are all zero is padding.** It is
    no key of the attention, its token is zero, and positions are counted from the first step that
    is none, so that zeros before and after a sequence leave its feature as it is. A sequence of
    padding alone, as an absent modality is, has the feature zero.

    The paper has four layers of eight heads over 768 features; the transformer layer is that of
    Vaswani et al., *Attention Is All You Need*, 2017 (arXiv 1706.03762), Sections 3.1 to 3.5.
    Dropout is that of the layers. Linear layers are Xavier-normal as in the paper, each layer
    drawn by itself.

    Args:
        inputs: Features of a time step.
        width: Width of the tokens and of the feature.
        heads: Heads of every attention.
        layers: Number of layers.
        feedforward: Hidden units after every attention.
        dropout: Share that is dropped in training.
        positions: What is added for the place of a time step. With `none` and pooling `mean` or
            `attention` the order of the steps makes no difference.
        pooling: The feature is the `first` token, their `mean`, or the mean weighed by
            softmax(w · x_t) (`attention`); padding never counts.
        masked: Whether steps of zeros are padding. If not, they are steps like any other, and the
            feature of a sample depends on how long its batch is.

    Raises:
        UserError: The heads do not divide the width, there is no layer, or no such choice.

    Attributes:
        feature_width: `width`.
        pads: `masked`: whether tokens that are all zero are padding.

    Example:
        >>> import torch
        >>> encoder = Transformer(inputs=5, width=16, heads=2, layers=1).eval()
        >>> steps = torch.randn(2, 7, 5)
        >>> longer = torch.cat([steps, torch.zeros(2, 3, 5)], dim=1)
        >>> torch.allclose(encoder(steps), encoder(longer), atol=1e-5)
        True
    """

    def __init__(
        self,
        inputs: int,
        width: int = 768,
        heads: int = 8,
        layers: int = 4,
        feedforward: int = 2048,
        dropout: float = 0.1,
        positions: Positions = "sinusoidal",
        pooling: Pooling = "mean",
        masked: bool = True,
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise UserError(
                f"got {heads} heads for width {width}, expected a number that divides it; change "
                "heads or width"
            )
        if layers < 1:
            raise UserError(f"layers must be 1 or more, got {layers}")
        check_choice("positions", positions, get_args(Positions))
        check_choice("pooling", pooling, get_args(Pooling))
        self.inputs = inputs
        self.feature_width = width
        self.positions: Positions = positions
        self.pooling: Pooling = pooling
        self.pads = masked
        self.project = nn.Conv1d(inputs, width, kernel_size=1, bias=False)
        # nn.TransformerEncoder would begin all layers with copies of the same weights
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, feedforward, dropout, batch_first=True)
            for _ in range(layers)
        )
        self.score: nn.Linear | None = None
        if pooling == "attention":
            self.score = nn.Linear(width, 1, bias=False)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_normal_(part.weight)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    def tokens(self, inputs: Tensor) -> Tensor:
        """One token for every time step of `(B, T, inputs)`: `(B, T, width)`, zero for padding.

        Raises:
            UserError: The input has another shape.
        """
        if inputs.ndim != 3 or inputs.shape[1] < 1 or inputs.shape[2] != self.inputs:
            raise UserError(
                f"Transformer got an input of shape {tuple(inputs.shape)}, expected "
                f"(B, T, {self.inputs}) with a step or more; reshape it, or build the encoder with "
                "the width it has"
            )
        there = filled(inputs) if self.pads else None
        x: Tensor = self.project(inputs.transpose(1, 2)).transpose(1, 2)
        if self.positions == "sinusoidal":
            x = x + _places(x, there)
        padding = None if there is None else ~attendable(there)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=padding)
        return x if there is None else x.masked_fill(~there[..., None], 0.0)

    def pool(self, tokens: Tensor) -> Tensor:
        """The feature `(B, width)` of tokens."""
        there = filled(tokens) if self.pads else None
        if self.pooling == "first":
            if there is None:
                return tokens[:, 0]
            first = there.int().argmax(dim=1)
            return tokens[torch.arange(tokens.shape[0], device=tokens.device), first]
        if self.score is None:
            return tokens.mean(dim=1) if there is None else filled_mean(tokens)
        scores: Tensor = self.score(tokens).squeeze(-1)
        if there is not None:
            scores = scores.masked_fill(~attendable(there), -torch.inf)
        return (scores.softmax(dim=1)[..., None] * tokens).sum(dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Encodes to features `(B, width)`."""
        return self.pool(self.tokens(inputs))


class AGMTransformer(Transformer):
    """The transformer as AGM's code has it: eight layers of four heads, and no notion of order.

    Nothing is added for positions, padding is attended to, and the feature is the token of the
    first step; it depends on the length of the batch (Li et al., *Boosting Multi-modal Model
    Performance with Adaptive Gradient Modulation*, ICCV 2023, official code).

    Args:
        inputs: Features of a time step.

    Example:
        >>> len(AGMTransformer(5).layers)
        8
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, heads=4, layers=8, positions="none", pooling="first", masked=False)


def _places(x: Tensor, there: Tensor | None) -> Tensor:
    """Sines and cosines of the place of every step `(B, T, d)`, or `(T, d)` where all count.

    p_(t, 2i) = sin(t / 10000^(2i/d)), p_(t, 2i+1) = cos(t / 10000^(2i/d)).
    """
    length, width = x.shape[1:]
    place = torch.arange(length, device=x.device)
    even = torch.arange(0, width, 2, device=x.device)
    angles = place[:, None] / 10000 ** (even / width)
    table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width].to(x.dtype)
    if there is None:
        return table
    first = there.int().argmax(dim=1, keepdim=True)
    return table[(place - first).clamp(min=0)]
