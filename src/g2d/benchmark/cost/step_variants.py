"""Joint training and G²D on a few batches, step by step, to be measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from g2d.batch import Batch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.settings import TrainingSettings
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.build import architecture, build_student, without_pretrained
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Component, Recipe
from g2d.recipes.settings import training_settings
from g2d.tasks import Task
from g2d.teachers.bank import OnlineTeachers, TeacherBank
from g2d.teachers.cache import CachedTeachers

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

Step = Callable[[int], Tensor]

JOINT = "joint training"
ONLINE, CACHED = "G²D with online teachers", "G²D with cached teachers"
VARIANTS = (JOINT, ONLINE, CACHED)
# The joint stage: every encoder learns in every step.
_G2D: Component = {"name": "g2d", "schedule": 0}


@dataclass(frozen=True)
class Workload:
    """Model, batches and settings of the steps that are measured.

    Attributes:
        recipe: Encoders, fusion and training settings; its method is not used.
        modalities: In the declared order.
        task: What is predicted.
        batches: Taken in turn; their `index` is a row of the cache.
        cache: Folder of a teacher cache for these batches.
        key: Of the cache.
    """

    recipe: Recipe
    modalities: tuple[str, ...]
    task: Task
    batches: Sequence[Batch]
    cache: Path
    key: str

    @property
    def settings(self) -> TrainingSettings:
        """On one device, whatever the recipe has."""
        return replace(training_settings(self.recipe), devices=1)

    def teachers(self) -> dict[str, UnimodalModel]:
        """New teachers; the time of a step does not depend on what they know."""
        recipe = without_pretrained(self.recipe)
        torch.manual_seed(recipe.seed)
        models = architecture(recipe, self.modalities)
        return {name: models.teacher(name, self.task) for name in self.modalities}

    def step(self, variant: str, fabric: Fabric) -> Step:
        """A function that makes one step of a variant on the n-th batch and gives its loss."""
        method_of: Component = "joint" if variant == JOINT else _G2D
        recipe = without_pretrained(self.recipe).with_method(method_of)
        plan = plan_method(recipe, self.modalities)
        torch.manual_seed(recipe.seed)
        model = build_student(recipe, self.modalities, self.task)
        confidence = dict.fromkeys(self.modalities, 0.5)
        method = plan.make(model, self.task, self._bank(variant, fabric), confidence)
        settings = self.settings
        optimizer = settings.make_optimizer(method.parameter_groups())
        student, stepper = cast("tuple[_FabricModule, Optimizer]", fabric.setup(model, optimizer))
        method.on_fit_start(
            FabricLoop(fabric, student, stepper, settings.clip_norm, settings.epochs, None)
        )
        student.train()
        method.on_epoch_start(0)
        there = [batch.to(fabric.device) for batch in self.batches]

        def step(number: int) -> Tensor:
            # a batch of its own, since online teachers run on the same one only once
            return method.step(replace(there[number % len(there)]))

        return step

    def _bank(self, variant: str, fabric: Fabric) -> TeacherBank | None:
        if variant == JOINT:
            return None
        if variant == CACHED:
            return CachedTeachers(self.cache, self.key, self.task)
        models = {name: model.to(fabric.device) for name, model in self.teachers().items()}
        return OnlineTeachers(models, self.task)


def synchronise(fabric: Any) -> None:
    """Waits for the device's queue, where it has one."""
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()
