"""CPM-Nets: one latent vector for each sample, from which every view it has can be decoded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from g2d.benchmark.imputation.base import PartialViewModel
from g2d.benchmark.imputation.checks import check_counts, check_shares, check_weights
from g2d.benchmark.imputation.training import Best
from g2d.benchmark.imputation.views import Views
from g2d.tasks import Classification, Task


class CPMNets(PartialViewModel):
    """L = Σ_n Σ_m r_nm ‖g_m(h_n) - x_nm‖² + λ Σ_n max(0, [c* ≠ y_n] + S_nc* - S_ny_n).

    Zhang, Han, Cui, Fu, Zhou and Hu, *CPM-Nets: Cross Partial Multi-View Networks*, NeurIPS 2019.
    h_n is a free vector; r_nm is 1 where sample n has view m; g_m is two linear layers; S_nc is the
    mean of ⟨h_n, h_j⟩ over the other training samples j of class c, and c* its largest. Decoders
    and latents take turns. A sample of validation or test gets a latent from its own views alone,
    by the first term, the decoders at rest, and the class whose mean inner product is largest.

    A new latent starts at zero and its steps depend on no other new sample, so neither does the
    prediction. Samples are not learned from at test.

    Args:
        task: What is to be predicted.
        latent: Width of h.
        hidden: Width between the two layers of a decoder.
        class_weight: λ.
        epochs: Of training, each with `steps` steps of the decoders and then of the latents, on
            all samples at once.
        test_epochs: Of a new sample, each with `steps` steps.
        steps: Of each turn.
        decoder_rate: Adam's learning rate for the decoders.
        latent_rate: Adam's learning rate for latents.
        dropout: Share of a decoder's outputs that is dropped in training.
        validate_every: Epochs between validations; each validation fits new latents.
        device: Where to compute.

    Example:
        >>> near, far = torch.arange(8) > 2, torch.arange(8) < 6
        >>> views = Views(
        ...     features={"near": torch.randn(8, 3), "far": torch.randn(8, 5)},
        ...     present={"near": near, "far": far},
        ...     target=torch.arange(8) % 2,
        ... )
        >>> method = CPMNets(Classification(2), latent=4, epochs=2, test_epochs=2)
        >>> method.fit(views, views, seed=0)
        >>> method.logits(views).shape
        torch.Size([8, 2])
    """

    tasks = (Classification,)
    scaling = "range"

    def __init__(
        self,
        task: Task,
        *,
        latent: int = 128,
        hidden: int = 150,
        class_weight: float = 10.0,
        epochs: int = 20,
        test_epochs: int = 50,
        steps: int = 5,
        decoder_rate: float = 0.001,
        latent_rate: float = 0.01,
        dropout: float = 0.1,
        validate_every: int = 10,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(task, device=device)
        check_counts(1, latent=latent, hidden=hidden, epochs=epochs, test_epochs=test_epochs)
        check_counts(1, steps=steps, validate_every=validate_every)
        check_weights(class_weight=class_weight, decoder_rate=decoder_rate, latent_rate=latent_rate)
        check_shares(dropout=dropout)
        self.latent = latent
        self.hidden = hidden
        self.class_weight = class_weight
        self.epochs = epochs
        self.test_epochs = test_epochs
        self.steps = steps
        self.decoder_rate = decoder_rate
        self.latent_rate = latent_rate
        self.dropout = dropout
        self.validate_every = validate_every

    def latents(self, views: Views) -> Tensor:
        """The vector h of every sample, `(N, latent)`, from its own views alone."""
        return self._latents(self._ready(views))

    def _fit(self, train_views: Views, val: Views) -> None:
        x, presence, target = self._scaled(train_views), train_views.presence, train_views.target
        net = CPMNetwork(
            self.widths, len(target), self.latent, self.hidden, self.dropout, self.task.outputs
        ).to(self.device)
        self.network, self._target = net, target
        decoders = torch.optim.Adam(net.decoders.parameters(), lr=self.decoder_rate)
        latents = torch.optim.Adam([net.latents], lr=self.latent_rate)
        best = Best(self.task, [net])
        for epoch in range(1, self.epochs + 1):
            net.train()
            for _ in range(self.steps):
                decoders.zero_grad()
                net.reconstruction(net.latents.detach(), x, presence).backward()
                decoders.step()
            net.decoders.requires_grad_(False)
            for _ in range(self.steps):
                latents.zero_grad()
                net.training_loss(x, presence, target, self.class_weight).backward()
                latents.step()
            net.decoders.requires_grad_(True)
            if epoch % self.validate_every == 0 or epoch == self.epochs:
                best.see(self._score(val))
        best.restore()

    def _logits(self, views: Views) -> Tensor:
        similarity: Tensor = self.network.similarity(self._latents(views), self._target)
        return similarity.detach()

    def _latents(self, views: Views) -> Tensor:
        x, presence, net = self._scaled(views), views.presence, self.network.eval()
        maps = net.linear_maps()
        latents = torch.zeros(len(views), self.latent, device=self.device, requires_grad=True)
        optimizer = torch.optim.Adam([latents], lr=self.latent_rate)
        for _ in range(self.test_epochs * self.steps):
            optimizer.zero_grad()
            squared_error(latents, maps, x, presence).backward()
            optimizer.step()
        return latents.detach()


class CPMNetwork(nn.Module):
    """Latents of the training samples, and a decoder for each view.

    Args:
        widths: d_m of every view, in the declared order.
        samples: Number of training samples.
        latent: Width of h.
        hidden: Width between the two layers of a decoder.
        dropout: Share of a decoder's outputs that is dropped in train mode.
        classes: Their number.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        samples: int,
        latent: int,
        hidden: int,
        dropout: float,
        classes: int,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.latents = nn.Parameter(torch.empty(samples, latent))
        nn.init.xavier_uniform_(self.latents)
        self.decoders = nn.ModuleDict()
        for name, width in widths.items():
            layers = nn.Linear(latent, hidden), nn.Linear(hidden, width)
            for layer in layers:
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
            self.decoders[name] = nn.Sequential(*layers, nn.Dropout(dropout))

    def reconstruction(self, latents: Tensor, x: Mapping[str, Tensor], presence: Tensor) -> Tensor:
        """Σ_n Σ_m r_nm ‖g_m(h_n) - x_nm‖², a sum and no mean."""
        decoded = [decoder(latents) for decoder in self.decoders.values()]
        return _squares(decoded, list(x.values()), presence)

    def training_loss(
        self, x: Mapping[str, Tensor], presence: Tensor, target: Tensor, class_weight: float
    ) -> Tensor:
        """Reconstruction and λ times the class term, of the training samples."""
        scores = self.similarity(self.latents, target, own=True)
        classes = class_loss(scores, target)
        return self.reconstruction(self.latents, x, presence) + class_weight * classes

    def similarity(self, latents: Tensor, target: Tensor, own: bool = False) -> Tensor:
        """S, `(N, C)`: the mean inner product with the training latents of each class.

        A class without training samples has minus infinity.

        Args:
            latents: `(N, latent)`.
            target: Classes of the training samples.
            own: Whether `latents` are those of the training samples, each of which is left out
                of its own mean.
        """
        members = nn.functional.one_hot(target, self.classes).to(latents.dtype)
        total = latents @ (members.T @ self.latents).T
        count = members.sum(dim=0).expand(len(latents), -1)
        if own:
            total = total - members * (latents * latents).sum(dim=1, keepdim=True)
            count = count - members
        mean = total / count.clamp(min=1)
        empty = members.sum(dim=0) == 0
        return mean.masked_fill(empty, -math.inf)

    def linear_maps(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Each decoder without dropout as one linear map, x = A h + a."""
        maps = {}
        with torch.no_grad():
            for name, decoder in self.decoders.items():
                assert isinstance(decoder, nn.Sequential)
                first, second, _ = decoder
                assert isinstance(first, nn.Linear)
                assert isinstance(second, nn.Linear)
                weight = second.weight @ first.weight
                maps[name] = (weight, second.weight @ first.bias + second.bias)
        return maps


def class_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Σ_n max(0, [c* ≠ y_n] + S_nc* - S_ny_n) with c* the class of the largest S.

    Args:
        scores: S, `(N, C)`.
        target: y, `(N,)`.
    """
    highest, guess = scores.max(dim=1)
    right = scores.gather(1, target[:, None]).squeeze(1)
    margin = (guess != target).to(scores.dtype)
    return (margin + highest - right).clamp(min=0).sum()


def squared_error(
    latents: Tensor,
    maps: Mapping[str, tuple[Tensor, Tensor]],
    x: Mapping[str, Tensor],
    presence: Tensor,
) -> Tensor:
    """The reconstruction term, the decoders given as linear maps."""
    decoded = [nn.functional.linear(latents, weight, shift) for weight, shift in maps.values()]
    return _squares(decoded, list(x.values()), presence)


def _squares(decoded: Sequence[Tensor], x: Sequence[Tensor], presence: Tensor) -> Tensor:
    total = decoded[0].new_zeros(())
    for position, (guess, truth) in enumerate(zip(decoded, x, strict=True)):
        total = total + (((guess - truth) ** 2).sum(dim=1) * presence[:, position]).sum()
    return total
