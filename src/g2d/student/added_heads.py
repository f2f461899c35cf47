"""Linear heads beside a model that has no unimodal logits of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from g2d.gates import assign, gradients_of
from g2d.models.fusion.base import kept, presence
from g2d.ranks import mean_over_ranks


class AddedHead(nn.Module):
    """W f + b, W of the width of the first feature that comes.

    An optimizer may be made before that: it holds the parameter, which has no shape yet. The
    weights come from a generator of the head's own, so that a model trains with and without it
    from the same random numbers.

    Args:
        outputs: Width of the logits.
        seed: Of the first weights.

    Example:
        >>> head = AddedHead(3)
        >>> head(torch.ones(2, 5)).shape
        torch.Size([2, 3])
    """

    weight: nn.Parameter | UninitializedParameter

    def __init__(self, outputs: int, seed: int = 0) -> None:
        super().__init__()
        self.outputs, self.seed = outputs, seed
        self.weight = UninitializedParameter()
        self.bias = nn.Parameter(torch.zeros(outputs))

    @property
    def ready(self) -> bool:
        """Whether the width of the feature is known, so that the head exists."""
        return not isinstance(self.weight, UninitializedParameter)

    def prepare(self, width: int, device: torch.device | None = None) -> None:
        """Gives the weight its shape and its first values, Xavier-normal as in the paper."""
        if isinstance(self.weight, UninitializedParameter):
            self.weight.materialize((self.outputs, width))
            generator = torch.Generator().manual_seed(self.seed)
            with torch.no_grad():
                first = torch.empty(self.outputs, width)
                self.weight.copy_(nn.init.xavier_normal_(first, generator=generator))
        if device is not None and self.bias.device != device:
            self.to(device)

    def forward(self, feature: Tensor) -> Tensor:
        """Logits `(B, C)` of features `(B, d)`."""
        self.prepare(feature.shape[1], feature.device)
        return nn.functional.linear(feature.to(self.bias.dtype), self.weight, self.bias)


class AddedHeads:
    """One head for each modality, trained beside the model or as a probe.

    Args:
        modalities: Their names.
        outputs: Width of the logits.
        detached: Whether they send no gradient back to the encoders.
    """

    def __init__(self, modalities: Iterable[str], outputs: int, detached: bool) -> None:
        self.modules = nn.ModuleDict(
            # by name, so that the order of declaration does not decide who begins with what
            {name: AddedHead(outputs, seed) for seed, name in enumerate(sorted(modalities))}
        )
        self.outputs, self.detached = outputs, detached

    def logits(
        self, features: Mapping[str, Tensor], present: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """Unimodal logits `(B, C)`, zero where a modality is absent."""
        masks = presence(features, present)
        return {
            name: kept(
                self.modules[name](kept(f.detach() if self.detached else f, masks.get(name))),
                masks.get(name),
            )
            for name, f in features.items()
        }

    def reduce_gradients(self) -> None:
        """Averages gradients over processes: no wrapper does it for what is beside the model."""
        parameters = list(self.modules.parameters())
        assign(parameters, mean_over_ranks(gradients_of(parameters)))

    def state_dict(self) -> dict[str, Tensor]:
        """Weights of those whose width is known."""
        return {
            f"{name}.{key}": value
            for name, head in self.modules.items()
            if isinstance(head, AddedHead) and head.ready
            for key, value in head.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restores the heads' weights."""
        for name, head in self.modules.items():
            assert isinstance(head, AddedHead)
            if f"{name}.weight" in state:
                head.prepare(state[f"{name}.weight"].shape[1])
                with torch.no_grad():
                    head.weight.copy_(state[f"{name}.weight"])
                    head.bias.copy_(state[f"{name}.bias"])
