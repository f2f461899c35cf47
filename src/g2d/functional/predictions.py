"""Predictions from several modalities: means, weights by certainty, cosines, ablations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from g2d.functional.present import Masks, softmax_over_present, stacked_masks


def ensemble_logits(
    logits: Sequence[Tensor], present: Masks | None = None, weights: Tensor | None = None
) -> Tensor:
    """The mean of the logits of the modalities that each sample has: late fusion, and UME.

    With weights it is Σ_m w_m z_m. Where modalities are absent, the weights of the others are
    scaled up to the same sum; where only modalities of weight 0 are there, it is their mean.

    Args:
        logits: Of k unimodal models or heads, k tensors `(B, C)`.
        present: For each modality which samples have it, bool `(B,)`, or `None` for all.
        weights: `(k,)`, 0 or more, as `fit_ensemble_weights` finds them; `None` for the mean.

    Returns:
        `(B, C)`; 0 where a sample has nothing.

    Source: Du et al., UME, ICML 2023 (arXiv 2305.01233); weights: this package.

    Example:
        >>> sound, image = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 2.0]])
        >>> ensemble_logits([sound, image])
        tensor([[2., 1.]])
        >>> ensemble_logits([sound, image], weights=torch.tensor([1.0, 2.0]))
        tensor([[7., 4.]])
        >>> there = [torch.tensor([True]), torch.tensor([False])]
        >>> ensemble_logits([sound, image], there, torch.tensor([1.0, 2.0]))
        tensor([[3., 0.]])
    """
    none_absent = present is None or all(mask is None for mask in present)
    there = None if none_absent else stacked_masks(present, logits[0][:, 0])
    if weights is not None:
        return _weighted(torch.stack(list(logits)), there, weights)
    if there is None:
        return torch.stack(list(logits)).sum(dim=0) / len(logits)
    stacked = torch.stack(list(logits)).masked_fill(~there[:, :, None], 0.0)
    return stacked.sum(dim=0) / there.sum(dim=0)[:, None].clamp(min=1)


def _weighted(logits: Tensor, there: Tensor | None, weights: Tensor) -> Tensor:
    """Σ_m w_m z_m of logits `(k, B, C)`, the weights of each sample with one sum."""
    each = weights.to(logits)[:, None].expand(logits.shape[:2])
    if there is not None:
        logits = logits.masked_fill(~there[:, :, None], 0.0)
        shares = each * there
        sums = shares.sum(dim=0)
        equal = there / there.sum(dim=0).clamp(min=1)
        scaled = shares * (weights.to(logits).sum() / torch.where(sums > 0, sums, 1.0))
        each = torch.where(sums > 0, scaled, equal)
    return (each[:, :, None] * logits).sum(dim=0)


def mla_weights(logits: Sequence[Tensor], present: Masks | None = None) -> Tensor:
    """Weights of the modalities' predictions: a softmax over modalities of minus the entropy.

    In each sample the more certain modality weighs more. With a single output there is no entropy,
    and all weigh alike.

    Args:
        logits: Unimodal logits, k tensors `(B, C)`.
        present: For each modality which samples have it, bool `(B,)`, or `None` for all.

    Returns:
        `(k, B, 1)`, a sum of 1 over modalities; the prediction is
        `(weights * torch.stack(logits)).sum(0)`.

    Source: Zhang et al., MLA, CVPR 2024 (arXiv 2311.10707), the test-time fusion.

    Example:
        >>> mla_weights([torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 0.0]])]).flatten()
        tensor([0.6664, 0.3336])
    """
    logs = torch.stack([one.float() for one in logits]).log_softmax(dim=-1)
    scores = (logs.exp() * logs).sum(dim=-1, keepdim=True)
    return softmax_over_present(scores, stacked_masks(present, scores[0, :, 0]))


def di_mml_weights(
    logits: Sequence[Tensor], present: Masks | None = None, temperature: float = 1.0
) -> Tensor:
    """Weights of several predictions: a softmax over them of the largest probability over T.

    Args:
        logits: Of k modalities, and of the fused head beside them: k + 1 tensors `(B, C)`.
        present: For each of them in which samples it takes part, bool `(B,)`, or `None` for all.
        temperature: T; the larger, the more equal the weights.

    Returns:
        `(k + 1, B, 1)`, a sum of 1; the prediction is `(weights * torch.stack(logits)).sum(0)`.

    Source: Fan et al., DI-MML, ACM MM 2024 (arXiv 2407.19514), the certainty-aware weights.

    Example:
        >>> di_mml_weights([torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 0.0]])]).flatten()
        tensor([0.6224, 0.3776])
    """
    stacked = torch.stack([one.float() for one in logits])
    certainty = stacked.softmax(dim=-1).amax(dim=-1, keepdim=True) / temperature
    return softmax_over_present(certainty, stacked_masks(present, certainty[0, :, 0]))


def mmcosine_logits(features: Tensor, weight: Tensor, scale: float = 10.0) -> Tensor:
    """S cos(f, W_c) for every class c; the prediction is their sum over modalities.

    Args:
        features: Of a modality, `(B, d)`.
        weight: One vector for each class, `(C, d)`.
        scale: s.

    Returns:
        `(B, C)`, between -s and s; 0 where a vector is all zeros.

    Source: Xu et al., MMCosine, ICASSP 2023 (arXiv 2303.05338), the modality-wise cosine.

    Example:
        >>> mmcosine_logits(torch.tensor([[3.0, 4.0]]), torch.tensor([[2.0, 0.0], [0.0, 9.0]]))
        tensor([[6., 8.]])
    """
    return scale * (direction(features) @ direction(weight).T)


def direction(vectors: Tensor) -> Tensor:
    """Vectors `(…, d)` at length 1; a vector of zeros stays, and its gradient is finite.

    Example:
        >>> direction(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1)


def mean_ablation(
    fuse: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor],
    features: Mapping[str, Tensor],
    means: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """The unimodal logits of any fusion: the other modalities are replaced by their mean features.

    z_m = F(f_m, {μ_j} for j ≠ m). For a fusion that is a sum over modalities this is the output
    of the modality's head plus a constant. In a token fusion a mean is a sequence of one token.

    Args:
        fuse: From features `(B, d_m)` or tokens `(B, N_m, d_m)`, and the masks of modalities that
            can be missing, to logits.
        features: The features of every modality.
        means: Mean training feature `(d_m,)` of every modality.
        masks: For every modality that can be missing, a bool `(B, 1)`. Where a modality itself is
            absent its logits are those of the means of the others.

    Returns:
        Logits `(B, C)` for every modality.

    Source: this package; it gives the unimodal rows of the G²D paper's tables for fusions that
        are no sum over modalities.

    Example:
        >>> def add(features, masks):
        ...     return features["sound"] + features["image"]
        >>> features = {"sound": torch.tensor([[1.0]]), "image": torch.tensor([[2.0]])}
        >>> mean_ablation(add, features, {"sound": torch.zeros(1), "image": torch.tensor([10.0])})
        {'sound': tensor([[11.]]), 'image': tensor([[2.]])}
    """
    stand_ins = {
        name: means[name].to(feature.dtype).expand(feature.shape[0], *[1] * (feature.ndim - 2), -1)
        for name, feature in features.items()
    }
    return {
        name: fuse(
            {**stand_ins, name: feature},
            {name: masks[name]} if masks is not None and name in masks else {},
        )
        for name, feature in features.items()
    }
