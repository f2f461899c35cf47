"""Feature vectors of every modality, and which of them are there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from g2d.errors import UserError


@dataclass(frozen=True, eq=False)
class Views:
    """A split whose modalities are fixed features (views).

    Attributes:
        features: `(N, d_m)` for each modality, or `(N, T_m, d_m)` tokens where a method takes
            them. What stands in the rows of samples that lack the modality is not read.
        present: For each modality a bool `(N,)`: is it there?
        target: As the task has it, `(N,)` or `(N, L)`.

    Raises:
        UserError: Shapes disagree, a sample has no modality, or a feature that is there is not
            finite.

    Example:
        >>> views = Views(
        ...     features={"near": torch.zeros(3, 4), "far": torch.zeros(3, 2)},
        ...     present={"near": torch.ones(3, dtype=torch.bool), "far": torch.arange(3) > 0},
        ...     target=torch.tensor([0, 1, 1]),
        ... )
        >>> len(views), views.widths
        (3, {'near': 4, 'far': 2})
        >>> views.presence
        tensor([[ True, False],
                [ True,  True],
                [ True,  True]])
    """

    features: dict[str, Tensor]
    present: dict[str, Tensor]
    target: Tensor

    def __post_init__(self) -> None:
        if len(self.features) < 2:
            raise UserError(f"got the views {list(self.features)}, expected two modalities or more")
        if set(self.present) != set(self.features):
            raise UserError(
                f"present is given for {sorted(self.present)} and features for "
                f"{sorted(self.features)}; give both for each modality"
            )
        for name, feature in self.features.items():
            mask = self.present[name]
            if feature.ndim not in (2, 3) or not feature.is_floating_point():
                raise UserError(
                    f"the view {name!r} is {feature.dtype} of shape {tuple(feature.shape)}, "
                    "expected floating point (N, d) or (N, T, d)"
                )
            if mask.dtype != torch.bool or mask.shape != (len(self),):
                raise UserError(
                    f"present of {name!r} is {mask.dtype} of shape {tuple(mask.shape)}, expected "
                    f"bool ({len(self)},), one for each target"
                )
            if len(feature) != len(self):
                raise UserError(
                    f"the view {name!r} has {len(feature)} samples and the target {len(self)}"
                )
            if not feature[mask].isfinite().all():
                raise UserError(
                    f"the view {name!r} has values that are not finite where it is marked present"
                )
        nothing = int((~self.presence.any(dim=1)).sum())
        if nothing:
            raise UserError(f"{nothing} samples have no modality at all; leave them out")

    def __len__(self) -> int:
        return self.target.shape[0]

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names, in the declared order."""
        return tuple(self.features)

    @property
    def widths(self) -> dict[str, int]:
        """The width d_m of every modality."""
        return {name: feature.shape[-1] for name, feature in self.features.items()}

    @property
    def presence(self) -> Tensor:
        """The masks side by side, bool `(N, k)`."""
        return torch.stack([self.present[name] for name in self.features], dim=1)

    def ordered(self, modalities: tuple[str, ...]) -> Views:
        """These views with the modalities in this order."""
        return Views(
            {name: self.features[name] for name in modalities},
            {name: self.present[name] for name in modalities},
            self.target,
        )

    def to(self, device: torch.device | str) -> Views:
        """These views on another device."""
        return Views(
            {name: feature.to(device) for name, feature in self.features.items()},
            {name: mask.to(device) for name, mask in self.present.items()},
            self.target.to(device),
        )
