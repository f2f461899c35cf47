"""One run, from a recipe to a finished folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from g2d.analysis.gradient_probe import PROBED, GradientProbe
from g2d.data.loader import limit, make_loader
from g2d.data.splits import Splits
from g2d.engine.checkpoint import save_weights
from g2d.engine.evaluate import evaluate
from g2d.engine.loggers import check_loggers
from g2d.engine.loop import FitResult, fit
from g2d.engine.names import check_run_name
from g2d.engine.records import RunFolder
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError
from g2d.runs.lock import alone_in
from g2d.recipes.build import (
    build_splits,
    build_student,
    check_method,
    check_model,
    describe_model,
)
from g2d.recipes.completing import complete
from g2d.runs.environment import environment
from g2d.recipes.missing import by_pattern, save_masks
from g2d.recipes.planning import MethodPlan, plan_method
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import teacher_settings, training_settings
from g2d.runs.floors import ask_heldout, calibration_of, measure_floors
from g2d.runs.teach import (
    check_teachers,
    evaluation_loader,
    iter_train,
    make_bank,
    measure_confidence,
    measure_speed,
    teach,
    teacher_folder,
    to_device,
    train_loader,
)
from g2d.functional.scores import rank
from g2d.methods.base import Method
from g2d.methods.validation import FUSED
from g2d.models.multimodal import MultimodalModel
from g2d.models.readout import fit_readout
from g2d.models.unimodal import UnimodalModel
from g2d.ranks import first_process
from g2d.teachers.bank import OnlineTeachers, TeacherBank
from g2d.teachers.calibrated import CalibratedTeachers
from g2d.teachers.confidence import speed_scores
from g2d.teachers.ensemble import begin_from, ensemble

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


def run_name(recipe: Recipe, splits: Splits, plan: MethodPlan) -> str:
    """Name of a run's folder; runs with modalities missing say so in it."""
    name = f"{splits.spec.name}-{plan.label}-seed{recipe.seed}"
    hidden = cast("dict[str, str]", splits.spec.notes.get("missing", {}))
    return "-".join([name, *hidden.get("label", "").split()])


