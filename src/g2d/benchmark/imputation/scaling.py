"""Inputs on one scale, by the statistics of the training split."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from g2d.benchmark.imputation.views import Views
from g2d.errors import UserError

Kind = Literal["deviation", "range"]


class Scaler:
    """(x - mean) / scale, with mean and scale of the training rows that are there.

    Args:
        train: The training split.
        kind: `"deviation"`: mean and standard deviation of every dimension; `"range"`: one mean
            and one maximum minus minimum for the whole of a view. What does not vary is only
            shifted.

    Raises:
        UserError: A modality is absent from every training sample.

    Example:
        >>> views = Views(
        ...     features={
        ...         "near": torch.tensor([[1.0], [3.0], [torch.nan]]),
        ...         "far": torch.ones(3, 1),
        ...     },
        ...     present={"near": torch.arange(3) < 2, "far": torch.arange(3) >= 0},
        ...     target=torch.zeros(3),
        ... )
        >>> Scaler(views, "deviation")(views)["near"].squeeze(1)
        tensor([-1.,  1.,  0.])
    """

    def __init__(self, train: Views, kind: Kind) -> None:
        self._mean: dict[str, Tensor] = {}
        self._scale: dict[str, Tensor] = {}
        for name, feature in train.features.items():
            rows = feature[train.present[name]].double().flatten(0, -2)
            if not len(rows):
                raise UserError(f"no training sample has {name!r}; leave the modality out")
            if kind == "deviation":
                mean, scale = rows.mean(dim=0), rows.std(dim=0, unbiased=False)
            else:
                mean, scale = rows.mean(), rows.max() - rows.min()
            # rounding leaves a constant with a deviation that is not quite zero
            varies = scale > 1e-6 * (1 + mean.abs())
            self._mean[name] = mean.float()
            self._scale[name] = torch.where(varies, scale, 1.0).float()

    def __call__(self, views: Views) -> dict[str, Tensor]:
        """Float32, zero where a modality is absent."""
        scaled = {}
        for name, mean in self._mean.items():
            feature = views.features[name]
            value = (feature.float() - mean) / self._scale[name]
            mask = views.present[name].view(-1, *[1] * (feature.ndim - 1))
            scaled[name] = torch.where(mask, value, 0.0)
        return scaled
