"""What the encoders of any model were given and what they gave, in its last forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from g2d.batch import Call
from g2d.errors import UserError
from g2d.student.freshness import Freshness, in_backward
from g2d.student.inputs import Inputs
from g2d.student.passes import in_train_mode

Read = Callable[[Any], Tensor]
# From the name of a modality and its feature to the feature that goes on into the model.
Change = Callable[[str, Tensor], Tensor]


class Recorder:
    """Forward hooks on a model, its encoders and its heads.

    Args:
        net: The model.
        encoders: For each modality the modules that make up its encoder, in the order in which
            they are called.
        heads: For some modalities, a module of the model that returns unimodal logits.
        features: For some modalities, how the `(B, d)` feature is read from what the encoder
            returns.

    Attributes:
        features: Of the last pass, `(B, d)`.
        logits: Those of the heads in the last pass, where the model called them.
        call: The arguments of the last pass.
        change: Changes features on their way into the model; `None` for no change.
    """

    def __init__(
        self,
        net: nn.Module,
        encoders: Mapping[str, Sequence[nn.Module]],
        heads: Mapping[str, nn.Module],
        features: Mapping[str, Read],
    ) -> None:
        self.features: dict[str, Tensor] = {}
        self.logits: dict[str, Tensor] = {}
        self.call: Call | None = None
        self.change: Change | None = None
        self._listeners: list[Callable[[Any], None]] = []
        self.raw: dict[str, Any] = {}
        self.passes = 0
        self._freshness, self._inputs = Freshness(), Inputs()
        self._encoders = {name: nn.ModuleList(modules) for name, modules in encoders.items()}
        self._reads = dict(features)
        self._net = net
        self._recording = self._muted = False
        self._hooks = [
            net.register_forward_pre_hook(self._begin, with_kwargs=True),
            net.register_forward_hook(self._end, always_call=True),
        ]
        for name, modules in encoders.items():
            self._hooks += [
                modules[0].register_forward_pre_hook(partial(self._given, name), with_kwargs=True),
                modules[-1].register_forward_hook(partial(self._gave, name)),
            ]
        for name, head in heads.items():
            self._hooks.append(head.register_forward_hook(partial(self._record_logits, name)))

    def remove(self) -> None:
        """Removes the hooks and forgets the last pass."""
        for hook in self._hooks:
            hook.remove()
        self._listeners.clear()
        self._forget()

    def listen(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Calls the listener right after every pass, with what the model returned.

        Returns:
            Ends that.
        """
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        """Of a copy of the model, which is not attached: one that records nothing."""
        return _inert()

    def __reduce__(self) -> tuple[Callable[[], Recorder], tuple[()]]:
        """Of a model that is saved whole, likewise."""
        return _inert, ()

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Within this, calls of the model are not recorded."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def read(self, name: str, output: Any) -> Tensor:
        """The feature `(B, d)` in what an encoder returned.

        Raises:
            UserError: There is none.
        """
        feature: Any = self._reads[name](output) if name in self._reads else output
        if not isinstance(feature, Tensor):
            raise UserError(
                f"the encoder of {name!r} returned {_kind(feature)}, expected features (B, d); "
                f"give the part that is the feature: g2d.attach(..., features={{{name!r}: lambda "
                f"out: out{_part(feature)}}})"
            )
        if feature.ndim != 2:
            pooled = "out[:, 0]" if feature.ndim == 3 else "out.flatten(2).mean(dim=2)"
            raise UserError(
                f"the feature of {name!r} has the shape {tuple(feature.shape)}, expected (B, d); "
                f"give how it is pooled: g2d.attach(..., features={{{name!r}: "
                f"lambda out: {pooled}}})"
            )
        return feature

    def encoded(self) -> dict[str, Tensor]:
        """What the encoders handed on in the last pass: their outputs where those are tensors."""
        return {
            name: self.raw[name] if isinstance(self.raw[name], Tensor) else feature
            for name, feature in self.features.items()
        }

    def pooled(self, name: str, encoded: Tensor) -> Tensor:
        """The feature `(B, d)` in what an encoder handed on in the last pass."""
        return self.read(name, encoded) if isinstance(self.raw[name], Tensor) else encoded

    def check(self, logits: Tensor) -> None:
        """Refuses logits that what is recorded does not belong to; see `Freshness.check`."""
        self._freshness.check(logits, self.features, self._encoders)

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the encoders in the last pass; see `Inputs`."""
        return self._inputs.kept

    def again(self, name: str, inputs: Any) -> Any:
        """Inputs for one more run of an encoder, which leaves them as they are."""
        return self._inputs.again(name, inputs)

    @property
    def _listening(self) -> bool:
        """Whether the model is in a forward pass; parts that run alone do not count."""
        return self._recording and not self._muted

    def _forget(self) -> None:
        self.features, self.logits, self.raw = {}, {}, {}
        self._inputs.forget()
        self.call = None

    def _begin(self, net: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._muted or in_backward():
            return
        if getattr(net, "_is_replica", False):
            raise UserError(
                "the model runs under nn.DataParallel, whose copies cannot be watched; use "
                "torch.nn.parallel.DistributedDataParallel"
            )
        self._forget()
        self._freshness.begin()
        self.call = Call(args, kwargs)
        self._recording = True

    def _end(self, net: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self._listening:
            self._recording = False
            self.passes += 1
            self._freshness.returned(output)
            for listener in self._listeners:
                listener(output)

    def _given(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if not self._listening:
            return
        if name in self.inputs:
            raise UserError(
                f"the encoder of {name!r} was called twice in one forward pass, and its "
                "feature would be that of the last call alone; attach a module that is called "
                "once and returns the feature of all"
            )
        single = len(args) == 1 and not kwargs and isinstance(args[0], Tensor)
        given = args[0] if single else Call(args, kwargs)
        self._inputs.given(name, given)

    def _gave(self, name: str, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        changing = self.change is not None and not self._muted and in_train_mode(self._net)
        if changing and in_backward():
            raise UserError(
                f"this method changes features on their way, and the encoder of {name!r} is "
                "computed again in the backward pass, without that; take the checkpoint off"
            )
        if not self._listening:
            return None
        feature = self.read(name, output)
        self.features[name], self.raw[name] = feature, output
        self._freshness.gave(name, feature)
        self._inputs.returned(name)
        if self.change is None or not changing:
            return None
        return self.put(name, self.change(name, feature))

    def put(self, name: str, feature: Tensor) -> Any:
        """The encoder's output with another feature in it.

        Raises:
            UserError: The feature is a part of what it returns.
        """
        if self.raw[name] is not self.features[name]:
            raise UserError(
                f"this method changes the features that are fused, and the encoder of {name!r} "
                f"returns {_kind(self.raw[name])} with the feature inside; attach a module that "
                "returns the feature (B, d) itself"
            )
        return feature

    def _record_logits(
        self, name: str, module: nn.Module, args: tuple[Any, ...], output: Any
    ) -> None:
        if self._listening and isinstance(output, Tensor):
            self.logits[name] = output


def _inert() -> Recorder:
    recorder = object.__new__(Recorder)
    recorder._muted, recorder._recording, recorder.change = True, False, None
    return recorder


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value))}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _part(value: Any) -> str:
    """The code that takes the likeliest feature out of an encoder's output."""
    if isinstance(value, Mapping):
        for key in ("pooler_output", "last_hidden_state"):
            if isinstance(value.get(key), torch.Tensor):
                return f"[{key!r}]" + ("[:, 0]" if value[key].ndim == 3 else "")
        return f"[{next(iter(value), 'feature')!r}]"
    return "[0]" if isinstance(value, tuple | list) else ".feature"
