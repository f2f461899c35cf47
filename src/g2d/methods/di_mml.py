"""DI-MML: encoders that learn apart and teach each other single dimensions; fused afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.dimensions import dimension_contrast, effective_dimensions, nearest_class
from g2d.methods.base import Method, check_weight
from g2d.methods.checks import no_single_loss
from g2d.methods.heads.di_mml import DetachedFusion
from g2d.methods.parts import parts_of_step
from g2d.methods.unimodal import loss_of_present
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, Task


class DIMML(Method):
    """Trains each encoder by its own loss and a contrastive one, then a fused head alone.

    L = Σ_m [l(c_m(f_m)) + w l(c_sh(f_m))] + L_DUC; then a fused head alone, all else at rest.

    Fan, Xu, Wang, Liu and Guo, *Detached and Interactive Multimodal Learning*, ACM MM 2024 (arXiv
    2407.19514). L_DUC, from an epoch on, is a contrastive loss from each modality to each other,
    on those dimensions that tell the classes apart in the first and not in the second.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        shared_weight: w, of the head that all modalities share.
        contrast_from: From which share of the epochs on there is L_DUC; the dimensions are
            chosen once, then. Never with 1.
        contrast_temperature: T of L_DUC, whose features are not normalised.
        fusion_share: Which share of the epochs, the last, is stage 2.
        certainty_temperature: T of the prediction's weights (see `DetachedFusion`).

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = g2d.DIMML(model, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    tasks = (Classification,)
    one_loss = False
    kept = ("_effective",)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        shared_weight: float = 1.0,
        contrast_from: float = 0.12,
        contrast_temperature: float = 10.0,
        fusion_share: float = 0.12,
        certainty_temperature: float = 1.0,
    ) -> None:
        super().__init__(student, task)
        check_weight("shared_weight", shared_weight)
        check_weight("contrast_temperature", contrast_temperature, above=0)
        check_weight("certainty_temperature", certainty_temperature, above=0)
        for name, share in (("contrast_from", contrast_from), ("fusion_share", fusion_share)):
            if not 0 <= share <= 1:
                raise UserError(f"{name} is a share of the epochs, expected 0 to 1, got {share}")
        self.shared_weight = shared_weight
        self.contrast_from = contrast_from
        self.contrast_temperature = contrast_temperature
        self.fusion_share = fusion_share
        self.fusing = False
        self.fusion = self.student.need_fusion(
            "DI-MML", DetachedFusion, temperature=certainty_temperature
        )
        self._effective: dict[str, Tensor] = {}

    def begin_epoch(self, epoch: int) -> None:
        """Chooses the dimensions, once; in stage 2 sets everything but the fused head at rest."""
        epochs = self.loop.epochs
        last = max(1, round(self.fusion_share * epochs)) if self.fusion_share else 0
        self.fusing = epoch >= epochs - last
        if self.fusing:
            self.fusion.fused_takes_part.fill_(True)
            for group in self.loop.optimizer.param_groups:
                # the fused head begins here, and so does its learning rate
                group["lr"] = group.get("initial_lr", group["lr"])
            for name in self.student.modalities:
                for module in self.student.encoder_modules(name):
                    module.eval()
            return
        begins = max(1, round(self.contrast_from * epochs)) if self.contrast_from else 0
        if epoch >= begins and self.contrast_from < 1 and not self._effective:
            self._effective = self.effective_dimensions()
        self._effective = {n: dims.to(self.student.device) for n, dims in self._effective.items()}

    def active(self) -> frozenset[str] | None:
        """All modalities; none in stage 2."""
        return frozenset() if self.fusing else None

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Raises an error: this method has no single loss.

        Raises:
            UserError: Always.
        """
        raise no_single_loss(type(self).__name__)

    def step(self, *batches: Batch) -> Tensor:
        """Makes one step on the loss of the stage, of the parameters that the stage trains."""
        size = sum(len(batch) for batch in batches)
        parameters = self._trained()
        total: Tensor | None = None
        gradients: list[Tensor | None] = [None] * len(parameters)
        for batch in parts_of_step(batches):
            loss = self._fused_loss(batch) if self.fusing else self._detached_loss(batch)
            loss = loss * (len(batch) / size)
            gradients = gates.added(gradients, self.loop.gradients(loss, parameters))
            total = loss.detach() if total is None else total + loss.detach()
        gates.assign(parameters, gradients)
        self.loop.update()
        assert total is not None
        return total

    def stage(self) -> str:
        """The epoch's name in records: `apart`, then `fusing`."""
        return "fusing" if self.fusing else "apart"

    def effective_dimensions(self) -> dict[str, Tensor]:
        """Which dimensions of a modality tell the classes apart better than its others do.

        The accuracy of a dimension is that of the nearest class mean, along it alone, over the
        training samples that have the modality.
        """
        names, classes, width = self.fusion.modalities, self.task.outputs, self.fusion.width
        sums = {name: torch.zeros(classes, width, dtype=torch.float64) for name in names}
        counts = {name: torch.zeros(classes, 1, dtype=torch.float64) for name in names}
        for name, features, target in self._look():
            sums[name].index_add_(0, target, features)
            counts[name] += target.bincount(minlength=classes)[:, None]
        means = {name: sums[name] / counts[name] for name in names}
        right = {name: torch.zeros(width, dtype=torch.float64) for name in names}
        for name, features, target in self._look():
            right[name] += (nearest_class(means[name], features) == target[:, None]).sum(dim=0)
        accuracy = torch.stack([right[name] / counts[name].sum().clamp(min=1) for name in names])
        # Batch norm may have seen other samples on each process: they agree here.
        accuracy = sum_over_ranks(accuracy)
        return dict(zip(names, effective_dimensions(accuracy), strict=True))

    def _look(self) -> Any:
        """Modality, features and targets of those who have it, batch after batch, on the CPU."""
        with self.eval_mode():
            for batch in self.loop.iter_train():
                for name, value in self._features(batch).items():
                    there = batch.mask(name).cpu()
                    yield name, value.cpu().double()[there], batch.target.cpu()[there]

    def _features(self, batch: Batch) -> dict[str, Tensor]:
        student = self.student
        encoded = {n: student.encode(n, batch.input_of(n)) for n in student.modalities}
        return self.fusion.align(encoded, batch.present)

    def _detached_loss(self, batch: Batch) -> Tensor:
        with self.precision():
            features = self._features(batch)
            own = self.fusion.read(features, batch.present)
            shared = self.fusion.read_shared(features, batch.present)
        terms = []
        for name in own:
            terms.append(loss_of_present(self.task, own[name], batch, name))
            if self.shared_weight:
                loss = loss_of_present(self.task, shared[name], batch, name)
                terms.append(self.shared_weight * loss)
        if self._effective:
            terms.append(contrast(features, self._effective, batch, self.contrast_temperature))
        return torch.stack(terms).sum()

    def _fused_loss(self, batch: Batch) -> Tensor:
        with self.precision():
            logits = self.student.outputs_of(batch)[0].logits
        return self.task.loss(logits, batch.target)

    def _trained(self) -> list[nn.Parameter]:
        fused = list(self.fusion.fused.parameters())
        if self.fusing:
            return fused
        rest = {id(parameter) for parameter in fused}
        learning = (p for p in self.student.parameters() if p.requires_grad)
        return [p for p in learning if id(p) not in rest]


def contrast(
    features: Mapping[str, Tensor],
    effective: Mapping[str, Tensor],
    batch: Batch,
    temperature: float,
) -> Tensor:
    """The contrastive loss L_DUC of a batch."""
    return dimension_contrast(
        list(features.values()),
        [effective[name] for name in features],
        [batch.present.get(name) for name in features],
        temperature,
    )
