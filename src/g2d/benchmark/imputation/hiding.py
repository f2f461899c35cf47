"""Views that are there and hidden in training, so that there is a truth to reconstruct."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Targets = Literal["drop", "complete"]


def eligible(presence: Tensor, targets: Targets) -> Tensor:
    """Which samples can have a view hidden: with two views or more, or with all.

    Args:
        presence: Which views are there, bool `(B, k)`.
        targets: `"drop"` or `"complete"` (see `hide`).

    Returns:
        Bool `(B,)`.
    """
    return presence.all(dim=1) if targets == "complete" else presence.sum(dim=1) >= 2


def hide(presence: Tensor, targets: Targets, share: float = 1.0) -> Tensor:
    """Draws which views a training step hides, from the global random state.

    A view that is absent is never hidden: it has no truth. One at least stays.

    Args:
        presence: Which views are there, bool `(B, k)`.
        targets: `"drop"`: of samples with two views or more, one view that is there, each as
            likely; `"complete"`: of samples with all views, one of the 2^k - 2 incomplete
            patterns, each as likely.
        share: Which share of these samples has something hidden.

    Returns:
        Bool `(B, k)`.

    Example:
        >>> presence = torch.tensor([[True, True, False], [False, False, True]])
        >>> hide(presence, "drop").sum(dim=1)
        tensor([1, 0])
    """
    size, k = presence.shape
    device = presence.device
    if targets == "drop":
        chosen = torch.rand(size, k, device=device).masked_fill(~presence, -1.0).argmax(dim=1)
        hidden = torch.arange(k, device=device) == chosen[:, None]
    else:
        pattern = torch.randint(1, 2**k - 1, (size, 1), device=device)
        hidden = (pattern >> torch.arange(k, device=device)) % 2 == 1
    taken = eligible(presence, targets) & (torch.rand(size, device=device) < share)
    return hidden & taken[:, None]
