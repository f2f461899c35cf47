"""CRA: a cascade of residual autoencoders fills in the absent views, then a network classifies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from g2d.benchmark.imputation.base import PartialViewModel
from g2d.benchmark.imputation.cascade import Cascade, classifier
from g2d.benchmark.imputation.checks import check_counts, check_targets, check_weights
from g2d.benchmark.imputation.hiding import Targets, eligible, hide
from g2d.benchmark.imputation.training import Best, Phase, train
from g2d.benchmark.imputation.views import Views
from g2d.tasks import Task

logger = logging.getLogger(__name__)


class CRA(PartialViewModel):
    """z_0 = the observed views, zero elsewhere; z_b = z_{b-1} + D_b(z_{b-1}); classify z_K.

    Tran, Liu, Zhou and Jin, *Missing Modalities Imputation via Cascaded Residual Autoencoder*,
    CVPR 2017. Block b alone learns (1/N) Σ ‖z_b - x‖² with the earlier ones at rest, b = 1 .. K in
    turn; then all together learn (1/N) Σ ‖z_K - x‖². Observed views are put back in z_K before the
    classifier reads it.

    The residual can only be learned where the truth is known. With `targets="drop"` each step
    hides one more view of every sample that has two, and the loss is on that view alone. Where no
    training sample qualifies, absent views stay zero, which is their mean.

    Args:
        task: What is to be predicted.
        targets: `"drop"`; or `"complete"`: learn from samples with all views alone, each under
            one of the incomplete patterns drawn anew in each step, the loss on what is hidden.
        joint: Train the classifier along with all blocks, by the sum of the two losses, in
            place of afterwards.
        blocks: K.
        stage_epochs: Epochs of the blocks one by one, shared out evenly.
        joint_epochs: Epochs of all blocks together.
        classifier_epochs: Epochs of the classifier.
        learning_rate: Adam's.
        batch_size: Samples a step.
        device: Where to compute.

    Example:
        >>> from g2d.tasks import Classification
        >>> near, far = torch.arange(8) > 2, torch.arange(8) < 6
        >>> views = Views(
        ...     features={"near": torch.randn(8, 3), "far": torch.randn(8, 5)},
        ...     present={"near": near, "far": far},
        ...     target=torch.arange(8) % 2,
        ... )
        >>> method = CRA(Classification(2), blocks=1, joint_epochs=1, classifier_epochs=1)
        >>> method.fit(views, views, seed=0)
        >>> method.logits(views).shape
        torch.Size([8, 2])
    """

    restores = True

    def __init__(
        self,
        task: Task,
        *,
        targets: Targets = "drop",
        joint: bool = False,
        blocks: int = 5,
        stage_epochs: int = 10,
        joint_epochs: int = 10,
        classifier_epochs: int = 30,
        learning_rate: float = 2e-4,
        batch_size: int = 128,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(task, device=device)
        check_targets(targets)
        check_counts(1, blocks=blocks, batch_size=batch_size, classifier_epochs=classifier_epochs)
        check_counts(0, stage_epochs=stage_epochs)
        check_counts(1 if joint else 0, joint_epochs=joint_epochs)
        check_weights(learning_rate=learning_rate)
        self.targets: Targets = targets
        self.joint = joint
        self.blocks = blocks
        self.stage_epochs = stage_epochs
        self.joint_epochs = joint_epochs
        self.classifier_epochs = classifier_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size

    def impute(self, views: Views) -> dict[str, Tensor]:
        """The views as the classifier sees them: standardised, and the absent ones filled in."""
        x, presence = self._inputs(self._ready(views))
        parts = self.network.filled(x, presence).detach().split(list(self.widths.values()), dim=1)
        return dict(zip(self.widths, parts, strict=True))

    def _fit(self, train_views: Views, val: Views) -> None:
        widths = list(self.widths.values())
        net = CRANetwork(widths, self.task.outputs, self.blocks).to(self.device)
        self.network = net
        x, presence = self._inputs(train_views)
        target = train_views.target
        everything = torch.arange(len(x), device=self.device)
        rows = eligible(presence, self.targets).nonzero().squeeze(1)

        def hidden_in(chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            there = presence[chosen]
            return x[chosen], there, hide(there, self.targets)

        def impute_alone(block: int) -> Callable[[Tensor], Tensor]:
            def loss(chosen: Tensor) -> Tensor:
                values, _, hidden = hidden_in(chosen)
                return net.block_loss(values, hidden, block)

            return loss

        def impute(chosen: Tensor) -> Tensor:
            values, _, hidden = hidden_in(chosen)
            return net.cascade_loss(values, hidden)

        def impute_and_predict(chosen: Tensor) -> Tensor:
            values, there, hidden = hidden_in(chosen)
            supervised = self.task.loss(net(values, there & ~hidden), target[chosen])
            return supervised + net.cascade_loss(values, hidden)

        if len(rows):
            for block in range(self.blocks):
                epochs = len(range(block, self.stage_epochs, self.blocks))
                alone = [net.cascade.blocks[block]]
                train(alone, impute_alone(block), rows, self._phase(epochs))
        else:
            logger.warning("no training sample has a view to hide; CRA leaves absent views zero")
        if self.joint:
            best = Best(self.task, [net])
            phase = self._phase(self.joint_epochs)
            train([net], impute_and_predict, everything, phase, lambda: best.see(self._score(val)))
            best.restore()
            return
        if len(rows):
            train([net.cascade], impute, rows, self._phase(self.joint_epochs))
        with torch.no_grad():
            filled = net.filled(x, presence)
        best = Best(self.task, [net.classifier])
        train(
            [net.classifier],
            lambda chosen: self.task.loss(net.classifier(filled[chosen]), target[chosen]),
            everything,
            self._phase(self.classifier_epochs),
            lambda: best.see(self._score(val)),
        )
        best.restore()

    def _logits(self, views: Views) -> Tensor:
        logits: Tensor = self.network.eval()(*self._inputs(views))
        return logits

    def _inputs(self, views: Views) -> tuple[Tensor, Tensor]:
        return torch.cat(list(self._scaled(views).values()), dim=1), views.presence

    def _phase(self, epochs: int) -> Phase:
        return Phase(epochs, learning_rate=self.learning_rate, batch_size=self.batch_size)


class CRANetwork(nn.Module):
    """The cascade, and the classifier behind it.

    All of it takes the views side by side, `(B, Σ d_m)`, zero where absent.

    Args:
        widths: d_m of every view.
        outputs: Width of the logits.
        blocks: K.
    """

    def __init__(self, widths: Sequence[int], outputs: int, blocks: int = 5) -> None:
        super().__init__()
        self.widths = list(widths)
        self.cascade = Cascade(sum(widths), blocks)
        self.classifier = classifier(sum(widths), outputs)
        # with no residual to begin with, a cascade that learns nothing changes nothing
        self.cascade.begin_at_zero()

    def forward(self, x: Tensor, presence: Tensor) -> Tensor:
        """Logits of samples with these views, bool `(B, k)`; others are not read."""
        logits: Tensor = self.classifier(self.filled(x, presence))
        return logits

    def filled(self, x: Tensor, presence: Tensor) -> Tensor:
        """The observed views, and z_K for the others."""
        observed = self._spread(presence)
        estimate, _ = self.cascade(x * observed)
        return torch.where(observed, x, estimate)

    def block_loss(self, x: Tensor, hidden: Tensor, block: int) -> Tensor:
        """‖z_b - x‖² on the hidden views, of one block; those before it are at rest."""
        with torch.no_grad():
            estimate, _ = self.cascade(x * ~self._spread(hidden), blocks=block)
        residual, _ = self.cascade.blocks[block](estimate)
        return self._error(estimate + residual, x, hidden)

    def cascade_loss(self, x: Tensor, hidden: Tensor) -> Tensor:
        """‖z_K - x‖² on the hidden views, of all blocks."""
        estimate, _ = self.cascade(x * ~self._spread(hidden))
        return self._error(estimate, x, hidden)

    def _error(self, estimate: Tensor, x: Tensor, hidden: Tensor) -> Tensor:
        """The mean over the samples that have a view hidden."""
        squares = (estimate - x) ** 2 * self._spread(hidden)
        return squares.sum() / hidden.any(dim=1).sum().clamp(min=1)

    def _spread(self, mask: Tensor) -> Tensor:
        """From `(B, k)` to `(B, Σ d_m)`."""
        repeats = torch.tensor(self.widths, device=mask.device)
        return mask.repeat_interleave(repeats, dim=1, output_size=sum(self.widths))
