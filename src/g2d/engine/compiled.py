"""The model's forward pass compiled by `torch.compile`, for the training steps alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError

# What turns a graph into code; the tests have one that needs no compiler.
BACKEND = "inductor"
# A model has a graph for every set of encoders that learn together; beyond so many it is not
# compiled anew, and answers as it would without.
_GRAPHS = 64
_DYNAMO = {
    "recompile_limit": _GRAPHS,
    "cache_size_limit": _GRAPHS,  # its name before PyTorch 2.6
    # Methods that change features do so by hooks, which come and go with the epochs.
    "skip_nnmodule_hook_guards": False,
}
# Methods that take several gradients of one forward pass need its values more than once.
_FUNCTORCH = {"donated_buffer": False}


class Compiled:
    """Compiles a model of g2d's own, whole, and lets it answer so in training steps.

    Only a pass in train mode, with a graph and of as many samples as the first such pass runs in
    compiled code. All others (evaluation, looks at the training data, the last and smaller batch of
    an epoch) run as ever, so that there is one graph for each set of encoders that learn: what is
    frozen is no input of the graph's backward pass. Between the steps the model is as it was.

    Args:
        net: The model.

    Example:
        >>> from torch import nn
        >>> import g2d
        >>> encoders = {name: nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> compiled = Compiled(model)
        >>> with compiled.steps():
        ...     "forward" in vars(model)
        True
        >>> "forward" in vars(model)
        False
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._plain: Callable[[Batch], Outputs] = net.forward
        self._fast: Callable[[Batch], Outputs] = _compile(_apart(net))
        self._samples: int | None = None

    @contextmanager
    def steps(self) -> Iterator[None]:
        """Training steps inside are compiled.

        Raises:
            UserError: The compiler failed.
        """
        import torch._dynamo.config as dynamo
        import torch._functorch.config as functorch

        # An attribute of this one object: whoever wraps the model (DDP, autocast, hooks) calls it.
        vars(self._net)["forward"] = self._forward
        try:
            with _patched(dynamo, _DYNAMO), _patched(functorch, _FUNCTORCH):
                yield
        except torch._dynamo.exc.BackendCompilerFailed as error:
            raise _failure(error) from error
        finally:
            del vars(self._net)["forward"]

    def _forward(self, batch: Batch) -> Outputs:
        if not (self._net.training and torch.is_grad_enabled()):
            return self._plain(batch)
        if self._samples is None:
            self._samples = len(batch)
        return self._fast(batch) if len(batch) == self._samples else self._plain(batch)


@lru_cache
def check_compiler(device: str) -> None:
    """Refuses a machine on which nothing can be compiled, by compiling next to nothing.

    Args:
        device: Its type: `cpu` or `cuda`.

    Raises:
        UserError: PyTorch finds no compiler there, or none that works.
    """

    def doubled(x: Tensor) -> Tensor:
        return 2 * x

    try:
        _compile(doubled)(torch.ones(2, device=device))
    except Exception as error:  # whatever a compiler that is not there or not whole makes of it
        raise _failure(error) from error


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    # Dropout draws what it draws without compilation.
    options: dict[str, Any] | None = {"fallback_random": True} if BACKEND == "inductor" else None
    return torch.compile(function, backend=BACKEND, options=options)


def _apart(net: nn.Module) -> Callable[..., Any]:
    """The forward pass of a model as code of its own.

    Graphs are kept and counted by code, which all models of a class have in common.
    """
    plain = type(net).forward
    assert isinstance(plain, FunctionType)
    own = FunctionType(
        plain.__code__.replace(co_name=plain.__name__),
        plain.__globals__,
        plain.__name__,
        plain.__defaults__,
        plain.__closure__,
    )
    return MethodType(own, net)


def _patched(config: Any, values: Mapping[str, Any]) -> Any:
    """Settings of PyTorch, those that this version has, and afterwards as they were."""
    return config.patch({name: value for name, value in values.items() if hasattr(config, name)})


def _failure(error: Exception) -> UserError:
    cause = getattr(error, "inner_exception", error)  # of PyTorch's, what a compiler has said
    said = next((line.strip() for line in str(cause).splitlines() if line.strip()), "")
    return UserError(
        f"training.compile: PyTorch cannot compile on this machine "
        f"({type(cause).__name__}: {said}); install a C++ compiler (g++ or clang++) where there is "
        "none that works, delete PyTorch's cache of compiled code (torchinductor_* in the "
        "temporary folder) where a run was killed while it compiled, or leave training.compile out"
    )
