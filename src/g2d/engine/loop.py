"""The loop, written once, on Lightning Fabric."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from g2d.batch import Batch
from g2d.engine.checkpoint import load_checkpoint, load_weights, settle_weights
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.keeping import Keeper
from g2d.engine.loggers import open_loggers
from g2d.engine.progress import Progress, progress_bar
from g2d.engine.records import append_epoch, keep_epochs
from g2d.engine.settings import TrainingSettings
from g2d.errors import DivergedError
from g2d.methods.base import Method
from g2d.methods.loop import IterTrain
from g2d.methods.validation import FUSED
from g2d.ranks import sum_over_ranks

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """What training came to.

    Attributes:
        best_epoch: The epoch, from 0, that was best on validation; its weights are in the model.
        best: The selection metric there.
        seconds: Time spent in training steps, over all sessions of the run.
        epochs: How many there were; fewer than set where training ended early.
    """

    best_epoch: int
    best: float
    seconds: float
    epochs: int


@dataclass
class _State:
    """What changes from epoch to epoch, besides the model."""

    epoch: int = 0
    best_epoch: int = -1
    best: float | None = None
    seconds: float = 0.0

    def stalled_for(self, patience: int | None, since: int) -> bool:
        """Whether the best epoch lies so many epochs back, and so does the beginning to count."""
        last = max(self.best_epoch, since - 1)
        return patience is not None and self.epoch - 1 - last >= patience


def fit(
    method: Method,
    train: DataLoader[Batch],
    val: DataLoader[Batch],
    settings: TrainingSettings,
    *,
    fabric: Fabric | None = None,
    iter_train: IterTrain | None = None,
    folder: Path | None = None,
    resume: bool = False,
    title: str = "training",
    stop_after: int | None = None,
    probe: Callable[[], dict[str, Any]] | None = None,
) -> FitResult:
    """Trains a method's student, keeps the weights best on validation, and leaves them in it.

    The test split has no way in here.

    Args:
        method: What the loss is and which encoders are trainable. Its student is a model of
            g2d's own, which answers a `Batch` with `Outputs`.
        train: Training batches; a sampler with `set_epoch` is told the epoch.
        val: Validation batches.
        settings: How to train.
        fabric: The devices; made from the settings when none is given.
        iter_train: `iter_train(fraction, seed)` gives batches of a random fraction of the training
            data, for methods that look at it between epochs.
        folder: Where checkpoints, weights and `metrics.jsonl` go; nowhere when none is given.
        resume: Go on from the folder's last checkpoint, if there is one.
        title: What the progress bar says.
        stop_after: End this session after so many epochs of the whole, to be resumed later.
        probe: Looks at gradients after every epoch and disturbs nothing
            (`g2d.engine.gradient_probe`); the answer is recorded beside the epoch's metrics.
            Where it fails there is a warning, and training goes on.

    Raises:
        UserError: The loss is not finite, or the checkpoint cannot be used.

    Example:
        >>> import g2d
        >>> encoders = {name: nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> inputs = {name: torch.randn(4, 3) for name in encoders}
        >>> batch = g2d.Batch(inputs, torch.tensor([0, 1, 0, 1]), torch.arange(4))
        >>> loader = DataLoader([batch], batch_size=None)
        >>> method = g2d.JointTraining(model, g2d.Classification(2))
        >>> fit(method, loader, loader, TrainingSettings(epochs=1, accelerator="cpu")).best_epoch
        0
    """
    fabric = fabric or settings.make_fabric()
    model = method.student.net
    if settings.sync_batch_norm:  # in place, with the same parameters
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
    optimizer = settings.make_optimizer(method.parameter_groups())
    scheduler = settings.make_scheduler(optimizer, method.task.higher_is_better)
    student, stepper = cast("tuple[_FabricModule, Optimizer]", fabric.setup(model, optimizer))
    steps = math.ceil(len(train) / settings.accumulate)
    method.on_fit_start(
        FabricLoop(fabric, student, stepper, settings.clip_norm, settings.epochs, iter_train)
    )
    state = _State()
    if resume and folder is not None and (folder / "last.ckpt").exists():
        saved = load_checkpoint(
            folder / "last.ckpt",
            model=model,
            optimizer=optimizer,
            scheduler=scheduler,
            method=method,
        )
        state = _State(**saved)
        logger.info("%s: going on after epoch %d", title, state.epoch)
    if folder is not None and fabric.is_global_zero:
        keep_epochs(folder, state.epoch)
        settle_weights(folder, state.best_epoch)
    best_weights: dict[str, Tensor] = {}
    keeper = None
    if folder is not None and fabric.is_global_zero:
        parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "method": method}
        keeper = Keeper(folder, parts)
    unsaid: list[dict[str, Any]] = []  # epochs that the loggers have not been told
    last = settings.epochs if stop_after is None else min(stop_after, settings.epochs)
    loggers = settings.loggers if fabric.is_global_zero else ()
    with (
        open_loggers(loggers, folder, resume=resume) as log,
        progress_bar(
            settings.epochs * steps, title, state.epoch * steps, visible=fabric.is_global_zero
        ) as bar,
    ):
        for epoch in range(state.epoch, last):
            if method.finished():
                logger.info("%s: the method has ended training after epoch %d", title, epoch)
                break
            if state.stalled_for(settings.patience, method.all_learn_from()):
                logger.info("%s: no improvement; training ended after epoch %d", title, epoch)
                break
            student.train()
            method.on_epoch_start(epoch)
            sampler = getattr(train.batch_sampler, "sampler", train.sampler)
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
            bar.describe(f"{title}  epoch {epoch + 1}/{settings.epochs}  {method.stage()}")
            stage, rate = method.stage(), float(scheduler.get_last_lr()[0])
            started = time.perf_counter()
            batches = _on_device(train, fabric)
            try:
                loss = train_epoch(method, batches, settings.accumulate, bar)
            except DivergedError:  # nobody goes on from here, and the curve shows why
                _tell(log, unsaid)
                raise
            seconds = time.perf_counter() - started
            method.student.train_only(None)  # encoders are frozen while they train, no longer
            measured = evaluate(student, _on_device(val, fabric), method.task, fabric)
            value = measured.metrics[method.task.metric][FUSED]
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(value)
            else:
                scheduler.step()
            method.on_validation_end(measured.record())
            state.epoch, state.seconds = epoch + 1, state.seconds + seconds
            if method.task.better(value, state.best):
                state.best, state.best_epoch = value, epoch
                if folder is None:
                    best_weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
                elif keeper is not None:
                    keeper.best(epoch)
            record = _record(epoch, stage, loss, rate, seconds, measured)
            if probe is not None and fabric.is_global_zero:
                record |= _looked(probe, title)
            logger.info("%s: %s", title, record)
            unsaid.append(record)
            if keeper is not None:
                append_epoch(keeper.folder, record)
            if keeper is None or keeper.keep(vars(state), now=epoch + 1 == last):
                _tell(log, unsaid)
        if keeper is not None and unsaid:  # training has ended early
            keeper.keep(vars(state), now=True)
            _tell(log, unsaid)
    fabric.barrier()
    if best_weights:
        model.load_state_dict(best_weights)
    elif folder is not None and state.best is not None:
        load_weights(folder / "model.safetensors", model)
    assert state.best is not None
    return FitResult(state.best_epoch, state.best, state.seconds, state.epoch)


def train_epoch(method: Method, batches: Iterable[Batch], accumulate: int, bar: Progress) -> float:
    """One epoch; returns the mean loss, which is read from the device once, at the end."""
    total, count = torch.zeros((), device=method.student.device), 0
    for parts in _grouped(batches, accumulate):
        size = sum(len(batch) for batch in parts)
        total += method.step(*parts) * size
        count += size
        bar.advance()
    total, samples = sum_over_ranks(torch.stack([total, torch.full_like(total, count)]))
    mean = float(total / samples)
    if not math.isfinite(mean):
        raise DivergedError(
            f"the training loss became {mean}; lower training.learning_rate or set "
            "training.clip_norm"
        )
    return mean


def _grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Batches by optimizer step; the last step of an epoch may have fewer."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group


def _on_device(loader: DataLoader[Batch], fabric: Fabric) -> Iterator[Batch]:
    """One pass over the loader, moved to this process's device.

    Fabric's own wrapper is not used: it numbers the epochs anew in every session, and a resumed
    run would see the order of the first epochs again.
    """
    for batch in loader:
        yield batch.to(fabric.device, non_blocking=True)


def _tell(log: Callable[[dict[str, Any]], None], records: list[dict[str, Any]]) -> None:
    """Tells the loggers of epochs, once a checkpoint says that these will not be repeated."""
    for record in records:
        log(record)
    records.clear()


def _looked(probe: Callable[[], dict[str, Any]], title: str) -> dict[str, Any]:
    """What the probe says; an epoch that it cannot look at is trained and worth keeping."""
    try:
        return {"gradients": probe()}
    except Exception as error:
        logger.warning("%s: the gradients of this epoch are not known: %s", title, error)
        return {}


def _record(
    epoch: int, stage: str, loss: float, rate: float, seconds: float, val: Evaluation
) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "stage": stage,
        "learning_rate": rate,
        "seconds": round(seconds, 3),
        "train": {"loss": loss},
        "val": val.record(),
    }
