"""One run, from a recipe to a finished folder."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from g2d.data.loader import limit, make_loader
from g2d.data.splits import Splits
from g2d.engine.checkpoint import save_weights
from g2d.engine.gradient_probe import PROBED, GradientProbe
from g2d.engine.loop import fit
from g2d.engine.names import check_run_name
from g2d.engine.session import FitResult
from g2d.methods.base import Method
from g2d.methods.validation import FUSED
from g2d.models.multimodal import MultimodalModel
from g2d.models.readout import fit_readout
from g2d.ranks import first_process
from g2d.recipes.blending import BLEND
from g2d.recipes.build import describe_model
from g2d.recipes.experiment import Experiment, resolve
from g2d.recipes.missing import save_masks
from g2d.recipes.recipe import Recipe
from g2d.runs.blending import Blended, forget_members, train_members
from g2d.runs.environment import environment
from g2d.runs.experts import in_words
from g2d.runs.floors import CALIBRATION, measure_floors, shallow_floors
from g2d.runs.loaders import evaluation_loader, iter_train, to_device, train_loader
from g2d.runs.lock import alone_in
from g2d.runs.measuring import measure, settled, uneven
from g2d.runs.places import run_name
from g2d.runs.run import Run
from g2d.runs.same import check_folder
from g2d.runs.stages import fit_stages
from g2d.runs.taught import Taught, prepare_teachers
from g2d.runs.together import can_blend, with_teachers
from g2d.shallow.network import fit_network

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    name: str | None = None,
    splits: Splits | None = None,
    fabric: Fabric | None = None,
    floors: bool = True,
    experts: Mapping[str, Any] | None = None,
    shared: Path | None = None,
) -> Path:
    """Trains what a recipe describes: teachers if the method needs them, then the student.

    Everything that can be wrong with the recipe or the data is found before the first file is
    written.

    Args:
        recipe: What to train.
        out: Folder of runs; teachers and caches are shared there.
        resume: Go on with an unfinished run; a finished one is left as it is.
        name: Of the run's folder; made of dataset, method and seed when not given.
        splits: The data, where it is open already; `without_test()` leaves test unmeasured.
        fabric: The devices, where they are started already.
        floors: Whether predictors without a network stand beside it, for a table of one's own.
        experts: By modality estimators of scikit-learn that teach; in the place of those that the
            recipe says in words.
        shared: Folder of teachers and caches; `out` when not given.

    Returns:
        The run folder.

    Raises:
        UserError: The recipe or the data cannot be used, or the run exists.
    """
    if name is not None:
        check_run_name(name, "--name")
    if experts:
        recipe = replace(recipe, experts={name: in_words(one) for name, one in experts.items()})
    experiment = resolve(recipe, splits, experts)
    settings, plan = experiment.training, experiment.plan
    if settings.probe_gradients:
        experiment.splits.train.without_augmentation()  # refuses what has no such view
    if plan.scales_gradients and settings.optimizer == "adamw":
        logger.warning("%s scales gradients, and adamw divides that out again; use sgd", plan.label)
    run = Run(out / (name or run_name(experiment)), out=out)
    with alone_in(run.path):
        return _train_into(run, experiment, shared or out, resume, fabric, floors)


def _train_into(
    run: Run,
    experiment: Experiment,
    out: Path,
    resume: bool,
    fabric: Fabric | None,
    floors: bool,
) -> Path:
    """Teachers and student, with nobody else in the run's folder."""
    recipe, splits, settings = experiment.recipe, experiment.splits, experiment.training
    plan = experiment.plan
    if first_process():
        check_folder(run, experiment, resume)
    if run.finished:
        forget_members(run)  # where the run was killed before it did
        logger.info("%s is finished already", run.path)
        return run.path
    fabric = fabric or settings.make_fabric()
    taught: Taught | None = None
    method: Method | None = None
    blended: Blended | None = None
    if plan.needs_teachers:
        taught = prepare_teachers(experiment.teaching, plan, run, out, fabric)
    if plan.trains:
        student, method = _new_student(experiment, taught)
    elif plan.label == BLEND:
        if fabric.is_global_zero:  # its members are in its folder
            run.begin(_about(experiment))
        shared = None if taught is None else out
        blended = train_members(run, experiment, partial(train, fabric=fabric, shared=shared))
        fabric.barrier()  # before the first process removes what the others read
        student = blended.model
    elif taught is not None:
        student = taught.ensemble(plan)
    else:
        student = experiment.models.student(splits.spec.task)
        fit_network(student, splits, plan.label)
    if fabric.is_global_zero:
        if blended is None:
            run.begin(_about(experiment))
        if taught is not None and taught.calibration is not None:
            run.write_json(CALIBRATION, asdict(taught.calibration))
        described = [] if blended is None else blended.described
        run.write_json("model.json", describe_model(recipe, splits, student, described))
        if splits.spec.preprocessing is not None:
            run.write_json("preprocessing.json", splits.spec.preprocessing)
            left_out = {"rows": splits.spec.notes["skipped"], "cells": splits.spec.notes["absent"]}
            run.write_json("not_used.json", left_out)
        save_masks(splits, run.path)
    # Whether its teachers were trained just now or long ago must not matter to the student.
    torch.manual_seed(recipe.seed)
    if method is None:
        result = FitResult(best_epoch=-1, best=float("nan"), seconds=0.0, epochs=0)
        student.to(fabric.device)
    else:
        result = fit(
            method,
            train_loader(splits.train, settings, recipe.seed, fabric),
            evaluation_loader(splits.val, settings, fabric),
            settings,
            fabric=fabric,
            iter_train=partial(iter_train, splits.train, settings, fabric),
            folder=run.path,
            resume=resume,
            title=plan.label,
            probe=_gradient_probe(student, splits, recipe.seed, settings.batch_size)
            if settings.probe_gradients
            else None,
        )
    fit_readout(student, to_device(evaluation_loader(splits.train, settings), fabric))
    if fabric.is_global_zero:
        save_weights(run.path / "model.safetensors", student)
        splits = settled(run, student, splits, settings, fabric)
        measured = measure(run, student, splits, settings, fabric)
        outcome = {
            "method": plan.label,
            "dataset": splits.spec.name,
            "seed": recipe.seed,
            "protocol": splits.spec.protocol,
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "seconds": round(result.seconds, 2),
            "samples": {name: len(split) for name, split in splits.named().items()},
            **{name: evaluation.record() for name, evaluation in measured.items()},
        }
        if taught is not None:
            outcome["teachers"] = taught.record(experiment.teaching, out)
        if blended is not None:
            outcome["members"] = blended.record
            outcome["seconds"] = round(sum(one["seconds"] for one in blended.record), 2)
        if uneven(splits):
            outcome["uneven"] = True
        shallow = shallow_floors(splits, out) if floors else None
        task = experiment.splits.spec.task
        fused = {name: evaluation.logits[FUSED] for name, evaluation in measured.items()}
        targets = {name: evaluation.target for name, evaluation in measured.items()}
        asked = None if taught is None else taught.asked(experiment.teaching, fabric)
        weights = None if taught is None else taught.weights
        if taught is not None or shallow is not None:
            outcome["floors"] = measure_floors(task, fused, targets, shallow, asked, weights)
        if asked and weights and can_blend(experiment, student):
            outcome["with_teachers"] = with_teachers(task, fused, targets, asked, weights)
        run.write_json("result.json", outcome)
        forget_members(run)
    fabric.barrier()
    return run.path


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


def _gradient_probe(
    student: MultimodalModel, splits: Splits, seed: int, batch_size: int
) -> GradientProbe:
    """Looks at training samples that are drawn once, as evaluation sees them.

    A graph of a training batch is known to fit in memory; one of all samples is not.
    """
    drawn = limit(splits.train.without_augmentation(), PROBED, seed)
    with torch.random.fork_rng(devices=[]):  # anybody's data may be augmented all the same
        batches = list(make_loader(drawn, min(PROBED, batch_size), shuffle=False))
    return GradientProbe(student, splits.spec.task, batches)


def _about(experiment: Experiment) -> dict[str, Any]:
    spec, plan = experiment.splits.spec, experiment.plan
    return {
        "kind": "student",
        "recipe": experiment.recipe.as_dict(),
        "method": {"name": plan.label, **plan.options},
        "training": asdict(experiment.training),
        "dataset": spec.name,
        "protocol": spec.protocol,
        "fingerprint": spec.fingerprint,
        "selects_on_test": spec.selects_on_test,
        **({"missing": spec.notes["missing"]} if "missing" in spec.notes else {}),
        "fused": FUSED,
        "environment": environment(),
    }
