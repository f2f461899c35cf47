"""One run, from a recipe to a finished folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from g2d.data.loader import limit, make_loader
from g2d.data.splits import Splits
from g2d.engine.checkpoint import save_weights
from g2d.engine.compiled import check_compiler
from g2d.engine.gradient_probe import PROBED, GradientProbe
from g2d.engine.loop import fit
from g2d.engine.names import check_run_name
from g2d.engine.session import FitResult
from g2d.methods.validation import FUSED
from g2d.models.encoders.embeddings import keep_embeddings
from g2d.models.multimodal import MultimodalModel
from g2d.models.readout import fit_readout
from g2d.ranks import first_process
from g2d.recipes.blending import BLEND
from g2d.recipes.build import describe_model
from g2d.recipes.experiment import Experiment, resolve
from g2d.recipes.missing import save_masks
from g2d.recipes.own_code import code_of
from g2d.recipes.recipe import Recipe
from g2d.runs.blending import forget_members
from g2d.runs.environment import environment
from g2d.runs.experts import in_words
from g2d.runs.floors import CALIBRATION
from g2d.runs.loaders import evaluation_loader, iter_train, to_device, train_loader
from g2d.runs.lock import alone_in
from g2d.runs.outcome import measure_outcome
from g2d.runs.places import run_name
from g2d.runs.prepared import Prepared, prepare
from g2d.runs.run import Run
from g2d.runs.same import check_folder
from g2d.runs.trust import named_by

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
            recipe names.
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
    if settings.compile and plan.trains:
        check_compiler(settings.device().type)
    if plan.scales_gates and settings.optimizer == "adamw":
        logger.warning("%s scales gradients, and adamw divides that out again; use sgd", plan.label)
    run = Run(out / (name or run_name(experiment)), out=out)
    with alone_in(run.path), keep_embeddings():
        return _train_into(run, experiment, shared or out, resume, fabric, floors)


def _train_into(
    run: Run,
    experiment: Experiment,
    out: Path,
    resume: bool,
    fabric: Fabric | None,
    floors: bool,
) -> Path:
    """Trains teachers and student, while the run's folder is locked."""
    if first_process():
        check_folder(run, experiment, resume)
    if run.finished:
        forget_members(run)  # where the run was killed before it did
        logger.info("%s is finished already", run.path)
        return run.path
    settings = experiment.training
    fabric = fabric or settings.make_fabric()
    if fabric.is_global_zero and experiment.plan.label == BLEND:  # its members are in its folder
        run.begin(_about(experiment))
    prepared = prepare(experiment, run, out, fabric, train)
    if fabric.is_global_zero:
        if experiment.plan.label != BLEND:
            run.begin(_about(experiment))
        _describe(run, experiment, prepared)
    # Whether its teachers were trained just now or long ago must not matter to the student.
    torch.manual_seed(experiment.recipe.seed)
    trained = _fit(run, experiment, prepared, resume, fabric)
    train_rows = evaluation_loader(experiment.splits.train, settings)
    fit_readout(prepared.student, to_device(train_rows, fabric))
    if fabric.is_global_zero:
        save_weights(run.path / "model.safetensors", prepared.student)
        result = measure_outcome(run, experiment, prepared, trained, out, fabric, floors=floors)
        run.write_json("result.json", result)
        forget_members(run)
    fabric.barrier()
    return run.path


def _describe(run: Run, experiment: Experiment, prepared: Prepared) -> None:
    """Writes what builds the model again, and what became of the data."""
    recipe, splits, taught = experiment.recipe, experiment.splits, prepared.taught
    if taught is not None and taught.calibration is not None:
        run.write_json(CALIBRATION, asdict(taught.calibration))
    members = [] if prepared.blended is None else prepared.blended.described
    run.write_json("model.json", describe_model(recipe, splits, prepared.student, members))
    if splits.spec.preprocessing is not None:
        run.write_json("preprocessing.json", splits.spec.preprocessing)
        left_out = {"rows": splits.spec.notes["skipped"], "cells": splits.spec.notes["absent"]}
        run.write_json("not_used.json", left_out)
    save_masks(splits, run.path)


def _fit(
    run: Run, experiment: Experiment, prepared: Prepared, resume: bool, fabric: Fabric
) -> FitResult:
    """Trains the student; what is put together of trained models stays as it is."""
    splits, settings = experiment.splits, experiment.training
    if prepared.method is None:
        prepared.student.to(fabric.device)
        return FitResult(best_epoch=-1, best=float("nan"), seconds=0.0, epochs=0)
    seed, probe = experiment.recipe.seed, None
    if settings.probe_gradients:
        probe = _gradient_probe(prepared.student, splits, seed, settings.batch_size)
    return fit(
        prepared.method,
        train_loader(splits.train, settings, seed, fabric),
        evaluation_loader(splits.val, settings, fabric),
        settings,
        fabric=fabric,
        iter_train=partial(iter_train, splits.train, settings, fabric),
        folder=run.path,
        resume=resume,
        keep_start=experiment.plan.init != "random",
        title=experiment.plan.label,
        probe=probe,
    )


def _gradient_probe(
    student: MultimodalModel, splits: Splits, seed: int, batch_size: int
) -> GradientProbe:
    """Looks at training samples that are drawn once, as evaluation sees them.

    A graph of a training batch is known to fit in memory; one of all samples is not.
    """
    drawn = limit(splits.train.without_augmentation(), PROBED, seed)
    with torch.random.fork_rng(devices=[]):  # data from elsewhere may be augmented all the same
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
        "code": code_of(named_by([experiment.recipe])),
        "environment": environment(),
    }