def train(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    name: str | None = None,
    splits: Splits | None = None,
    fabric: Fabric | None = None,
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

    Returns:
        The run folder.

    Raises:
        UserError: The recipe or the data cannot be used, or the run exists.
    """
    if name is not None:
        check_run_name(name, "--name")
    settings = training_settings(recipe)
    teacher_settings(recipe)
    splits = splits or build_splits(recipe)
    recipe = complete(recipe, splits.spec)
    plan = plan_method(recipe, splits.spec.modalities)
    student = check_method(recipe, plan, splits)
    if plan.needs_teachers:
        check_teachers(recipe, splits)
    check_loggers(settings.loggers)
    if settings.probe_gradients:
        splits.train.without_augmentation()  # refuses what has no such view
    if plan.scales_gradients and settings.optimizer == "adamw":
        logger.warning("%s scales gradients, and adamw divides that out again; use sgd", plan.label)
    check_model(student, splits)
    run = RunFolder(out / (name or run_name(recipe, splits, plan)))
    with alone_in(run.path):
        return _train_into(run, recipe, splits, plan, student, settings, out, resume, fabric)


def _train_into(
    run: RunFolder,
    recipe: Recipe,
    splits: Splits,
    plan: MethodPlan,
    student: MultimodalModel,
    settings: TrainingSettings,
    out: Path,
    resume: bool,
    fabric: Fabric | None,
) -> Path:
    """Teachers and student, with nobody else in the run's folder."""
    if first_process():
        _check_folder(run, recipe, splits, resume)
    if run.finished:
        logger.info("%s is finished already", run.path)
        return run.path
    fabric = fabric or settings.make_fabric()
    confidence: dict[str, dict[str, float]] = {}
    speed: dict[str, float] = {}
    method: Method | None = None
    if plan.needs_teachers:
        teachers = teach(recipe, splits, out, fabric)
        online = OnlineTeachers(teachers, splits.spec.task)
        bank = make_bank(recipe, splits, online, out, fabric) if plan.trains else online
        heldout = ask_heldout(online, splits, fabric)
        weights = heldout.weights()
        if plan.calibrate:
            calibration = calibration_of(run, heldout)
            bank = CalibratedTeachers(bank, calibration)
            asked: TeacherBank = CalibratedTeachers(online, calibration)
            confidence = measure_confidence(asked, asked, splits, fabric)
        else:
            confidence = measure_confidence(bank, online, splits, fabric)
        if plan.rank_by is not None:
            speed = measure_speed(recipe, splits, out)
        if not plan.trains:
            student = ensemble(teachers, weights if plan.weights == "fitted" else None)
        else:
            scores = {**confidence, "speed": speed_scores(speed, confidence["heldout"])}
            ranking = _ranking(plan, scores)
            student, method = _new_student(recipe, splits, plan, bank, ranking)
            if plan.init == "teachers":
                _begin_from_teachers(student, teachers)
    else:
        student, method = _new_student(recipe, splits, plan, None, None)
    if fabric.is_global_zero:
        run.begin(_about(recipe, splits, plan, settings))
        if plan.calibrate:
            run.write_json("calibration.json", asdict(calibration))
        run.write_json("model.json", describe_model(recipe, splits, student))
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
        save_weights(run.path / "model.safetensors", student)
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
        outcome = {
            "method": plan.label,
            "dataset": splits.spec.name,
            "seed": recipe.seed,
            "protocol": splits.spec.protocol,
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "seconds": round(result.seconds, 2),
            "samples": {name: len(split) for name, split in splits.named().items()},
            **_measure(run, student, splits, settings, fabric),
        }
        if confidence:
            outcome["teachers"] = {
                "confidence": confidence,
                **({"speed": speed} if speed else {}),
                **({"calibration": asdict(calibration)} if plan.calibrate else {}),
                "folders": {
                    m: str(teacher_folder(recipe, splits, m, out).relative_to(out))
                    for m in splits.spec.modalities
                },
            }
            outcome["floors"] = measure_floors(online, weights, splits, fabric, outcome)
        run.write_json("result.json", outcome)
    fabric.barrier()
    return run.path


def _new_student(
    recipe: Recipe,
    splits: Splits,
    plan: MethodPlan,
    teachers: TeacherBank | None,
    ranking: Mapping[str, float] | None,
) -> tuple[MultimodalModel, Method]:
    """A student whose first weights depend on the seed alone, so that methods are comparable."""
    torch.manual_seed(recipe.seed)
    student = build_student(recipe, splits.spec.modalities, splits.spec.task)
    return student, plan.make(student, splits.spec.task, teachers, ranking)


def _begin_from_teachers(student: MultimodalModel, teachers: Mapping[str, UnimodalModel]) -> None:
    left = begin_from(student, teachers)
    if left:
        what = ", ".join(f"{name}: {' and '.join(parts)}" for name, parts in left.items())
        logger.warning("the teachers' weights do not fit here, which begins at random: %s", what)


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


def _check_folder(run: RunFolder, recipe: Recipe, splits: Splits, resume: bool) -> None:
    if not run.started:
        return
    if not resume:
        what = "holds a finished run" if run.finished else "holds an unfinished run"
        raise UserError(
            f"{run.path} {what}; add --resume to keep it or go on with it, or give another --out"
        )
    about = run.read_json("run.json")
    now = json.loads(json.dumps(recipe.as_dict()))
    keys = dict.fromkeys([*now, *about["recipe"]])
    differ = [key for key in keys if now.get(key) != about["recipe"].get(key)]
    if differ:
        raise UserError(
            f"{run.path} was made from another recipe (not the same: {', '.join(differ)}); give "
            "another --out or --name, or repeat the first recipe"
        )
    check_same_data(run, splits.spec.fingerprint)


def check_same_data(run: RunFolder, fingerprint: str) -> None:
    """Refuses a run folder that was made from data which are not those of today.

    Raises:
        UserError: The fingerprint is another.
    """
    known = run.read_json("run.json")["fingerprint"]
    if known != fingerprint:
        raise UserError(
            f"{run.path} was made from other data (fingerprint {known[:12]}, now "
            f"{fingerprint[:12]}); give another --out, or put the first data back"
        )


def _ranking(
    plan: MethodPlan, scores: Mapping[str, Mapping[str, float]]
) -> Mapping[str, float] | None:
    """What the method ranks by: scores of the modalities, or their given order."""
    if plan.rank_by is None:
        return None
    if isinstance(plan.rank_by, tuple):
        return {name: place / len(plan.rank_by) for place, name in enumerate(plan.rank_by)}
    rankings = {name: rank(values) for name, values in scores.items()}
    if plan.has_stages and len(set(rankings.values())) > 1:
        logger.warning(
            "the modalities rank differently, weakest first: %s on training data, %s on held-out "
            "data, %s by learning speed; a teacher that memorises looks strong on the first, one "
            "that learns late looks strong on the second; ranking by %s",
            *(", ".join(rankings[name]) for name in ("train", "heldout", "speed")),
            plan.rank_by,
        )
    return None if plan.rank_by == "train_batch" else scores[plan.rank_by]


def _measure(
    run: RunFolder,
    student: MultimodalModel,
    splits: Splits,
    settings: TrainingSettings,
    fabric: Fabric,
) -> dict[str, Any]:
    """Validation once more, and test for the first and only time, unless it is withheld."""
    measured = {}
    for name, split in splits.measured().items():
        if name == "train":
            continue
        batches = to_device(evaluation_loader(split, settings), fabric)
        evaluation = evaluate(student, batches, splits.spec.task)
        evaluation = by_pattern(evaluation, splits, name)
        run.write_predictions(name, evaluation)
        measured[name] = evaluation.record()
        logger.info("%s %s: %s", run.path.name, name, evaluation.metrics[splits.spec.task.metric])
    return measured


def _about(
    recipe: Recipe, splits: Splits, plan: MethodPlan, settings: TrainingSettings
) -> dict[str, Any]:
    return {
        "kind": "student",
        "recipe": recipe.as_dict(),
        "method": {"name": plan.label, **plan.options},
        "training": asdict(settings),
        "dataset": splits.spec.name,
        "protocol": splits.spec.protocol,
        "fingerprint": splits.spec.fingerprint,
        "selects_on_test": splits.spec.selects_on_test,
        **({"missing": splits.spec.notes["missing"]} if "missing" in splits.spec.notes else {}),
        "fused": FUSED,
        "environment": environment(),
    }
