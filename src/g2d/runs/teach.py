"""Teachers for a recipe: loaded where they were trained before, trained where not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock

from g2d.engine.checkpoint import load_weights, save_weights
from g2d.engine.evaluate import evaluate
from g2d.engine.loop import fit
from g2d.errors import UserError
from g2d.methods.joint import JointTraining
from g2d.methods.validation import FUSED
from g2d.models.encoders.embeddings import keep_embeddings
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.build import check_model
from g2d.recipes.experiment import Teaching
from g2d.runs.environment import environment
from g2d.runs.loaders import (
    Rest,
    evaluation_loader,
    having,
    to_device,
    train_loader,
    without_inputs,
)
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.teachers.bank import OnlineTeachers, TeacherBank
from g2d.teachers.cache import CachedTeachers, cache_key, write_cache
from g2d.teachers.confidence import batch_confidence, learning_speeds

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


@keep_embeddings()
def teach(teaching: Teaching, out: Path, fabric: Fabric) -> dict[str, UnimodalModel]:
    """Trains a teacher for each modality that has no other expert, selected on validation.

    Each has a run folder of its own under `out/teachers`, named by a hash of all that decides
    it; a finished one is loaded, an unfinished one goes on where it stopped.

    Raises:
        UserError: A teacher cannot take the data.
    """
    splits = teaching.splits
    for name in teaching.networks:
        check_model(teaching.models.teacher(name, splits.spec.task), splits)
    return {name: _teacher(teaching, name, out, fabric) for name in teaching.networks}


def _teacher(teaching: Teaching, modality: str, out: Path, fabric: Fabric) -> UnimodalModel:
    spec = teaching.splits.spec
    torch.manual_seed(1000 * (teaching.recipe.seed + 1) + spec.modalities.index(modality))
    model = teaching.models.teacher(modality, spec.task)
    run = Run(teacher_folder(teaching, modality, out))
    with only_writer(run.path, fabric):
        return _load_or_train(teaching, modality, model, run, fabric)


def _load_or_train(
    teaching: Teaching, modality: str, model: UnimodalModel, run: Run, fabric: Fabric
) -> UnimodalModel:
    recipe, splits, settings = teaching.recipe, teaching.splits, teaching.settings
    task = splits.spec.task
    own = {name: having(split, modality) for name, split in splits.measured().items()}

    def measured(names: Iterable[str]) -> dict[str, Any]:
        loaders = {name: evaluation_loader(own[name], settings) for name in names}
        return {
            name: evaluate(model, to_device(loader, fabric), task).record()
            for name, loader in loaders.items()
        }

    if run.finished:
        load_weights(run.path / "model.safetensors", model)
        logger.info("teacher %s: loaded from %s", modality, run.path)
        model.to(fabric.device)
        result = run.result
        # Where settings are chosen, test is withheld.
        if missing := [name for name in own if name not in result]:
            more = measured(missing)
            if fabric.is_global_zero:
                run.write_json("result.json", {**result, **more})
            fabric.barrier()
        return model
    if fabric.is_global_zero:
        run.begin(_about(teaching, modality))
    fitted = fit(
        JointTraining(model, task),
        train_loader(own["train"], settings, recipe.seed, fabric),
        evaluation_loader(own["val"], settings, fabric),
        settings,
        fabric=fabric,
        folder=run.path,
        resume=True,
        title=f"teacher {modality}",
    )
    values = measured(own)
    if fabric.is_global_zero:
        save_weights(run.path / "model.safetensors", model)
        outcome = {
            "method": "teacher",
            "modality": modality,
            "dataset": splits.spec.name,
            "seed": recipe.seed,
            "protocol": splits.spec.protocol,
            "epochs": fitted.epochs,
            "best_epoch": fitted.best_epoch,
            "seconds": round(fitted.seconds, 2),
            **values,
        }
        run.write_json("result.json", outcome)
    fabric.barrier()
    return model


@contextmanager
def only_writer(folder: Path, fabric: Fabric) -> Iterator[None]:
    """Keeps runs that share a teacher or a cache from writing it at the same time.

    The first process of a run takes the lock and the others of that run wait for it; another run
    waits until the folder is finished, and then finds it so.
    """
    locks = folder.parents[1] / ".locks"
    lock = FileLock(locks / f"{folder.parent.name}-{folder.name}")
    if fabric.is_global_zero:
        locks.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    fabric.barrier()
    try:
        yield
    finally:
        lock.release()


def make_bank(teaching: Teaching, online: OnlineTeachers, out: Path, fabric: Fabric) -> TeacherBank:
    """The teachers as training uses them: from a cache, or online where they have to be.

    Raises:
        UserError: What lies where the cache would be is of other teachers or other data.
    """
    splits, settings, cache = teaching.splits, teaching.settings, teaching.cache
    if splits.train.augmented or cache == "off":
        logger.info("teachers run online%s", " (augmented data)" if splits.train.augmented else "")
        return online
    key = cache_key(online.models, splits.spec.fingerprint)
    folder = out / "cache" / f"{splits.spec.name}-{key[:12]}"

    def batches(start: int) -> Any:
        rest = Rest(splits.train, start)
        return to_device(evaluation_loader(rest, settings), fabric)

    with only_writer(folder, fabric):
        if fabric.is_global_zero:
            write_cache(folder, online, key, batches, len(splits.train))
        fabric.barrier()
    return CachedTeachers(folder, key, splits.spec.task)


def train_confidence(bank: TeacherBank, teaching: Teaching, fabric: Fabric) -> dict[str, float]:
    """Each teacher's confidence on the training split, which is not read where there is a cache.

    Args:
        bank: The teachers of the training split.
        teaching: The data, and how it is read.
        fabric: The device.
    """
    train, settings = teaching.splits.train, teaching.settings
    if isinstance(bank, CachedTeachers):
        return bank.mean_confidence()
    # Every process sees the whole split; the sum over processes leaves the mean as it is.
    batches = (
        to_device(evaluation_loader(train, settings), fabric)
        if bank.any_data
        else without_inputs(train, settings)
    )
    return {name: value.item() for name, value in batch_confidence(bank, batches).items()}


def measure_speed(
    teaching: Teaching, out: Path, others: Mapping[str, Sequence[float]]
) -> dict[str, float]:
    """How early each teacher learned what it knows, from the records of its training.

    Args:
        teaching: The data, and which teachers are networks.
        out: Folder of runs.
        others: Held-out confidence after every epoch of those that are none.
    """
    curves, splits = dict(others), teaching.splits
    for name in teaching.networks:
        folder = teacher_folder(teaching, name, out)
        if not (records := Run(folder).epochs):
            raise UserError(
                f"{folder / 'metrics.jsonl'} holds no epoch; delete {folder} and run the same "
                "command again, which trains this teacher anew"
            )
        curves[name] = [record["val"]["confidence"][FUSED] for record in records]
    return learning_speeds(curves, splits.spec.task, splits.val.target, splits.val.present)


def _about(teaching: Teaching, modality: str) -> dict[str, Any]:
    spec = teaching.splits.spec
    return {
        "kind": "teacher",
        "modality": modality,
        "recipe": teaching.recipe.as_dict(),
        "training": asdict(teaching.settings),
        "dataset": spec.name,
        "protocol": spec.protocol,
        "fingerprint": spec.fingerprint,
        "environment": environment(),
    }
