"""TATE: a transformer that gets a tag of the absent views."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from g2d.benchmark.imputation.base import PartialViewModel
from g2d.benchmark.imputation.checks import check_counts, check_shares, check_targets, check_weights
from g2d.benchmark.imputation.hiding import Targets, hide
from g2d.benchmark.imputation.tate_network import Encoded, TATENetwork, symmetric_kl, tag_error
from g2d.benchmark.imputation.training import Best, Phase, take, train
from g2d.benchmark.imputation.views import Views
from g2d.errors import UserError
from g2d.tasks import Task


class TATE(PartialViewModel):
    """L = Σ_n [ℓ + w_t KL(X, X*) + w_d KL(Y, tokens) + w_g |tag - guess|] + w_l ‖last layer‖².

    Zeng, Liu and Zhou, *Tag-assisted Multimodal Sentiment Analysis under Uncertain Missing
    Modalities*, SIGIR 2022 (arXiv 2204.13707). Every token carries a tag of the absent
    views. The encoder makes X of the tokens, the decoder Y of X. A first network, trained on
    samples as they are, gives X*; the second has views hidden and is to come to the same. KL is
    symmetric, of the softmax over features (see `TATENetwork` and `symmetric_kl`).

    A view vector is a sequence of one token; `(N, T, d)` is taken as it is, all T of them there.

    Args:
        task: What is to be predicted.
        targets: `"drop"`: a step hides one more view of some samples that have two, and X* is of
            all that the sample has; `"complete"`: X* is of samples with all views alone, learned
            from those alone, each seen under one of the incomplete patterns.
        hidden_share: Which share of the samples that can have a view hidden do in a step.
        teacher_weight: w_t.
        decoder_weight: w_d.
        tag_weight: w_g.
        penalty: w_l.
        width: Of a token; the paper has 300.
        heads: Of the attention.
        dropout: Inside the blocks.
        teacher_epochs: Epochs of the first network; the paper has 15.
        epochs: Epochs of the second; the paper has 15.
        learning_rate: Adam's.
        batch_size: Samples a step; the paper has 32.
        device: Where to compute.

    Example:
        >>> from g2d.tasks import Classification
        >>> near, far = torch.arange(8) > 2, torch.arange(8) < 6
        >>> views = Views(
        ...     features={"near": torch.randn(8, 3), "far": torch.randn(8, 5)},
        ...     present={"near": near, "far": far},
        ...     target=torch.arange(8) % 2,
        ... )
        >>> method = TATE(Classification(2), width=8, teacher_epochs=1, epochs=1)
        >>> method.fit(views, views, seed=0)
        >>> method.logits(views).shape
        torch.Size([8, 2])
    """

    takes_tokens = True
    restores = True

    def __init__(
        self,
        task: Task,
        *,
        targets: Targets = "drop",
        hidden_share: float = 0.5,
        teacher_weight: float = 0.1,
        decoder_weight: float = 0.1,
        tag_weight: float = 0.1,
        penalty: float = 1e-5,
        width: int = 128,
        heads: int = 4,
        dropout: float = 0.2,
        teacher_epochs: int = 6,
        epochs: int = 6,
        learning_rate: float = 1e-3,
        batch_size: int = 128,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(task, device=device)
        check_targets(targets)
        check_shares(hidden_share=hidden_share, dropout=dropout)
        check_weights(
            teacher_weight=teacher_weight,
            decoder_weight=decoder_weight,
            tag_weight=tag_weight,
            penalty=penalty,
            learning_rate=learning_rate,
        )
        check_counts(1, teacher_epochs=teacher_epochs, epochs=epochs, batch_size=batch_size)
        check_counts(1, width=width, heads=heads)
        if width % heads:
            raise UserError(f"width is {width} and heads {heads}; the heads must divide the width")
        self.targets: Targets = targets
        self.hidden_share = hidden_share
        self.teacher_weight = teacher_weight
        self.decoder_weight = decoder_weight
        self.tag_weight = tag_weight
        self.penalty = penalty
        self.width = width
        self.heads = heads
        self.dropout = dropout
        self.teacher_epochs = teacher_epochs
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size

    def _fit(self, train_views: Views, val: Views) -> None:
        x, presence = self._scaled(train_views), train_views.presence
        target = train_views.target
        everything = torch.arange(len(target), device=self.device)
        taught = presence.all(dim=1) if self.targets == "complete" else presence.any(dim=1)
        teacher, student = self._new_network(), self._new_network()

        def as_they_are(rows: Tensor) -> Tensor:
            there = presence[rows]
            return self._loss(teacher, teacher(take(x, rows), there), there, target[rows])

        def with_hidden_views(rows: Tensor) -> Tensor:
            there, shown = presence[rows], take(x, rows)
            visible = there & ~hide(there, self.targets, self.hidden_share)
            out: Encoded = student(shown, visible)
            loss = self._loss(student, out, visible, target[rows])
            if not self.teacher_weight:
                return loss
            with torch.no_grad():
                truth: Encoded = teacher(shown, there)
            distance = symmetric_kl(out.encoded, truth.encoded) * taught[rows]
            return loss + self.teacher_weight * distance.sum()

        if self.teacher_weight and taught.any():
            self._train(teacher, as_they_are, everything[taught], self.teacher_epochs, val)
        self._train(student, with_hidden_views, everything, self.epochs, val)

    def _loss(self, network: TATENetwork, out: Encoded, visible: Tensor, target: Tensor) -> Tensor:
        """All terms but that of X*, the sum over samples."""
        each = (
            self.task.losses(out.logits, target)
            + self.decoder_weight * symmetric_kl(out.decoded, out.tokens)
            + self.tag_weight * tag_error(out.tag_guess, visible)
        )
        return each.sum() + self.penalty * network.penalty()

    def _train(
        self,
        network: TATENetwork,
        loss: Callable[[Tensor], Tensor],
        rows: Tensor,
        epochs: int,
        val: Views,
    ) -> None:
        self.network = network
        best = Best(self.task, [network])
        phase = Phase(epochs, learning_rate=self.learning_rate, batch_size=self.batch_size)
        train([network], loss, rows, phase, lambda: best.see(self._score(val)))
        best.restore()

    def _new_network(self) -> TATENetwork:
        network = TATENetwork(self.widths, self.task.outputs, self.width, self.heads, self.dropout)
        return network.to(self.device)

    def _logits(self, views: Views) -> Tensor:
        with torch.no_grad():
            out: Encoded = self.network.eval()(self._scaled(views), views.presence)
        return out.logits
