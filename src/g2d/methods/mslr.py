"""MSLR: every modality has a learning rate of its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from torch import nn

from g2d.errors import UserError, check_choice
from g2d.functional.modulation import mslr_ratio
from g2d.gates import scale
from g2d.methods.base import Method, check_weight
from g2d.student.base import Student
from g2d.tasks import Task

logger = logging.getLogger(__name__)

Strategy = Literal["keep", "dynamic"]
Target = Literal["rate", "gradient"]


class MSLR(Method):
    """Gives each modality a learning rate of its own.

    η_m(e) = η(e) c_m r_m(e), a learning rate for each modality.

    Yao and Mihalcea, *Modality-specific Learning Rates for Effective Multimodal Additive
    Late-fusion*, Findings of ACL 2022 (doi 10.18653/v1/2022.findings-acl.143). c_m is given; r_m
    is 1, or the modality's last validation accuracy over the mean of those before.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        strategy: `"keep"` leaves r_m at 1, `"dynamic"` follows validation.
        rates: c_m of the modalities in which it is not 1.
        history: K, how many earlier epochs the last is held against; until there are so many,
            r_m = 1.
        bounds: Within which r_m stays.
        target: What is multiplied: the learning `"rate"`, or the `"gradient"`, as in the baseline
            of AGM's code; with plain SGD and no weight decay both are the same.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "picture": 4}
        >>> model = g2d.MultimodalModel(
        ...     {name: torch.nn.Linear(3, 4) for name in widths}, g2d.LateFusion(widths, outputs=2)
        ... )
        >>> method = MSLR(model, g2d.Classification(2), rates={"sound": 2.0})
        >>> optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        >>> method.on_fit_start(g2d.Loop(optimizer))
        >>> method.on_epoch_start(0)
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.2, 0.1]
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"strategy": "keep", "rates": None}
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        strategy: Strategy = "dynamic",
        rates: Mapping[str, float] | None = None,
        history: int = 5,
        bounds: tuple[float, float] = (0.1, 10.0),
        target: Target = "rate",
    ) -> None:
        super().__init__(student, task)
        check_choice("strategy", strategy, get_args(Strategy))
        check_choice("target", target, get_args(Target))
        for name, rate in (rates or {}).items():
            check_weight(f"rates.{name}", rate, above=0)
        if history < 1:
            raise UserError(f"history must be 1 or more, got {history}")
        if len(bounds) != 2 or not 0 < bounds[0] <= 1 <= bounds[1]:
            raise UserError(
                f"bounds are a lowest ratio above 0 and a highest, with 1 between, got {bounds}"
            )
        self.strategy: Strategy = strategy
        self.rates = {name: float(rate) for name, rate in (rates or {}).items()}
        self.history = history
        self.bounds = (float(bounds[0]), float(bounds[1]))
        self.target: Target = target
        self._before: dict[str, list[float]] = {}
        self._ratio: dict[str, float] = {}

    @property
    def differs(self) -> bool:
        """Whether any rate can differ from the loop's."""
        return self.strategy == "dynamic" or any(rate != 1 for rate in self.rates.values())

    def parameter_groups(self) -> list[dict[str, Any]]:
        """First what the modalities share (there may be nothing), then a group for each."""
        unknown = set(self.rates) - set(self.student.modalities)
        if unknown:
            raise UserError(
                f"rates is given for {sorted(unknown)}, and the modalities are "
                f"{list(self.student.modalities)}; use their names"
            )
        if not self.differs or self.target == "gradient":
            return super().parameter_groups()
        student = self.student
        scopes = [_scope(student, name) for name in student.modalities]
        own = {id(parameter) for scope in scopes for parameter in scope}
        shared = [parameter for parameter in student.parameters() if id(parameter) not in own]
        return [{"params": shared}, *({"params": scope} for scope in scopes)]

    def begin_epoch(self, epoch: int) -> None:
        """Sets the rates of the epoch, from that of the first group."""
        if not self.differs or self.target == "gradient":
            return
        base, *groups = self.loop.optimizer.param_groups
        modalities = self.student.modalities
        if len(groups) != len(modalities):
            raise UserError(
                f"the optimizer has {len(groups) + 1} groups of parameters, expected "
                f"{len(modalities) + 1}; make it from method.parameter_groups()"
            )
        for name, group in zip(modalities, groups, strict=True):
            group["lr"] = base["lr"] * self.factor(name)

    def factor(self, modality: str) -> float:
        """c_m r_m, what the rate of a modality is multiplied by now."""
        return self.rates.get(modality, 1.0) * self._ratio.get(modality, 1.0)

    def modify_gradients(self) -> None:
        """Multiplies gradients in the place of rates, if that is asked for."""
        if self.differs and self.target == "gradient":
            for name in self.student.modalities:
                scale(_scope(self.student, name), self.factor(name))

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """r_m = a_m / mean of the K before."""
        if self.strategy == "keep":
            return
        quality = self._quality(metrics)
        if not quality:
            logger.warning(
                "MSLR follows what each modality's unimodal logits reach on validation, and the "
                "metrics are of the fused prediction alone, so the rates stay; attach the model "
                "with heads=..., or use strategy 'keep'"
            )
        for name, value in quality.items():
            before = self._before.setdefault(name, [])
            if len(before) == self.history:
                self._ratio[name] = mslr_ratio(value, before, self.bounds)
            self._before[name] = [*before, value][-self.history :]

    def stage(self) -> str:
        """The epoch's name in records: the factor of each learning rate."""
        found = {name: self.factor(name) for name in {**self.rates, **self._ratio}}
        changed = [f"{name} ×{value:.2f}" for name, value in found.items() if value != 1]
        return ", ".join(changed) if changed else "joint"

    def state_dict(self) -> dict[str, Any]:
        """The accuracies of the last epochs and the ratios they led to."""
        return {
            "before": {name: list(values) for name, values in self._before.items()},
            "ratio": dict(self._ratio),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the accuracies and the ratios."""
        self._before = {name: list(values) for name, values in state["before"].items()}
        self._ratio = dict(state["ratio"])

    def _quality(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """a_m, higher where better: the task's metric, or the inverse of the loss."""
        if self.task.higher_is_better:
            found = {name: float(value) for name, value in metrics[self.task.metric].items()}
        else:
            found = {name: 1 / max(float(value), 1e-12) for name, value in metrics["loss"].items()}
        found.pop("fused", None)
        return {name: value for name, value in found.items() if math.isfinite(value)}


def _scope(student: Student, modality: str) -> list[nn.Parameter]:
    """The encoder, and the modality's own head where there is one."""
    if student.has_branches:
        return student.branch_parameters(modality)
    return student.encoder_parameters(modality)
