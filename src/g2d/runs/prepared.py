"""What a run has before its own training: its teachers, its student, its members."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from g2d.methods.base import Method
from g2d.models.multimodal import MultimodalModel
from g2d.recipes.blending import BLEND
from g2d.recipes.experiment import Experiment
from g2d.runs.blending import Blended, train_members
from g2d.runs.run import Run
from g2d.runs.stages import fit_stages
from g2d.runs.taught import Taught, prepare_teachers
from g2d.shallow.network import fit_network

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Prepared:
    """All objects that a run needs before the student is trained.

    Attributes:
        student: The run's model.
        method: By which it is trained; none where the student is put together of trained models.
        taught: Its teachers, where the method has any.
        blended: Its members, where it is a blend.
    """

    student: MultimodalModel
    method: Method | None = None
    taught: Taught | None = None
    blended: Blended | None = None


def prepare(
    experiment: Experiment, run: Run, out: Path, fabric: Fabric, train: Callable[..., Path]
) -> Prepared:
    """Trains or finds what a run is built on, and makes its model.

    Args:
        experiment: Resolved.
        run: Begun, where it is a blend.
        out: Folder of teachers and caches.
        fabric: The devices.
        train: Trains a recipe into a folder of runs, for the members of a blend.

    Raises:
        UserError: A teacher or a member cannot be trained, or a cache is of other teachers.
    """
    plan, splits = experiment.plan, experiment.splits
    taught = None
    if plan.needs_teachers:
        taught = prepare_teachers(experiment.teaching, plan, run, out, fabric)
    if plan.trains:
        student, method = _new_student(experiment, taught)
        return Prepared(student, method, taught)
    if plan.label == BLEND:
        shared = None if taught is None else out
        blended = train_members(run, experiment, partial(train, fabric=fabric, shared=shared))
        fabric.barrier()  # before the first process removes what the others read
        return Prepared(blended.model, None, taught, blended)
    if taught is not None:
        return Prepared(taught.ensemble(plan), None, taught)
    student = experiment.models.student(splits.spec.task)
    fit_network(student, splits, plan.label)
    return Prepared(student)


def _new_student(experiment: Experiment, taught: Taught | None) -> tuple[MultimodalModel, Method]:
    """A student whose first weights depend on the seed alone, so that methods are comparable."""
    plan, task = experiment.plan, experiment.splits.spec.task
    torch.manual_seed(experiment.recipe.seed)
    student = experiment.models.student(task)
    if taught is None:
        return student, plan.make(student, task, None, None)
    ranking = taught.ranking(plan)
    training = experiment.training
    steps = math.ceil(
        len(experiment.splits.train)
        / (training.batch_size * training.accumulate * training.devices)
    )
    plan = fit_stages(plan, ranking, taught.heldout.at_chance(), steps)
    method = plan.make(student, task, taught.bank, ranking)
    if plan.init != "random":
        taught.begin(student, plan)
    return student, method
