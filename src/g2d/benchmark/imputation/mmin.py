"""MMIN: imagines the features of absent views, and reads the codes of the imagination."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.benchmark.imputation.base import PartialViewModel
from g2d.benchmark.imputation.cascade import BLOCK, Cascade, classifier, kaiming
from g2d.benchmark.imputation.checks import check_counts, check_shares, check_targets, check_weights
from g2d.benchmark.imputation.hiding import Targets, eligible, hide
from g2d.benchmark.imputation.training import Best, Phase, take, train
from g2d.benchmark.imputation.views import Views
from g2d.tasks import Task

logger = logging.getLogger(__name__)


class MMIN(PartialViewModel):
    """L = ℓ(c(codes), y) + w_f ‖t̂ - t‖² + w_b ‖ĥ - sg(h)‖², after a stage on all that is observed.

    Zhao, Li and Jin, *Missing Modality Imagination Network for Emotion Recognition with Uncertain
    Missing Modalities*, ACL 2021. Stage 1 trains encoders E_m and a classifier; a frozen copy of
    the encoders is T. In stage 2 a cascade of autoencoders goes from h = [E_m(visible x_m)] to
    t̂, which is to be t = [T_m(hidden x_m)], zero standing for what is not meant; a second one
    goes back from t̂ to ĥ. The codes of the first predict.

    Views are vectors, so each encoder is a linear layer with ReLU in place of the paper's LSTM and
    convolutions. The imagination can only be learned where the truth is known: with
    `targets="drop"` a step hides one more view of some samples that have two. Samples with nothing
    hidden skip both distances, and so does the place of a view that is absent in truth.

    Args:
        task: What is to be predicted.
        targets: `"drop"`; or `"complete"`: as in the paper, samples with all views, each under one
            of the incomplete patterns, drawn anew in each step.
        hidden_share: Which share of the samples that can have a view hidden do in a step; the
            others are seen as they are, as complete ones will be in test.
        forward_weight: w_f.
        backward_weight: w_b.
        width: Of each encoder's feature.
        blocks: Of each cascade.
        teacher_epochs: Epochs of stage 1; the learning rate falls in the second half. The paper
            has 20.
        epochs: Epochs of stage 2; the learning rate falls in the second half. The paper has 60.
        learning_rate: Adam's; the paper's is 2e-4, with its epochs.
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
        >>> method = MMIN(Classification(2), width=4, blocks=1, teacher_epochs=1, epochs=1)
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
        hidden_share: float = 0.5,
        forward_weight: float = 4.0,
        backward_weight: float = 2.0,
        width: int = 128,
        blocks: int = 5,
        teacher_epochs: int = 10,
        epochs: int = 10,
        learning_rate: float = 1e-3,
        batch_size: int = 128,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(task, device=device)
        check_targets(targets)
        check_shares(hidden_share=hidden_share)
        check_weights(
            forward_weight=forward_weight,
            backward_weight=backward_weight,
            learning_rate=learning_rate,
        )
        check_counts(1, width=width, blocks=blocks, epochs=epochs, batch_size=batch_size)
        check_counts(1, teacher_epochs=teacher_epochs)
        self.targets: Targets = targets
        self.hidden_share = hidden_share
        self.forward_weight = forward_weight
        self.backward_weight = backward_weight
        self.width = width
        self.blocks = blocks
        self.teacher_epochs = teacher_epochs
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size

    def _fit(self, train_views: Views, val: Views) -> None:
        outputs, x = self.task.outputs, self._scaled(train_views)
        presence, target = train_views.presence, train_views.target
        everything = torch.arange(len(target), device=self.device)
        if not (self.hidden_share and eligible(presence, self.targets).any()):
            logger.warning("no training sample has a view hidden; MMIN learns no imagination")

        full = FullNetwork(self.widths, outputs, self.width).to(self.device)
        best = Best(self.task, [full])
        shown_val, val_presence = self._scaled(val), val.presence

        def score_full() -> None:
            with torch.no_grad():
                logits = full(shown_val, val_presence)
            best.see(self.task.metrics(logits, val.target)[self.task.metric])

        train(
            [*full.encoders.values(), full.classifier],
            lambda rows: self.task.loss(full(take(x, rows), presence[rows]), target[rows]),
            everything,
            self._phase(self.teacher_epochs, (0.9, 0.999), clip=0.5),
            score_full,
        )
        best.restore()

        net = ImaginationNetwork(full.encoders, self.width, outputs, self.blocks).to(self.device)
        self.network = net
        best = Best(self.task, [net])

        def loss(rows: Tensor) -> Tensor:
            there = presence[rows]
            hidden = hide(there, self.targets, self.hidden_share)
            logits, forward, backward = net.losses(take(x, rows), there, hidden)
            supervised = self.task.loss(logits, target[rows])
            return supervised + self.forward_weight * forward + self.backward_weight * backward

        train(
            net.parts(),
            loss,
            everything,
            self._phase(self.epochs, (0.5, 0.999), clip=1.0),
            lambda: best.see(self._score(val)),
        )
        best.restore()

    def _logits(self, views: Views) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.network.eval()(self._scaled(views), views.presence)
        return logits

    def _phase(self, epochs: int, betas: tuple[float, float], clip: float) -> Phase:
        return Phase(
            epochs - epochs // 2, epochs // 2, self.learning_rate, self.batch_size, betas, clip
        )


