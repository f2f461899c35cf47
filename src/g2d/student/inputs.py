"""Inputs of encoders, kept as they were given where an encoder changes its own in place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from g2d.batch import Call


class Inputs:
    """Keeps a copy of the input of an encoder that changes it, and of all others the input itself.

    Which do is seen in the first pass, of which all inputs are copied until an encoder returns.

    Attributes:
        kept: Of the last pass: a tensor, or a `Call` where an encoder takes anything else.

    Example:
        >>> x, inputs = torch.zeros(2), Inputs()
        >>> inputs.given("sound", x)
        >>> _ = x.add_(1)  # inside the encoder
        >>> inputs.returned("sound")
        >>> inputs.kept
        {'sound': tensor([0., 0.])}
    """

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self._changes: dict[str, bool] = {}
        # Inputs of encoders that run for the first time, and the versions of their tensors.
        self._watched: dict[str, tuple[Any, list[int]]] = {}

    def given(self, name: str, value: Any) -> None:
        """The input of an encoder that is about to run."""
        if torch.compiler.is_compiling() or not self._changes.get(name, True):
            self.kept[name] = value
            return
        self._watched[name] = value, _versions(value)
        self.kept[name] = _copied(value)

    def returned(self, name: str) -> None:
        """Is called after the encoder has run."""
        value, before = self._watched.pop(name, (None, []))
        if value is not None and not self._changes.setdefault(name, _versions(value) != before):
            self.kept[name] = value

    def again(self, name: str, value: Any) -> Any:
        """What to give the encoder so that the value stays as it is."""
        return _copied(value) if self._changes.get(name) else value

    def forget(self) -> None:
        """Forgets the inputs; called when a forward pass begins."""
        self.kept, self._watched = {}, {}


def _copied(value: Any) -> Any:
    return value.map(torch.clone) if isinstance(value, Call) else value.clone()


def _versions(value: Any) -> list[int]:
    """How often each tensor was changed; what inference mode has made keeps no count."""
    tensors: list[Tensor] = list(value.tensors()) if isinstance(value, Call) else [value]
    return [tensor._version for tensor in tensors if not tensor.is_inference()]
