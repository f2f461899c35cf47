"""AUG: a modality that lags behind is given one more classifier, which learns what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.functional.losses import aug_objective
from g2d.functional.present import mean_over_present, sum_over_present
from g2d.methods.alternating import Alternating, Gradients
from g2d.methods.base import check_weight
from g2d.methods.heads.aug import GrowingClassifiers
from g2d.methods.loop import Loop
from g2d.methods.parts import weighed
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, Task


class AUG(Alternating):
    """Trains the modalities in turn; the least confident gets one more classifier at times.

    L_m = ℓ(z_m) + ℓ(z_m - z_{m,n}) + (1 - λ p) ℓ(z_{m,n}),   z_m = Σ_{i ≤ n} z_{m,i},

    with z_{m,n} the youngest of the n classifiers of modality m and p the probability that those
    before it give to the right class; the first term alone where n = 1. Every few epochs the
    modality of the lowest s_m, the mean probability of the right class over an epoch, gets one
    classifier more, if the highest is above (1 + σ) times its own. Jiang, Huang and Yang,
    *Rethinking Multimodal Learning from the Perspective of Mitigating Classification Ability
    Disproportion*, NeurIPS 2025 (arXiv 2502.20120), from the authors' code. The classifiers share
    their output layer over all modalities (`GrowingClassifiers`).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted, a classification.
        discount: λ, between 0 and 1; how much less is learned of what is known already.
        tolerance: σ, how far ahead the first may be of the last.
        every: Epochs between two classifiers; `None` for a tenth of the training.
        most: Classifiers that one modality can have.
        hidden: Width of their hidden layers.
        trained: Whether the hidden layers that are added learn; in the published code the
            optimizer does not hold them.
        fixed: A weight for each modality in the fused prediction; equal when not given.

    Raises:
        UserError: An option makes no sense.

    Example:
        >>> import torch, g2d
        >>> widths, _ = {"sound": 4, "image": 4}, torch.manual_seed(3)
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = AUG(model, g2d.Classification(2))
        >>> optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        >>> method.on_fit_start(g2d.Loop(optimizer, epochs=3))
        >>> inputs = {"sound": torch.ones(2, 3), "image": torch.zeros(2, 3)}
        >>> for epoch in range(3):
        ...     method.on_epoch_start(epoch)
        ...     loss = method.step(g2d.Batch(inputs, torch.tensor([0, 0]), torch.arange(2)))
        ...     print({name: method.fusion.classifiers(name) for name in widths})
        {'sound': 1, 'image': 1}
        {'sound': 1, 'image': 2}
        {'sound': 1, 'image': 3}
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"released": {"trained": False}}
    tasks = (Classification,)
    kept = ("_seen",)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        discount: float = 0.5,
        tolerance: float = 0.01,
        every: int | None = None,
        most: int = 11,
        hidden: int = 256,
        trained: bool = True,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(student, task)
        if not 0 <= discount <= 1:
            raise UserError(f"discount must be between 0 and 1, got {discount}")
        check_weight("tolerance", tolerance)
        if every is not None and every < 1:
            raise UserError(f"every must be 1 or more, got {every}")
        self.discount = discount
        self.tolerance = tolerance
        self.every = every
        self.trained = trained
        self.fusion = self.student.need_fusion(
            "AUG", GrowingClassifiers, hidden=hidden, most=most, fixed=fixed
        )
        # By modality the sum of the confidences of this epoch, and of how many samples.
        self._seen: Tensor | None = None

    def on_fit_start(self, loop: Loop) -> None:
        """Sets the epochs at which classifiers are added."""
        super().on_fit_start(loop)
        self._interval = self.every or max(1, loop.epochs // 10)

    def begin_epoch(self, epoch: int) -> None:
        """After the first epoch, and after every few, gives the modality behind a classifier."""
        if epoch and (epoch == 1 or epoch % self._interval == 0) and self._seen is not None:
            sums, counts = self._seen.double().cpu().unbind(dim=1)
            scores = dict(zip(self.student.modalities, (sums / counts).tolist(), strict=True))
            known = {name: score for name, score in scores.items() if score == score}
            if known:
                last = min(known, key=known.__getitem__)
                if max(known.values()) > (1 + self.tolerance) * known[last]:
                    self.fusion.grow(last)
        self._seen = None

    def trained_with(self, name: str) -> list[nn.Parameter]:
        """The shared output layer and the modality's hidden layers."""
        layers = self.fusion.layers_of(name)
        if not self.trained:
            del layers[1:]
        modules = (self.fusion.output, *layers)
        return [p for module in modules for p in module.parameters() if p.requires_grad]

    def loss_of_turn(self, name: str, batch: Batch) -> tuple[Tensor, Tensor]:
        """Adds the losses of the sum, of the sum without its newest classifier, and of that one."""
        feature = self.student.encode(name, batch.input_of(name))
        terms = self.fusion.terms(name, feature)
        mask = batch.present.get(name)
        confidence = self.task.confidence(terms.detach().sum(dim=0), batch.target)
        losses = aug_objective(self.task, terms, batch.target, self.discount)
        loss = weighed(mean_over_present(losses, mask), batch, name)
        return loss, sum_over_present(confidence, mask)

    def changed(self, name: str, gradients: Gradients, sums: Tensor) -> Gradients:
        """The gradients as they are; remembers how confident the modality was."""
        total = sum_over_ranks(sums)
        if self._seen is None:
            self._seen = total.new_zeros(len(self.student.modalities), 2)
        self._seen[self.student.modalities.index(name)] += total
        return gradients