class FullNetwork(nn.Module):
    """Stage 1: an encoder for each view, and a classifier of their features side by side.

    Args:
        widths: d_m of every view, in the declared order.
        outputs: Width of the logits.
        width: Of each feature.
    """

    def __init__(self, widths: Mapping[str, int], outputs: int, width: int = 128) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(d, width), nn.ReLU()) for name, d in widths.items()}
        )
        kaiming(self.encoders.modules())
        self.classifier = classifier(len(widths) * width, outputs, dropout=0.3)

    def forward(self, x: Mapping[str, Tensor], presence: Tensor) -> Tensor:
        """Logits of views `(B, d_m)`; absent ones, by `(B, k)`, are zero."""
        logits: Tensor = self.classifier(encode(self.encoders, x, presence))
        return logits


class ImaginationNetwork(nn.Module):
    """Stage 2: encoders that learn on, the two cascades, and a classifier of the codes.

    Args:
        encoders: Of stage 1. They are copied twice, to learn on and as the target.
        width: Of each feature.
        outputs: Width of the logits.
        blocks: Of each cascade.
    """

    def __init__(self, encoders: nn.ModuleDict, width: int, outputs: int, blocks: int = 5) -> None:
        super().__init__()
        self.width = width
        self.encoders = copy.deepcopy(encoders)
        self.teacher = copy.deepcopy(encoders).requires_grad_(False)
        total = len(encoders) * width
        self.there = nn.ModuleList([Cascade(total, blocks), _transition(total)])
        self.back = nn.ModuleList([Cascade(total, blocks), _transition(total)])
        self.classifier = classifier(blocks * BLOCK[-1], outputs, dropout=0.5)

    def parts(self) -> list[nn.Module]:
        """The parts that are trained, each with a gradient norm of its own."""
        return [*self.encoders.values(), self.there, self.back, self.classifier]

    def forward(self, x: Mapping[str, Tensor], presence: Tensor) -> Tensor:
        """Logits of views `(B, d_m)`; absent ones, by `(B, k)`, are zero."""
        _, codes = self.there[0](encode(self.encoders, x, presence))
        logits: Tensor = self.classifier(codes)
        return logits

    def losses(
        self, x: Mapping[str, Tensor], presence: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, and the mean squared errors of t̂ and of ĥ where something is hidden.

        Args:
            x: The views, `(B, d_m)`.
            presence: Which of them are there, bool `(B, k)`.
            hidden: Which of those are hidden, bool `(B, k)`.
        """
        visible = presence & ~hidden
        h = encode(self.encoders, x, visible)
        estimate, codes = self.there[0](h)
        imagined = self.there[1](estimate)
        returned = self.back[1](self.back[0](imagined)[0])
        with torch.no_grad():
            t = encode(self.teacher, x, hidden)
        some = hidden.any(dim=1, keepdim=True)
        # what an absent view would have been is not known
        known = (some & presence).repeat_interleave(self.width, dim=1)
        forward = _mean((imagined - t) ** 2, known)
        backward = _mean((returned - h.detach()) ** 2, some.expand_as(h))
        return self.classifier(codes), forward, backward


def encode(encoders: nn.ModuleDict, x: Mapping[str, Tensor], shown: Tensor) -> Tensor:
    """Features side by side, `(B, k width)`; an encoder sees zeros for what is not shown."""
    features = [
        encoder(x[name] * shown[:, position, None])
        for position, (name, encoder) in enumerate(encoders.items())
    ]
    return torch.cat(features, dim=1)


def _transition(width: int) -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    kaiming(layers)
    return layers


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return (values * counted).sum() / counted.sum().clamp(min=1)
