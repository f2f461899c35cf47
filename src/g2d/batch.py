"""The data of a training step: a `Batch` goes into a model, `Outputs` come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Call:
    """The arguments that a module was called with.

    Example:
        >>> import torch
        >>> Call((torch.ones(2),), {"alpha": 2}).into(torch.add, torch.zeros(2))
        tensor([2., 2.])
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def into(self, function: Callable[..., Any], *first: Any) -> Any:
        """Calls a function with these arguments, after others."""
        return function(*first, *self.args, **self.kwargs)

    def tensors(self) -> Iterator[Tensor]:
        """The tensors among the arguments."""
        for value in (*self.args, *self.kwargs.values()):
            if isinstance(value, Tensor):
                yield value

    def map(self, change: Callable[[Tensor], Tensor]) -> Call:
        """This call with other tensors."""
        args = tuple(change(v) if isinstance(v, Tensor) else v for v in self.args)
        kwargs = {k: change(v) if isinstance(v, Tensor) else v for k, v in self.kwargs.items()}
        return Call(args, kwargs)


@dataclass(eq=False)
class Batch:
    """Samples of every modality, with what is needed to train on them.

    Attributes:
        inputs: One tensor a modality, `(B, ...)`, in the declared order. Where an encoder was
            called with anything else than one tensor, the `Call`.
        target: Class indices `(B,)`, label bits `(B, L)`, or numbers `(B,)`.
        index: Position of every sample in its split, `(B,)`. It stays on the CPU whatever
            device the batch moves to: cached teachers are looked up with it, and a look-up
            that waits for the device would cost more than the look-up.
        present: For every modality that can be missing, a bool `(B,)`: is it there? A modality
            without an entry is always there.
        step: Where the batch is a part of a step that has several, of all of them together which
            samples have which modality, bool `(N,)`; empty otherwise.

    Example:
        >>> import torch
        >>> batch = Batch({"sound": torch.zeros(4, 8)}, torch.tensor([0, 1, 1, 0]), torch.arange(4))
        >>> len(batch), batch.modalities
        (4, ('sound',))
    """

    inputs: dict[str, Any]
    target: Tensor
    index: Tensor
    present: dict[str, Tensor] = field(default_factory=dict)
    step: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.target.shape[0]

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names of the modalities, in the declared order."""
        return tuple(self.inputs)

    def mask(self, modality: str) -> Tensor:
        """Which samples have a modality, bool `(B,)` on the device of the target.

        Example:
            >>> import torch
            >>> batch = Batch({"sound": torch.zeros(2, 1)}, torch.tensor([0, 1]), torch.arange(2))
            >>> batch.mask("sound")
            tensor([True, True])
        """
        mask = self.present.get(modality)
        if mask is not None:
            return mask.bool()
        return torch.ones(len(self), dtype=torch.bool, device=self.target.device)

    def input_of(self, modality: str) -> Any:
        """The input of a modality, zero where it is absent: whatever stands there is not read.

        Example:
            >>> import torch
            >>> batch = Batch(
            ...     {"sound": torch.tensor([[1.0], [torch.nan]])},
            ...     target=torch.tensor([0, 1]),
            ...     index=torch.arange(2),
            ...     present={"sound": torch.tensor([True, False])},
            ... )
            >>> batch.input_of("sound")
            tensor([[1.],
                    [0.]])
        """
        inputs, mask = self.inputs[modality], self.present.get(modality)
        if mask is None or isinstance(inputs, Call):
            return inputs
        return torch.where(mask.view(-1, *[1] * (inputs.ndim - 1)), inputs, 0)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """This batch on another device (`index` stays on the CPU)."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """This batch in page-locked memory, from which a GPU copies without waiting."""
        return replace(self._map(Tensor.pin_memory), index=self.index.pin_memory())

    def rows(self, at: Tensor) -> Batch:
        """Some of its samples, by their place in it."""
        return replace(self._map(lambda tensor: tensor[at]), index=self.index[at], step={})

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """The samples of batches, one after the other.

        A modality without a mask in one of them is there in all of its samples.
        """
        masked = dict.fromkeys(name for part in parts for name in part.present)
        return cls(
            {name: torch.cat([part.inputs[name] for part in parts]) for name in parts[0].inputs},
            torch.cat([part.target for part in parts]),
            torch.cat([part.index for part in parts]),
            {name: torch.cat([part.mask(name) for part in parts]) for name in masked},
        )

    def _map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(
            inputs={
                name: value.map(function) if isinstance(value, Call) else function(value)
                for name, value in self.inputs.items()
            },
            target=function(self.target),
            index=self.index,
            present={name: function(value) for name, value in self.present.items()},
            step={name: function(value) for name, value in self.step.items()},
        )


@dataclass(eq=False)
class Outputs:
    """The predictions and features of a model for a batch.

    Attributes:
        logits: The fused prediction, `(B, C)`.
        features: The output of every encoder, `(B, d_m)`; these are what is distilled.
        unimodal: The unimodal logits of every modality in the fused model, `(B, C)` (the
            "Audio"/"Video" rows of the paper's tables). Fusions whose logits are a sum over
            modalities give them always; the others only in eval mode (see `g2d.models.fusion`).
        fusion_inputs: What the fusion was given: the features, or `(B, N_m, d_m)` tokens where it
            attends over tokens.

    Example:
        >>> import g2d
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> inputs = {name: torch.randn(5, 3) for name in encoders}
        >>> outputs = model(g2d.Batch(inputs, torch.zeros(5, dtype=torch.long), torch.arange(5)))
        >>> outputs.logits.shape, list(outputs.unimodal)
        (torch.Size([5, 2]), ['sound', 'image'])
    """

    logits: Tensor
    features: dict[str, Tensor]
    unimodal: dict[str, Tensor] = field(default_factory=dict)
    fusion_inputs: dict[str, Tensor] = field(default_factory=dict)
