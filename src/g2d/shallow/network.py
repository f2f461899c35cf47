"""Predictors of scikit-learn as networks that can be kept, exported and served."""

from __future__ import annotations

import logging
from typing import cast

import torch
from torch import Tensor, nn

from g2d.data.loader import limit
from g2d.data.splits import Splits
from g2d.functional.calibration import fit_temperature
from g2d.models.fusion.linear import LinearFusion
from g2d.models.fusion.trees import TreeFusion
from g2d.models.multimodal import MultimodalModel
from g2d.shallow.predictors import NAMES, Fitted, choose, cooled
from g2d.shallow.trees import Trees
from g2d.shallow.vectors import Matrix, ShortVectors
from g2d.tasks import Classification, Regression

logger = logging.getLogger(__name__)
# The most rows that are fitted on, and that choose.
_ROWS = 20_000


@torch.no_grad()
def fit_network(model: MultimodalModel, splits: Splits, predictor: str) -> MultimodalModel:
    """Fits scikit-learn's predictors and puts them into a model of short vectors.

    The predictor is that of the floors: logistic or ridge regression, or boosted trees. Validation
    rows choose its penalty or the size of its trees, and a temperature of 1 or more, since few
    rows would choose one that makes it too sure.

    Args:
        model: With `ShortVector` and `TfIdf` as encoders and a `LinearFusion`, in the place of
            which trees put their own; changed in place.
        splits: Its data.
        predictor: `linear` or `boosting`.

    Returns:
        The model.
    """
    task, names = splits.spec.task, splits.spec.modalities
    vectors = ShortVectors(splits.spec, splits.train, _ROWS)
    parts = vectors.train, vectors.read_all(limit(splits.val, _ROWS))
    train, val = ((part.joined(names, vectors.missing), part.target) for part in parts)
    if len(train[1]) < len(splits.train):
        logger.warning(
            "%s is fitted on %d of %d training rows", predictor, len(train[1]), len(splits.train)
        )
    candidates = NAMES[predictor](task, len(train[1]))
    fitted = choose(candidates, task, train, val, vectors.weights)
    temperature = _temperature(fitted, train[1], val)
    for name in names:
        vectors.give(name, model.encoders[name])
    if predictor == "linear":
        widths = [vectors.train.vectors[name].shape[1] for name in names]
        _set_linear(model.fusion, fitted, widths, vectors.missing, temperature)
    else:
        trees = Trees.of(fitted)
        unit = {"unit": True} if isinstance(task, Regression) else {}
        fusion = model.bring(TreeFusion, **trees.options(), asks=vectors.missing, **unit)
        trees.put_into(cast(TreeFusion, fusion), temperature)
    return model


def _temperature(fitted: Fitted, trained: Tensor, val: tuple[Matrix, Tensor]) -> float:
    """That of the validation rows, without those of classes that no training row has."""
    logits, target = fitted.logits(val[0]), val[1]
    if isinstance(fitted.task, Classification):
        known = torch.isin(target, trained)
        logits, target = logits[known], target[known]
    return max(1.0, fit_temperature(fitted.task, logits, target))


def _set_linear(
    fusion: nn.Module, fitted: Fitted, widths: list[int], missing: list[str], temperature: float
) -> None:
    """Cuts the weights into the blocks of the modalities, and bits of which samples have one."""
    assert isinstance(fusion, LinearFusion)
    biases = fitted.biases()
    weights = torch.zeros(len(biases), sum(widths) + len(missing), dtype=torch.float64)
    for estimator, places in fitted.estimators():
        slopes = torch.from_numpy(estimator.coef_).double().reshape(len(places), -1)
        weights[places] = fitted.scale[1] * slopes
        biases[places] += fitted.scale[1] * estimator.intercept_
    fusion.bias.copy_(torch.from_numpy(cooled(biases, temperature)))
    *blocks, bits = (weights / temperature).split([*widths, len(missing)], dim=1)
    for name, block in zip(fusion.modalities, blocks, strict=True):
        head = cast(nn.Linear, fusion.heads[name])
        head.weight.zero_()[:, : block.shape[1]] = block
        head.bias.zero_()
        if name in missing:
            head.bias.copy_(bits[:, missing.index(name)])
