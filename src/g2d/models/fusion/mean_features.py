"""The mean feature of every modality over the training data."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.base import Features


class MeanFeatures(nn.Module):
    """A running mean of the features, and a way to set it exactly.

    Sum and count of the features seen both fade by the momentum ρ with every batch,

        s ← ρ s + Σ_i f_i,   n ← ρ n + B,   mean = s / n,

    so the mean is right from the first batch, weighs every sample of a batch alike, and follows
    the encoder as it learns. Samples whose modality is absent do not count. Of token sequences
    the mean token is kept, over samples and positions: one vector whatever the length.

    The means are part of the state dict and get no gradient. Before the first batch they are zero.
    In a distributed run the means are those of the first process's share of the data.

    Args:
        widths: Feature width of every modality.
        momentum: How much of the past stays with every batch; 0.99 remembers about 100 batches.

    Example:
        >>> import torch
        >>> means = MeanFeatures({"sound": 2, "image": 1})
        >>> means.update(
        ...     {"sound": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "image": torch.ones(2, 1)}
        ... )
        >>> means.read()
        {'sound': tensor([2., 3.]), 'image': tensor([1.])}
    """

    sums: Tensor
    counts: Tensor

    def __init__(self, widths: Mapping[str, int], momentum: float = 0.99) -> None:
        super().__init__()
        self.widths = dict(widths)
        self.momentum = momentum
        self.register_buffer("sums", torch.zeros(sum(widths.values())))
        self.register_buffer("counts", torch.zeros(len(widths)))

    @torch.no_grad()
    def update(self, features: Features, masks: Mapping[str, Tensor] | None = None) -> None:
        """Adds a batch to the running means.

        Args:
            features: `(B, d_m)` or `(B, N_m, d_m)`, zero where the modality is absent.
            masks: For every modality that can be missing, a bool `(B, 1)`: is it there?
        """
        sums, counts = [], []
        for name in self.widths:
            rows = features[name].float().flatten(0, -2)
            sums.append(rows.sum(dim=0))
            mask = (masks or {}).get(name)
            if mask is None:
                counts.append(rows.new_full((), rows.shape[0]))
            else:
                counts.append(mask.sum() * (rows.shape[0] / mask.shape[0]))
        self.sums.mul_(self.momentum).add_(torch.cat(sums))
        self.counts.mul_(self.momentum).add_(torch.stack(counts))

    def read(self) -> dict[str, Tensor]:
        """The mean features, `(d_m,)`."""
        sums = torch.split(self.sums, list(self.widths.values()))
        # a modality never seen has sum and count 0, and its mean must not be 0/0
        counts = torch.where(self.counts > 0, self.counts, 1.0)
        return {
            name: total / count
            for name, total, count in zip(self.widths, sums, counts, strict=True)
        }

    @torch.no_grad()
    def set(self, means: Mapping[str, Tensor]) -> None:
        """Puts known means in, such as those of one pass over the training data.

        Args:
            means: `(d_m,)` for every modality.

        Raises:
            UserError: A modality is missing or unknown, or a mean has another width.
        """
        if set(means) != set(self.widths):
            raise UserError(
                f"got the means of {list(means)}, expected those of {list(self.widths)}; give one "
                "for each modality"
            )
        for name, width in self.widths.items():
            if means[name].shape != (width,):
                raise UserError(
                    f"got a mean of shape {tuple(means[name].shape)} for {name!r}, expected "
                    f"({width},); average over samples (and positions) only"
                )
        self.sums.copy_(torch.cat([means[name].to(self.sums) for name in self.widths]))
        self.counts.fill_(1.0)
