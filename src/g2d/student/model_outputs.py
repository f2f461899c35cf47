"""Logits read from what any model returns, and batches of samples that have no index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError


class UnindexedBatch(Batch):
    """A batch of samples whose positions in their split are not known.

    Raises:
        UserError: The index is asked for.
    """

    @property
    def index(self) -> Tensor:
        """Raises an error: the positions are not known."""
        raise UserError(
            "this needs to know which samples the batch holds (cached teachers do, and methods "
            "that hold some out); give method.loss(..., index=...), the position of each sample "
            "in the training data"
        )

    @index.setter
    def index(self, value: Tensor) -> None:
        pass


def options_of(item: Any) -> tuple[Any, Tensor | Batch, dict[str, Any]]:
    """Takes an item of `iter_train` of an attached model apart.

    Returns:
        `net(...)`, the target, and options such as `index` and `present`.

    Raises:
        UserError: It is something else.
    """
    if isinstance(item, Batch):
        raise UserError(
            "method.step(batch) is for a g2d.MultimodalModel; with an attached model write "
            "method.loss(net(...), target).backward(), method.adjust_gradients(), "
            "optimizer.step()"
        )
    if not isinstance(item, tuple) or len(item) not in (2, 3):
        raise UserError(
            f"iter_train gave a {type(item).__name__}, expected (net(...), target) or "
            "(net(...), target, {'index': ..., 'present': ...}) of an attached model"
        )
    return item[0], item[1], dict(item[2]) if len(item) == 3 else {}


def logits_of(prediction: Any) -> Tensor:
    """The logits in what a model returned.

    Args:
        prediction: A tensor, something with `logits`, or a tuple that begins with them.

    Raises:
        UserError: It is something else.

    Example:
        >>> import torch
        >>> logits_of({"logits": torch.zeros(2, 3)}).shape, logits_of((torch.ones(2, 1),)).shape
        (torch.Size([2, 3]), torch.Size([2, 1]))
    """
    found = prediction
    if isinstance(prediction, Mapping):
        found = prediction.get("logits")
    elif isinstance(getattr(prediction, "logits", None), Tensor):
        found = prediction.logits
    elif isinstance(prediction, tuple | list) and prediction:
        found = prediction[0]
    if not isinstance(found, Tensor):
        raise UserError(
            f"the model returned a {type(prediction).__name__}, expected logits (B, C): a "
            "tensor, something with .logits, or a tuple that begins with them; give method.loss "
            "the logits"
        )
    return found


def check_present(present: Mapping[str, Tensor], names: tuple[str, ...], size: int) -> None:
    """Refuses masks of unknown modalities, of another size, or that are not of bools.

    Raises:
        UserError: One is.
    """
    for name, mask in present.items():
        if name not in names:
            raise UserError(f"present is given for {name!r}, and the modalities are {list(names)}")
        right = isinstance(mask, Tensor) and mask.shape == (size,) and mask.dtype is torch.bool
        if not right:
            kind = f"{mask.dtype} " if isinstance(mask, Tensor) else ""
            got = f"{kind}{tuple(mask.shape)}" if kind else type(mask).__name__
            raise UserError(
                f"present[{name!r}] is {got}, expected a bool tensor ({size},): whether each "
                "sample has the modality; of zeros and ones make it by mask.bool()"
            )
