"""What a method refuses of its optimizer, its model and its loop; and whether it is off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from g2d.errors import UserError
from g2d.tasks import Task


def check_heads(method: str, heads: nn.ModuleDict | None, optimizer: Optimizer) -> None:
    """Refuses an optimizer that lacks the heads that were added for a method.

    Raises:
        UserError: It does.
    """
    trained = [] if heads is None else [p for p in heads.parameters() if p.requires_grad]
    groups = optimizer.param_groups if trained else []
    held = {id(p) for group in groups for p in group["params"]}
    if not all(id(parameter) in held for parameter in trained):
        raise UserError(
            f"the optimizer does not hold the heads that {method} added for unimodal logits; make "
            "it after the method, from method.parameter_groups()"
        )


def check_widths(task: Task, fused: Tensor, unimodal: Mapping[str, Tensor], size: int) -> None:
    """Refuses logits, fused or of one modality, that are not as wide as the task.

    Raises:
        UserError: Some are.
    """
    expected = (size, task.outputs)
    if fused.shape != expected:
        raise UserError(
            f"got logits of shape {tuple(fused.shape)}, and the task "
            f"{type(task).__name__} has {expected}; give the task as many outputs as the "
            "model has"
        )
    for name, logits in unimodal.items():
        if logits.shape != expected:
            raise UserError(
                f"the head of {name!r} gave logits of shape {tuple(logits.shape)}, and the task "
                f"{type(task).__name__} has {expected}; give g2d.attach(..., heads=...) heads with "
                "as many outputs as the model has"
            )


def check_compiled(*methods: type[Any]) -> None:
    """Refuses methods whose steps cannot be compiled.

    Raises:
        UserError: One says that they cannot.
    """
    for method in methods:
        if method.uncompiled:
            raise UserError(
                f"training.compile: {method.__name__} {method.uncompiled}, which is not compiled; "
                "leave training.compile out, or choose another method"
            )


def no_single_loss(method: str) -> UserError:
    """The error of a method that takes steps of its own where `loss` is called."""
    return UserError(
        f"{method} takes steps of its own, of more than one loss; call method.step(batch), after "
        "method.on_fit_start(g2d.Loop(optimizer, epochs=...))"
    )


def is_off(method: object, presets: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the options of a method are those of its preset `off`, where it has one."""
    off = presets.get("off")
    return off is not None and all(
        getattr(method, name, None) == value for name, value in off.items()
    )
