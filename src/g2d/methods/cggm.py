"""CGGM: the encoder whose classifier improves less gets the larger gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.modulation import cggm_balance
from g2d.methods.base import Method, check_weight
from g2d.methods.unimodal import Measure, Scores, unimodal_losses
from g2d.models.fusion import ConcatFusion, UnimodalHeads
from g2d.student.base import Student
from g2d.tasks import Classification, MultiLabel, Task


class CGGM(Method):
    """Gives the larger gradient to the modality whose own classifier improves less.

    g_m ← ρ B_m g_m, and the output layer turned towards the classifiers of those that lag.

    A linear classifier f_m learns beside the model from each encoder's feature and sends it no
    gradient. With ε_m its accuracy in a step (of classes in order how near its predictions are) and
    Δ_m what it gained since the step before,

        B_m = Σ_{j≠m} Δ_j / Σ_j Δ_j,   L = ℓ(z, y) + λ/k Σ_m (|B_m| - B_m cos(W_m, V_m)),

    W_m the weights of the classifier, V_m those of the output layer that read the feature m, and B
    in L that of the step before. Guo, Jin, Chen and Zhao, *Classifier-guided Gradient Modulation
    for Enhanced Multimodal Learning*, NeurIPS 2024 (arXiv 2411.01409), from the authors' code.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        rho: ρ, of the size of the gradients; `None` leaves it as it is.
        direction: λ; `None` is 0.2 where the output layer is known (late, sum and concat fusion,
            an attached model with linear heads of its own), else 0.
        bounded: Whether B is kept between 0 and 1.

    Raises:
        UserError: A direction is asked for, and the output layer is not known.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.CGGM(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "released": {"bounded": False},
        "off": {"rho": None, "direction": 0.0},
    }
    scales_gradients: ClassVar[bool] = True
    kept = ("_accuracy", "_balance")

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        rho: float | None = 1.3,
        direction: float | None = None,
        bounded: bool = True,
    ) -> None:
        super().__init__(student, task)
        for name, value in {"rho": rho, "direction": direction}.items():
            if value is not None:
                check_weight(name, value)
        known = self.student.has_branches or _concat(self.student) is not None
        if direction and not known:
            raise UserError(
                "the layer that turns the features into logits is not known, so it cannot be "
                "turned; set direction to 0, use late, sum or concat fusion, or attach the model "
                "with its heads: g2d.attach(..., heads=...)"
            )
        self.rho = rho
        self.direction = direction if direction is not None else 0.2 if known else 0.0
        self.bounded = bounded
        self._scores = Scores(task, _accuracy_of(task))
        k = len(self.student.modalities)
        self._accuracy, self._balance = torch.zeros(k), torch.full((k,), torch.nan)
        if self.modulating:
            self.student.need_unimodal_logits(task.outputs, detached=True, own=True)

    @property
    def modulating(self) -> bool:
        """Whether these options change any gradient."""
        return self.rho is not None or self.direction > 0

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss, the classifiers', and that of the direction."""
        loss = super().objective(outputs, batch)
        if not self.modulating:
            return loss
        self._scores.add(outputs, batch)
        losses = unimodal_losses(self.task, outputs, batch)
        loss = loss + torch.stack(list(losses.values())).sum()
        if self.direction:
            balance = self._balance.to(loss.device).nan_to_num(0.0)  # nan before the first step
            turned = balance.abs() - balance * self._cosines()
            loss = loss + self.direction * turned.mean()
        return loss

    def modify_gradients(self) -> None:
        """Multiplies the gradient of every encoder by ρ B_m."""
        if not self.modulating:
            return
        read = self._scores.read()
        accuracy = torch.stack([read[name] for name in self.student.modalities])
        before = self._accuracy.to(accuracy.device)
        accuracy = torch.where(accuracy.isfinite(), accuracy, before)
        self._balance, self._accuracy = cggm_balance(accuracy - before, self.bounded), accuracy
        if self.rho is None:
            return
        for name, factor in zip(self.student.modalities, self._balance, strict=True):
            gates.scale(self.student.encoder_parameters(name), self.rho * factor)

    def stage(self) -> str:
        """The epoch's name in records: whether gradients are modulated."""
        return "modulated" if self.modulating else "joint"

    def _cosines(self) -> Tensor:
        """The cosine of every classifier's weights and the output layer's, `(k,)`."""
        classifiers = self.student.added_heads
        assert classifiers is not None
        found = []
        for name in self.student.modalities:
            weight = classifiers[name].weight
            assert isinstance(weight, Tensor)
            output = _output_weight(self.student, name, weight)
            found.append(cosine_similarity(weight.detach().flatten(), output.flatten(), dim=0))
        return torch.stack(found)


def _accuracy_of(task: Task) -> Measure | None:
    """How right predictions are, from 0 to 1; the confidence where they are numbers.

    Of classes 1 for the right one, else 0; of classes in order how near the prediction is, 0 at the
    other end; of labels the share that is right.
    """
    if isinstance(task, MultiLabel):
        return task.terms
    if not isinstance(task, Classification):
        return None
    if task.metric == "mae":
        farthest = task.outputs - 1
        return lambda logits, target: 1 - task.terms(logits, target) / farthest
    return lambda logits, target: (task.predict(logits) == target).float()


def _concat(student: Student) -> ConcatFusion | None:
    fusion = getattr(student.net, "fusion", None)
    fusion = fusion.fusion if isinstance(fusion, UnimodalHeads) else fusion
    if isinstance(fusion, ConcatFusion) and fusion.modalities == student.modalities:
        return fusion
    return None


def _output_weight(student: Student, modality: str, like: Tensor) -> Tensor:
    """The weights that read this modality's feature in the output layer, of one shape with `like`.

    Raises:
        UserError: The head that the model was attached with is not linear.
    """
    if (fusion := _concat(student)) is not None:
        blocks = torch.split(fusion.head.weight, list(fusion.widths.values()), dim=1)
        return blocks[fusion.modalities.index(modality)]
    others = {id(like), *map(id, student.encoder_parameters(modality))}
    for parameter in student.branch_parameters(modality):
        if id(parameter) not in others and parameter.shape == like.shape:
            return parameter
    raise UserError(
        f"the head of {modality!r} is not one linear layer from its feature to "
        f"{like.shape[0]} logits, so it cannot be turned; set direction to 0"
    )
