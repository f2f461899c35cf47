"""Information acquisition regulation: which modality is ahead, and how hard each is held."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def inforeg_gaps(scores: Tensor) -> Tensor:
    """Δ_m: by how much a modality is ahead of those behind it, on average; 0 for the last.

    Args:
        scores: s of every modality in this step, `(k,)`, the higher the better; `nan` for a
            modality that no sample has, which is left out.

    Returns:
        `(k,)`, 0 or more.

    Source: Huang et al., InfoReg, CVPR 2025 (arXiv 2503.18595), Eq. 9 and 10.

    Example:
        >>> inforeg_gaps(torch.tensor([-1.0, -2.0, -5.0]))
        tensor([2.5000, 3.0000, 0.0000])
    """
    ahead = scores[:, None] - scores
    behind = ahead > 0
    return torch.where(behind, ahead, 0.0).sum(dim=1) / behind.sum(dim=1).clamp(min=1)


def inforeg_window(traces: Sequence[float], threshold: float = 0.04, smoothing: int = 1) -> bool:
    """Whether Tr(F) still grows fast: (T - T') / T > K, T and T' the last epochs' and those before.

    Args:
        traces: Tr(F) of one encoder in every epoch so far, the latest last.
        threshold: K.
        smoothing: T is the mean of so many epochs, and T' of as many, one epoch earlier; epochs
            before the first count as 0.

    Returns:
        Whether the modality is in the prime learning window; it is before the first epoch.

    Source: Huang et al., InfoReg, CVPR 2025 (arXiv 2503.18595), Eq. 11.

    Example:
        >>> inforeg_window([1.0, 2.0]), inforeg_window([1.0, 2.0, 2.0])
        (True, False)
    """
    if not traces:
        return True
    last, before = sum(traces[-smoothing:]), sum(traces[-smoothing - 1 : -1])
    return last - before > threshold * last


def inforeg_strength(gaps: Tensor, beta: float = 0.9) -> Tensor:
    """α_m = exp(β tanh Δ_m) for a modality that is ahead, and 0 for the last.

    Args:
        gaps: Δ of every modality, `(k,)`.
        beta: β.

    Returns:
        `(k,)`, by which the distance from the weights of the epoch before is multiplied in the
        gradient.

    Source: Huang et al., InfoReg, CVPR 2025 (arXiv 2503.18595), Eq. 16.

    Example:
        >>> inforeg_strength(torch.tensor([0.5, 0.0]), beta=1.0)
        tensor([1.5874, 0.0000])
    """
    return torch.where(gaps > 0, (beta * gaps.tanh()).exp(), 0.0)
