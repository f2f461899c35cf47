"""Single dimensions of features: which tell the classes apart, and what they teach each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from g2d.functional.present import Masks, mean_over_present, present_in_all


def nearest_class(means: Tensor, features: Tensor) -> Tensor:
    """The class with the nearest mean along each dimension by itself.

    Between two neighbouring means the border is halfway, so a search in the borders does without
    the distance to every class.

    Args:
        means: Class means of the features, `(C, d)`; a class without a mean (`nan`) is no feature's
            nearest.
        features: `(B, d)`.

    Returns:
        Classes, `(B, d)`.

    Source: Fan et al., DI-MML, ACM MM 2024 (arXiv 2407.19514), the evaluation of a dimension.

    Example:
        >>> means, features = torch.tensor([[0.0, 5.0], [1.0, 3.0]]), torch.tensor([[0.4, 3.5]])
        >>> nearest_class(means, features)
        tensor([[0, 1]])
    """
    line, order = means.nan_to_num(nan=torch.inf).sort(dim=0, stable=True)
    borders = ((line[1:] + line[:-1]) / 2).T.contiguous()
    place = torch.searchsorted(borders, features.T.contiguous()).T
    return order.gather(0, place)


def effective_dimensions(accuracy: Tensor) -> Tensor:
    """Which dimensions of a modality tell the classes apart better than its others do.

    Args:
        accuracy: Of the nearest class along each dimension, `(k, d)`: the mean over samples of
            `nearest_class(means, features) == target[:, None]`, modality by modality.

    Returns:
        Bool, `(k, d)`.

    Source: Fan et al., DI-MML, ACM MM 2024 (arXiv 2407.19514), the effective dimensions.

    Example:
        >>> effective_dimensions(torch.tensor([[0.9, 0.5, 0.6]]))
        tensor([[ True, False, False]])
    """
    return accuracy > accuracy.mean(dim=1, keepdim=True)


def dimension_contrast(
    features: Sequence[Tensor],
    effective: Sequence[Tensor],
    present: Masks | None = None,
    temperature: float = 10.0,
) -> Tensor:
    """L_DUC: a sum over destinations of the mean over sources; the source gets no gradient.

    -log softmax_j(<f_i^dst[D], f_j^src[D]> / T) at j = i, D the dimensions that are effective in
    the source and not in the destination. The batch's others are the negatives.

    Args:
        features: k tensors `(B, d)`, of one width and not normalised.
        effective: k bool tensors `(d,)`, or one `(k, d)`.
        present: For each modality which samples have it, bool `(B,)`, or `None` for all.
        temperature: T.

    Returns:
        A scalar.

    Source: Fan et al., DI-MML, ACM MM 2024 (arXiv 2407.19514), L_DUC.

    Example:
        >>> features = [torch.eye(2), torch.eye(2)]
        >>> effective = [torch.tensor([True, False]), torch.tensor([False, False])]
        >>> dimension_contrast(features, effective, temperature=1.0)
        tensor(1.1964)
    """
    masks = [None] * len(features) if present is None else present
    terms = []
    for dst, to in enumerate(features):
        for src, source in enumerate(features):
            if src == dst:
                continue
            dims = (effective[src] & ~effective[dst]).float()
            alike = (to.float() * dims) @ source.detach().float().T / temperature
            both = present_in_all([masks[dst], masks[src]])
            if both is not None:
                alike = alike.masked_fill(~both, -1e9)
            terms.append(mean_over_present(-alike.log_softmax(dim=1).diagonal(), both))
    return torch.stack(terms).sum() / (len(features) - 1)
