"""Teachers for a recipe: loaded where they were trained before, trained where not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock

from g2d.data.loader import Subset, make_loader
from g2d.data.splits import Split, Splits
from g2d.engine.checkpoint import load_weights, save_weights
from g2d.engine.evaluate import evaluate
from g2d.engine.loggers import check_loggers
from g2d.engine.loop import fit
from g2d.engine.records import RunFolder
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError
from g2d.recipes.build import build_teacher, check_model
from g2d.runs.environment import environment
from g2d.recipes.recipe import Recipe, digest
from g2d.recipes.settings import teacher_settings
from g2d.methods.joint import JointTraining
from g2d.methods.validation import FUSED
from g2d.models.unimodal import UnimodalModel
from g2d.teachers.bank import OnlineTeachers, TeacherBank
from g2d.teachers.cache import CachedTeachers, cache_key, write_cache
from g2d.teachers.confidence import learning_speeds, mean_confidence

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

EVALUATION_BATCH = 256


def teach(recipe: Recipe, splits: Splits, out: Path, fabric: Fabric) -> dict[str, UnimodalModel]:
    """One trained teacher for each modality, selected on validation.

    Each has a run folder of its own under `out/teachers`, named by a hash of all that decides
    it; a finished one is loaded, an unfinished one goes on where it stopped.

    Raises:
        UserError: A teacher cannot take the data.
    """
    for name in splits.spec.modalities:
        check_model(build_teacher(recipe, name, splits.spec.task), splits)
    return {name: _teacher(recipe, splits, name, out, fabric) for name in splits.spec.modalities}


def teacher_folder(recipe: Recipe, splits: Splits, modality: str, out: Path) -> Path:
    """Where the teacher of a modality is, or will be."""
    settings, _ = teacher_settings(recipe)
    identity = {
        "data": splits.spec.fingerprint,
        "protocol": splits.spec.protocol,
        "encoder": recipe.encoders[modality],
        "training": {k: v for k, v in asdict(settings).items() if k not in _PLACE},
        "seed": recipe.seed,
    }
    name = f"{splits.spec.name}-{modality}-seed{recipe.seed}-{digest(identity)}"
    return out / "teachers" / name


# Where and how watched a teacher is trained is not part of what it is. The number of devices is:
# with it grow the samples of a step.
_PLACE = ("accelerator", "workers", "loggers", "probe_gradients")


def _teacher(
    recipe: Recipe, splits: Splits, modality: str, out: Path, fabric: Fabric
) -> UnimodalModel:
    settings, _ = teacher_settings(recipe)
    order = splits.spec.modalities.index(modality)
    torch.manual_seed(1000 * (recipe.seed + 1) + order)
    model = build_teacher(recipe, modality, splits.spec.task)
    run = RunFolder(teacher_folder(recipe, splits, modality, out))
    with _alone_in(run.path, fabric):
        return _load_or_train(recipe, splits, modality, model, run, settings, fabric)


def _load_or_train(
    recipe: Recipe,
    splits: Splits,
    modality: str,
    model: UnimodalModel,
    run: RunFolder,
    settings: TrainingSettings,
    fabric: Fabric,
) -> UnimodalModel:
    task = splits.spec.task
    if run.finished:
        load_weights(run.path / "model.safetensors", model)
        logger.info("teacher %s: loaded from %s", modality, run.path)
        return model.to(fabric.device)
    if fabric.is_global_zero:
        run.begin(_about(recipe, splits, modality, settings))
    own = {name: having(split, modality) for name, split in splits.measured().items()}
    result = fit(
        JointTraining(model, task),
        train_loader(own["train"], settings, recipe.seed, fabric),
        evaluation_loader(own["val"], settings, fabric),
        settings,
        fabric=fabric,
        folder=run.path,
        resume=True,
        title=f"teacher {modality}",
    )
    measured = {
        name: evaluate(model, to_device(evaluation_loader(split, settings), fabric), task).record()
        for name, split in own.items()
    }
    if fabric.is_global_zero:
        save_weights(run.path / "model.safetensors", model)
        outcome = {
            "method": "teacher",
            "modality": modality,
            "dataset": splits.spec.name,
            "seed": recipe.seed,
            "protocol": splits.spec.protocol,
            "epochs": settings.epochs,
            "best_epoch": result.best_epoch,
            "seconds": round(result.seconds, 2),
            **measured,
        }
        run.write_json("result.json", outcome)
    fabric.barrier()
    return model


def having(split: Split, modality: str) -> Split:
    """The samples of a split in which a modality is there; the split itself where it always is."""
    present = split.present.get(modality)
    if present is None or bool(present.all()):
        return split
    if not present.any():
        raise UserError(
            f"modality {modality!r} is absent from every sample of a split, so its teacher has "
            "nothing to learn from; leave it out, or divide the data otherwise"
        )
    return Subset(split, [row for row, there in enumerate(present) if there])


@contextmanager
def _alone_in(folder: Path, fabric: Fabric) -> Iterator[None]:
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


def check_teachers(recipe: Recipe, splits: Splits) -> None:
    """Looks at the teachers' settings before anything is written.

    Raises:
        UserError: One is wrong, or a cache is asked for and the data changes from look to look.
    """
    settings, cache = teacher_settings(recipe)
    check_loggers(settings.loggers)
    if splits.train.augmented and cache == "on":
        raise UserError(
            "teachers.cache: the training data is augmented at random, so what teachers say of it "
            "cannot be kept; use auto or off"
        )


def make_bank(
    recipe: Recipe,
    splits: Splits,
    online: OnlineTeachers,
    out: Path,
    fabric: Fabric,
) -> TeacherBank:
    """The teachers as training asks them: from a cache, or online where they have to be.

    Raises:
        UserError: What lies where the cache would be is of other teachers or other data.
    """
    settings, cache = teacher_settings(recipe)
    if splits.train.augmented or cache == "off":
        logger.info("teachers run online%s", " (augmented data)" if splits.train.augmented else "")
        return online
    key = cache_key(online.models, splits.spec.fingerprint)
    folder = out / "cache" / f"{splits.spec.name}-{key[:12]}"

    def batches(start: int) -> Any:
        rest = _Rows(splits.train, start)
        return to_device(evaluation_loader(rest, settings), fabric)

    with _alone_in(folder, fabric):
        if fabric.is_global_zero:
            write_cache(folder, online, key, batches, len(splits.train))
        fabric.barrier()
    return CachedTeachers(folder, key, splits.spec.task)


def measure_confidence(
    bank: TeacherBank, online: TeacherBank, splits: Splits, fabric: Fabric
) -> dict[str, dict[str, float]]:
    """Each teacher's confidence on training and on held-out data."""
    settings = TrainingSettings()
    if isinstance(bank, CachedTeachers):
        train = bank.mean_confidence()
    else:
        train = _alone(online, splits.train, settings, fabric)
    return {"train": train, "heldout": _alone(online, splits.val, settings, fabric)}


