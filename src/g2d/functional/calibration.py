"""What is fitted to teachers on held-out data: a temperature for each, weights for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.functional.predictions import ensemble_logits
from g2d.functional.present import Masks
from g2d.tasks import Regression, Task

# Keeps the optimum finite where every held-out sample is predicted correctly.
_RIDGE = 1e-3
_HOTTEST = 20.0
# Of a loss; less than this is the optimizer's own inaccuracy.
_NOTHING = 1e-5


def fit_temperature(
    task: Task, logits: Tensor, target: Tensor, present: Tensor | None = None
) -> float:
    """T of temperature scaling: the task's loss of `logits / T` is least, on held-out samples.

    Args:
        task: What is predicted.
        logits: Of one model, on samples that it was not trained on, `(N, C)`.
        target: As the task has it.
        present: Which samples have the modality, bool `(N,)`; `None` for all.

    Returns:
        A number between 1/20 and 20: above 1 for a model that is too confident. 1 for regression,
        whose predictions are no probabilities, and where no sample has the modality.

    Source: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017 (arXiv 1706.04599).

    Example:
        >>> from g2d import Classification
        >>> logits, target = torch.tensor([[9.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])
        >>> round(fit_temperature(Classification(2), logits, target), 2)  # 9 / T = log 3
        8.19
    """
    if present is not None:
        logits, target = logits[present.bool()], target[present.bool()]
    if isinstance(task, Regression) or not len(target):
        return 1.0
    logits = logits.detach().float()
    log_t = torch.zeros((), device=logits.device, requires_grad=True)
    _minimise([log_t], lambda: task.loss(logits / log_t.exp(), target))
    return float(log_t.detach().double().exp().clamp(1 / _HOTTEST, _HOTTEST))


def fit_ensemble_weights(
    task: Task,
    logits: Sequence[Tensor],
    target: Tensor,
    present: Masks | None = None,
    *,
    drop: bool = True,
) -> Tensor:
    """Weights w_m ≥ 0 with which the task's loss of Σ_m w_m z_m is least, on held-out samples.

    They need not sum to 1, so they calibrate as well. With few samples equal weights are safer:
    Σ_m (w_m / w̄ - 1)² / N is added to the loss, w̄ the best weight if all had the same, which N
    samples outweigh as they would outweigh a prior. A modality gets exactly 0 if leaving it out
    costs no more than one standard error of the difference in loss, which a modality of pure noise
    exceeds in one case of about forty. At least one keeps its weight.

    Args:
        task: What is predicted.
        logits: Of k unimodal models on samples that none was trained on, k tensors `(N, C)`.
        target: As the task has it.
        present: For each modality which samples have it, bool `(N,)`, or `None` for all.
        drop: Whether modalities that bring nothing get 0. Models of the same modalities say nearly
            the same, so that each of them seems to bring nothing: keep them.

    Returns:
        `(k,)`, for `ensemble_logits(..., weights=...)`.

    Raises:
        UserError: There is no modality or no sample.

    Source: this package; stacking with non-negative weights (Breiman, *Stacked Regressions*, 1996)
        on logits.

    Example:
        >>> from g2d import Classification
        >>> target = torch.tensor([0, 1] * 50)
        >>> good = torch.nn.functional.one_hot(target, 2).float()
        >>> noise = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
        >>> weights = fit_ensemble_weights(Classification(2), [good, noise], target)
        >>> bool(weights[0] > 1), weights[1].item()
        (True, 0.0)
    """
    if not logits or not len(target):
        raise UserError("there is nothing to fit weights on; give k tensors (N, C), N of 1 or more")
    given = [one.detach().float() for one in logits]
    kept = list(range(len(given)))
    weights = _weights_of(task, given, target, present, kept)
    while drop and len(kept) > 1:
        losses = _losses(task, given, target, present, weights)
        nat = _nat(task, ensemble_logits(given, present, weights), target)
        tried = {}
        for one in kept:
            fewer = [m for m in kept if m != one]
            without = _weights_of(task, given, target, present, fewer)
            cost = (_losses(task, given, target, present, without) - losses) / nat
            error = cost.std() / len(cost) ** 0.5 if len(cost) > 1 else torch.inf
            tried[one] = (float(cost.mean() - error), without)
        least = min(tried, key=lambda one: tried[one][0])
        if tried[least][0] > _NOTHING:
            break
        kept.remove(least)
        weights = tried[least][1]
    return weights


def fit_blend_weights(
    task: Task, logits: Sequence[Tensor], target: Tensor, present: Masks | None = None
) -> tuple[Tensor, Tensor]:
    """Weights of whole models, each calibrated first, on held-out samples.

    One that is too sure would silence the others: few samples choose weights that are nearly equal.

    Args:
        task: What is predicted.
        logits: Of k models on samples that none was trained on, k tensors `(N, C)`.
        target: As the task has it.
        present: For each model for which samples it has an input, bool `(N,)`, or `None` for all.

    Returns:
        The weights of the logits as they are, for `ensemble_logits(..., weights=...)`, and the
        share of each model in the sum of calibrated ones, `(k,)` each.

    Raises:
        UserError: There is no model or no sample.

    Source: this package, as `fit_ensemble_weights`.

    Example:
        >>> from g2d import Classification
        >>> target = torch.tensor([0, 1] * 50)
        >>> good = torch.nn.functional.one_hot((target + (torch.arange(100) < 9)) % 2, 2).float()
        >>> weights, shares = fit_blend_weights(Classification(2), [good, 10 * good], target)
        >>> [round(share, 2) for share in shares.tolist()], round(float(weights[0] / weights[1]))
        ([0.5, 0.5], 10)
    """
    masks: Masks = present if present is not None else [None] * len(logits)
    heats = [
        fit_temperature(task, one, target, mask) for one, mask in zip(logits, masks, strict=True)
    ]
    calm = [one.detach() / heat for one, heat in zip(logits, heats, strict=True)]
    fitted = fit_ensemble_weights(task, calm, target, present, drop=False)
    return fitted / fitted.new_tensor(heats), fitted / fitted.sum().clamp(min=1e-12)


def _weights_of(
    task: Task, logits: list[Tensor], target: Tensor, present: Masks | None, kept: list[int]
) -> Tensor:
    """The best weights of some modalities; those of the others are 0."""
    k, device = len(logits), logits[0].device
    there = _spread(torch.full((len(kept),), 1 / len(kept), device=device), kept, k)
    scale = torch.zeros((), device=device, requires_grad=True)
    mean = ensemble_logits(logits, present, there)
    nat = _nat(task, mean, target)
    _minimise(
        [scale], lambda: task.loss(scale.exp() * mean, target) / nat + _RIDGE * scale.square().sum()
    )
    equal = scale.detach().exp() * there
    nat = _nat(task, scale.detach().exp() * mean, target)
    # The square of a free number is never negative.
    roots = torch.ones(len(kept), device=device, requires_grad=True)

    def loss() -> Tensor:
        shares = roots.square()
        fused = ensemble_logits(logits, present, equal * _spread(shares, kept, k))
        return task.loss(fused, target) / nat + (shares - 1).square().sum() / len(target)

    _minimise([roots], loss)
    return equal * _spread(roots.detach().square(), kept, k)


def _nat(task: Task, logits: Tensor, target: Tensor) -> float:
    """How much of the task's loss is one nat, so that a loss and a prior can be added.

    Cross-entropy is in nats. A squared error is, divided by twice its mean: the negative logarithm
    of a normal density whose variance that is; an absolute one, divided by its mean (Laplace).
    """
    if not isinstance(task, Regression):
        return 1.0
    error = task.loss(logits, target).item()
    return max(error if task.absolute else 2 * error, 1e-12)


def _spread(values: Tensor, kept: list[int], k: int) -> Tensor:
    return torch.zeros(k, device=values.device).index_put(
        (torch.tensor(kept, device=values.device),), values
    )


def _losses(
    task: Task, logits: list[Tensor], target: Tensor, present: Masks | None, weights: Tensor
) -> Tensor:
    return task.losses(ensemble_logits(logits, present, weights), target).double()


def _minimise(parameters: list[Tensor], loss: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=100, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(closure)
