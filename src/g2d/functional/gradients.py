"""Operations on gradients: combining two, projecting one off what was learned, norms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mmpareto_products(fused: Tensor, unimodal: Tensor) -> Tensor:
    """<g_F, g_F>, <g_F, g_u> and <g_u, g_u> of two flat gradients.

    Args:
        fused: g_F, an encoder's gradient of the fused loss, `(n,)`.
        unimodal: g_u, that of its unimodal loss, `(n,)`.

    Returns:
        `(3,)`. The second is below 0 where the two are in conflict.

    Source: Wei and Hu, MMPareto, ICML 2024 (arXiv 2405.17730).

    Example:
        >>> mmpareto_products(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0]))
        tensor([ 1., -1.,  2.])
    """
    return torch.stack([fused @ fused, fused @ unimodal, unimodal @ unimodal])


def mmpareto_weight(products: Tensor) -> Tensor:
    """w: 1/2 in agreement, in conflict that of the shortest convex combination.

    Args:
        products: From `mmpareto_products`, `(3,)`.

    Returns:
        A scalar, the weight of g_F; that of g_u is 1 - w.

    Source: Wei and Hu, MMPareto, ICML 2024 (arXiv 2405.17730), the Pareto step.

    Example:
        >>> fused, unimodal = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])
        >>> mmpareto_weight(mmpareto_products(fused, unimodal))
        tensor(0.6000)
        >>> mmpareto_weight(mmpareto_products(fused, -unimodal))
        tensor(0.5000)
    """
    ff, fu, uu = products
    return torch.where(fu < 0, (uu - fu) / (ff - 2 * fu + uu), 0.5)


def mmpareto_stretch(products: Tensor, weight: Tensor) -> Tensor:
    """λ: how many times longer the sum of the gradients is than d, at least 1.

    It is 0 where the terms of d cancel but for a hundredth of their length: then nothing descends
    on both losses, and what is left of d is no direction to go far in.

    Args:
        products: From `mmpareto_products`, `(3,)`.
        weight: w, a scalar.

    Returns:
        A scalar.

    Source: Wei and Hu, MMPareto, ICML 2024 (arXiv 2405.17730), the enhanced magnitude.

    Example:
        >>> fused, half = torch.tensor([2.0, 0.0]), torch.tensor(0.5)
        >>> mmpareto_stretch(mmpareto_products(fused, torch.tensor([-1.0, 1.0])), half)
        tensor(1.)
        >>> mmpareto_stretch(mmpareto_products(fused, -fused), half)
        tensor(0.)
    """
    ff, fu, uu = products
    terms = 4 * (weight**2 * ff + (1 - weight) ** 2 * uu)
    squared = terms + 8 * weight * (1 - weight) * fu
    ratio = ((ff + 2 * fu + uu) / squared).sqrt().clamp(min=1)
    return torch.where(squared > 1e-4 * terms, ratio, 0.0)


def mmpareto_gradient(
    fused: Tensor,
    unimodal: Tensor,
    gamma: float = 1.5,
    whole: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """γ λ d with d = 2 w g_F + 2 (1 - w) g_u: a gradient that descends on both losses.

    Args:
        fused: g_F, an encoder's gradient of the fused loss, `(n,)`.
        unimodal: g_u, that of its unimodal loss, `(n,)`.
        gamma: γ.
        whole: `mmpareto_products` of the whole encoder, `(3,)`, where the two are of one of its
            tensors: w and whether there is conflict follow from the whole, λ from the tensor, as
            in the published code.
        out: Where the result is written, `(n,)`; it may be `fused`.

    Returns:
        `(n,)`.

    Source: Wei and Hu, MMPareto, ICML 2024 (arXiv 2405.17730), the final gradient.

    Example:
        >>> mmpareto_gradient(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0]), gamma=1.0)
        tensor([0.4472, 0.8944])
    """
    own = mmpareto_products(fused, unimodal)
    whole = own if whole is None else whole
    weight = mmpareto_weight(whole)
    length = gamma * torch.where(whole[1] < 0, mmpareto_stretch(own, weight), 1.0)
    scaled = torch.mul(fused, 2 * weight * length, out=out)
    return scaled.addcmul_(unimodal, 2 * (1 - weight) * length)


def mla_projector(projector: Tensor, feature: Tensor, alpha: float = 0.1) -> Tensor:
    """P - u uᵀ / (α + rᵀu), u = P r: one step of recursive least squares.

    After features r_1 .. r_n it is (I + Σ_i r_i r_iᵀ / α)⁻¹: near 0 along what has been seen, 1
    across it. The gradient of the shared head is multiplied by it from the right.

    Args:
        projector: P, `(d, d)`; the identity at first.
        feature: r, the mean feature of the modality that took the step before, `(d,)`.
        alpha: α, above 0; the smaller, the more of each direction is spared.

    Returns:
        `(d, d)`.

    Source: Zhang et al., MLA, CVPR 2024 (arXiv 2311.10707), the gradient modification.

    Example:
        >>> mla_projector(torch.eye(2), torch.tensor([3.0, 0.0]), alpha=1.0)
        tensor([[0.1000, 0.0000],
                [0.0000, 1.0000]])
    """
    u = projector @ feature
    return projector - torch.outer(u, u) / (alpha + (feature @ u).clamp(min=0))


@torch.no_grad()
def effective_update(gradients: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> Tensor:
    """μ = ‖gradient‖² / ‖parameters‖² of a group of parameters.

    The logarithm of the ratio of two sums of it over steps is the conditional learning speed: what
    a modality's gate learns, over what its encoder and head learn.

    Args:
        gradients: One for each parameter; `None` counts as 0.
        parameters: Of any shapes.

    Returns:
        A scalar.

    Source: Wu et al., ICML 2022 (arXiv 2202.05306), the effective update.

    Example:
        >>> effective_update([torch.tensor([3.0, 4.0]), None], [torch.ones(1), torch.ones(1)])
        tensor(12.5000)
    """
    there = [g.float().square().sum() for g in gradients if g is not None]
    size = torch.stack([parameter.float().square().sum() for parameter in parameters]).sum()
    return (torch.stack(there).sum() if there else torch.zeros_like(size)) / size
