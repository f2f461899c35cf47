"""A cascade of residual autoencoders, and the classifier that reads what it makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def kaiming(modules: Iterable[nn.Module]) -> None:
    """Normal weights of variance 2 / fan-in, biases of zero."""
    for module in modules:
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            nn.init.zeros_(module.bias)


# Widths inside each block, the last of them that of its code; and of the classifier's layers.
BLOCK = (256, 128, 64)
_LAYER = 128


class ResidualAutoencoder(nn.Module):
    """From an estimate to a code, and from the code to what the estimate lacks.

    The encoder has leaky ReLU between its layers, the decoder ReLU; both end linear.

    Args:
        width: Of the estimate.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [width, *BLOCK]
        self.encoder = _stack(sizes, nn.LeakyReLU)
        self.decoder = _stack(sizes[::-1], nn.ReLU)
        kaiming(self.modules())

    def forward(self, estimate: Tensor) -> tuple[Tensor, Tensor]:
        """The residual `(B, width)` and the code `(B, 64)`."""
        code = self.encoder(estimate)
        return self.decoder(code), code


class Cascade(nn.Module):
    """z_b = z_{b-1} + D_b(z_{b-1}) for b = 1 .. K: each block learns what is still amiss.

    Args:
        width: Of the estimate.
        blocks: K.

    Example:
        >>> estimate, codes = Cascade(10, blocks=3)(torch.zeros(2, 10))
        >>> estimate.shape, codes.shape
        (torch.Size([2, 10]), torch.Size([2, 192]))
    """

    def __init__(self, width: int, blocks: int = 5) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualAutoencoder(width) for _ in range(blocks))

    def begin_at_zero(self) -> None:
        """Makes every residual zero, for training to begin with."""
        for block in self.blocks:
            assert isinstance(block, ResidualAutoencoder)
            *_, last = block.decoder
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)

    def forward(self, estimate: Tensor, blocks: int | None = None) -> tuple[Tensor, Tensor]:
        """z_K and the codes of all blocks side by side; or those of the first blocks alone."""
        codes = [estimate[:, :0]]
        for block in self.blocks[:blocks]:
            residual, code = block(estimate)
            estimate = estimate + residual
            codes.append(code)
        return estimate, torch.cat(codes, dim=1)


def classifier(width: int, outputs: int, dropout: float = 0.3) -> nn.Sequential:
    """Two hidden layers with ReLU and dropout, then the logits."""
    head = nn.Sequential(
        nn.Linear(width, _LAYER),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(_LAYER, _LAYER),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(_LAYER, outputs),
    )
    kaiming(head)
    return head


def _stack(sizes: Sequence[int], between: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), between()]
    return nn.Sequential(*layers[:-1])
