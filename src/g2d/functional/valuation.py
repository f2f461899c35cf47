"""What every modality is worth: Shapley values and the copies of samples that follow from them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def shapley_values(worth: Mapping[frozenset[str], Tensor]) -> dict[str, Tensor]:
    """φ_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! [v(S + m) - v(S)].

    With the logits from a set of modalities as its worth these are AGM's contributions; with the
    size of a set that predicts right, SMV's values.

    Args:
        worth: v of every set of modalities, tensors of one shape; the empty set counts as 0.

    Returns:
        A tensor of that shape for each modality; they sum to v of all.

    Source: Shapley, 1953; Li et al., AGM, ICCV 2023 (arXiv 2308.07686); Wei et al., SMV, CVPR 2024
        (arXiv 2309.06255).

    Example:
        >>> one, other = frozenset({"sound"}), frozenset({"image"})
        >>> worth = {one: 3.0, other: 1.0, one | other: 6.0}
        >>> shapley_values({group: torch.tensor(value) for group, value in worth.items()})
        {'sound': tensor(4.), 'image': tensor(2.)}
    """
    names = [name for coalition in worth if len(coalition) == 1 for name in coalition]
    values = {}
    for name in names:
        gains = []
        for whole, value in worth.items():
            if name in whole:
                gain = value - worth[whole - {name}] if len(whole) > 1 else value
                gains.append(gain / (len(names) * math.comb(len(names) - 1, len(whole) - 1)))
        values[name] = torch.stack(gains).sum(dim=0)
    return values


def smv_sample_copies(values: Tensor, strength: float = 2.0) -> Tensor:
    """c_i = s max(0, 1 - φ_i): how often each sample is learned from again with a modality alone.

    Args:
        values: φ_i, Shapley values of the modality, `(B,)`.
        strength: s; 2 gives the numbers of the authors' code.

    Returns:
        `(B,)`.

    Source: Wei et al., SMV, CVPR 2024 (arXiv 2309.06255), sample-level re-sampling.

    Example:
        >>> smv_sample_copies(torch.tensor([0.0, 0.5, 2.0]))
        tensor([2., 1., 0.])
    """
    return strength * (1 - values).clamp(min=0)


def smv_modality_copies(values: Tensor, strength: float = 2.0) -> Tensor:
    """c_m = (s/3) max(0, mean of the others' φ - φ_m): the same for all samples of a modality.

    Args:
        values: φ_m, mean Shapley value of every modality, `(k,)`.
        strength: s.

    Returns:
        `(k,)`.

    Source: Wei et al., SMV, CVPR 2024 (arXiv 2309.06255), modality-level re-sampling.

    Example:
        >>> smv_modality_copies(torch.tensor([1.5, 0.0]), strength=3.0)
        tensor([0.0000, 1.5000])
    """
    behind = (values.sum() - values) / (len(values) - 1) - values
    return strength / 3 * behind.clamp(min=0)