def measure_speed(recipe: Recipe, splits: Splits, out: Path) -> dict[str, float]:
    """How early each teacher learned what it knows, from the records of its training."""
    curves = {}
    for name in splits.spec.modalities:
        records = RunFolder(teacher_folder(recipe, splits, name, out)).epochs()
        curves[name] = [record["val"]["confidence"][FUSED] for record in records]
    return learning_speeds(curves, splits.spec.task, splits.val.target, splits.val.present)


def _alone(
    online: TeacherBank, split: Split, settings: TrainingSettings, fabric: Fabric
) -> dict[str, float]:
    # Every process sees the whole split; the sum over processes leaves the mean as it is.
    return mean_confidence(online, to_device(evaluation_loader(split, settings), fabric))


class _Rows(Split):
    """The rows of a split from one on, with their own indices."""

    def __init__(self, split: Split, start: int) -> None:
        self.split, self.start = split, start
        self.target, self.augmented = split.target[start:], split.augmented

    def __len__(self) -> int:
        return len(self.split) - self.start

    def __getitems__(self, indices: list[int]) -> Any:
        return self.split.__getitems__([self.start + index for index in indices])


def train_loader(split: Split, settings: TrainingSettings, seed: int, fabric: Fabric) -> Any:
    """This process's share of the training split, shuffled."""
    return make_loader(
        split,
        settings.batch_size,
        shuffle=True,
        seed=seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        workers=settings.workers,
        pin_memory=fabric.device.type == "cuda",
    )


def evaluation_loader(
    split: Split, settings: TrainingSettings, fabric: Fabric | None = None
) -> Any:
    """A split in order; the share of this process where a fabric is given, else all of it."""
    return make_loader(
        split,
        max(settings.batch_size, EVALUATION_BATCH),
        shuffle=False,
        rank=fabric.global_rank if fabric else 0,
        world_size=fabric.world_size if fabric else 1,
        workers=settings.workers,
    )


def iter_train(
    split: Split, settings: TrainingSettings, fabric: Fabric, fraction: float, seed: int
) -> Any:
    """A random fraction of the training split, the same for every process, in the split's order."""
    count = max(1, round(fraction * len(split)))
    if count < len(split):
        chosen = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
        split = Subset(split, sorted(chosen[:count].tolist()))
    return to_device(evaluation_loader(split, settings), fabric)


def to_device(loader: Any, fabric: Fabric) -> Any:
    """The loader's batches, moved to this process's device."""
    return (batch.to(fabric.device) for batch in loader)


def _about(
    recipe: Recipe, splits: Splits, modality: str, settings: TrainingSettings
) -> dict[str, Any]:
    return {
        "kind": "teacher",
        "modality": modality,
        "recipe": recipe.as_dict(),
        "training": asdict(settings),
        "dataset": splits.spec.name,
        "protocol": splits.spec.protocol,
        "fingerprint": splits.spec.fingerprint,
        "environment": environment(),
    }
