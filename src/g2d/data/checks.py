"""Checks that find faults of a dataset before training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.arrays import ArraySplit
from g2d.data.splits import Split, Splits
from g2d.errors import UserError
from g2d.tasks import Classification, MultiLabel, Regression

_CHUNK = 1024


def check_splits(splits: Splits) -> None:
    """Finds faults that would make training fail, or its result meaningless.

    Inputs are checked where a split holds arrays; of other splits (which may decode video) the
    first sample and the targets.

    Raises:
        UserError: A split is no `Split`, or empty; there is one modality, or not those declared; an
            input or target is not a finite number; a class is absent from train or a target
            outside the classes; a regression target is constant.

    Example:
        >>> from g2d.data.splits import DatasetSpec
        >>> part = ArraySplit({"a": np.zeros((4, 2)), "b": np.zeros((4, 2))}, np.zeros(4, int))
        >>> spec = DatasetSpec(
        ...     "toy", Classification(["cat", "dog"]), {"a": (2,), "b": (2,)}, "", ""
        ... )
        >>> check_splits(Splits(spec, part, part, part))
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: toy: no training sample of class 'dog'; add some, or declare fewer
    """
    name, spec = splits.spec.name, splits.spec
    if not spec.modalities:
        raise UserError(f"{name}: got no modalities; expected 1 or more, declare them")
    for part, split in splits.named().items():
        where = f"{name}, {part}"
        if not isinstance(split, Split):
            raise UserError(
                f"{where}: got a {type(split).__name__}, expected a subclass of "
                "g2d.data.splits.Split; inherit from it, or use g2d.data.arrays.ArraySplit"
            )
        if len(split) == 0 or len(split.target) != len(split):
            raise UserError(
                f"{where}: got {len(split)} samples and {len(split.target)} targets, expected 1 or "
                "more and as many of each; check how the data is divided"
            )
        _check_shapes(where, split, spec.shapes)
        _check_finite(where, "target", split.target.numpy())
        if isinstance(split, ArraySplit):
            for modality, array in split.inputs.items():
                _check_finite(where, f"modality {modality!r}", array)
    _check_targets(splits)


def _check_shapes(where: str, split: Split, shapes: dict[str, tuple[int, ...]]) -> None:
    inputs = split.__getitems__([0]).inputs
    if list(inputs) != list(shapes):
        raise UserError(
            f"{where}: got modalities {', '.join(inputs)}, expected {', '.join(shapes)} in this "
            "order, as declared"
        )
    for modality, value in inputs.items():
        if tuple(value.shape[1:]) != tuple(shapes[modality]):
            raise UserError(
                f"{where}: a sample of modality {modality!r} has shape {tuple(value.shape[1:])}, "
                f"expected {tuple(shapes[modality])} as declared"
            )


def _check_finite(where: str, what: str, array: NDArray[np.generic]) -> None:
    if array.dtype.kind not in "fc":
        return
    bad, first = 0, -1
    for start in range(0, len(array), _CHUNK):
        chunk = array[start : start + _CHUNK]
        rows = np.flatnonzero(~np.isfinite(chunk).reshape(len(chunk), -1).all(axis=1))
        if bad == 0 and len(rows):
            first = start + int(rows[0])
        bad += len(rows)
    if bad:
        raise UserError(
            f"{where}: {what} is not a finite number in {bad} of {len(array)} rows (first: row "
            f"{first}); fill or remove them"
        )


def _check_targets(splits: Splits) -> None:
    task, name = splits.spec.task, splits.spec.name
    if isinstance(task, Classification):
        for part, split in splits.named().items():
            _check_classes(f"{name}, {part}", split.target, task)
        seen = torch.bincount(splits.train.target.long(), minlength=task.outputs) > 0
        absent = [task.class_names[i] for i in (~seen).nonzero().flatten().tolist()]
        if absent:
            which = ", ".join(map(repr, absent))
            raise UserError(
                f"{name}: no training sample of class {which}; add some, or declare fewer"
            )
    elif isinstance(task, MultiLabel):
        for part, split in splits.named().items():
            target = split.target
            if target.ndim != 2 or target.shape[1] != task.outputs:
                raise UserError(
                    f"{name}, {part}: got targets of shape {tuple(target.shape)}, expected "
                    f"(N, {task.outputs}): one column a label"
                )
            if not ((target == 0) | (target == 1)).all():
                raise UserError(f"{name}, {part}: got labels other than 0 and 1; write them so")
    elif isinstance(task, Regression):
        for part, split in splits.named().items():
            if split.target.ndim != 1:
                raise UserError(
                    f"{name}, {part}: got targets of shape {tuple(split.target.shape)}, expected "
                    "(N,): one number a sample"
                )
        target = splits.train.target
        if bool((target == target[0]).all()):
            raise UserError(
                f"{name}: the training target is {target[0].item():g} in all {len(target)} rows; "
                "expected a number that differs, choose another column"
            )


def _check_classes(where: str, target: Tensor, task: Classification) -> None:
    if target.ndim != 1 or target.dtype.is_floating_point:
        raise UserError(
            f"{where}: got targets of type {target.dtype} and shape {tuple(target.shape)}, "
            "expected one class index a sample"
        )
    outside = target[(target < 0) | (target >= task.outputs)]
    if len(outside):
        raise UserError(
            f"{where}: target {outside[0].item()} in {len(outside)} rows is no class; expected "
            f"0 to {task.outputs - 1} ({task.outputs} classes)"
        )
