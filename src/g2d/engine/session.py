"""One session of training: its parts, its epochs, and what is kept of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from g2d.batch import Batch
from g2d.engine.checkpoint import load_checkpoint, load_weights, settle_weights
from g2d.engine.compiled import Compiled, check_compiler
from g2d.engine.epoch import train_epoch
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.keeping import Keeper
from g2d.engine.progress import Progress
from g2d.engine.records import append_epoch, keep_epochs
from g2d.engine.settings import TrainingSettings
from g2d.methods.base import Method
from g2d.methods.checks import check_compiled
from g2d.methods.loop import IterTrain
from g2d.methods.validation import FUSED

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

logger = logging.getLogger(__name__)
Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class FitResult:
    """The result of training.

    Attributes:
        best_epoch: The epoch, from 0, that was best on validation; its weights are in the model.
            -1 where those from before training were, and could be kept.
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


class Session:
    """The training of a run, from the first epoch that is not trained yet.

    Args:
        method: With the student that is trained.
        settings: How.
        fabric: The devices.
        iter_train: See `fit`.
        folder: Of the run, if it has one.
        title: What log lines begin with.
    """

    def __init__(
        self,
        method: Method,
        settings: TrainingSettings,
        fabric: Fabric,
        iter_train: IterTrain | None,
        folder: Path | None,
        title: str,
    ) -> None:
        self.method, self.settings, self.fabric = method, settings, fabric
        self.folder, self.title = folder, title
        self.model = method.student.net
        if settings.sync_batch_norm:  # in place, with the same parameters
            nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
        self._compiled = _compiled(method, fabric) if settings.compile else None
        optimizer = settings.make_optimizer(method.parameter_groups())
        self.scheduler = settings.make_scheduler(optimizer, method.task.higher_is_better)
        self.student, stepper = cast(
            "tuple[_FabricModule, Optimizer]", fabric.setup(self.model, optimizer)
        )
        method.on_fit_start(
            FabricLoop(
                fabric, self.student, stepper, settings.clip_norm, settings.epochs, iter_train
            )
        )
        self._parts: dict[str, Any] = {
            "model": self.model,
            "optimizer": optimizer,
            "scheduler": self.scheduler,
            "method": method,
        }
        self._state = _State()
        self._keeper: Keeper | None = None
        self._best_weights: dict[str, Tensor] = {}  # where there is no folder
        self._unlogged: list[dict[str, Any]] = []  # epochs that the loggers do not have yet

    @property
    def epochs(self) -> int:
        """How many epochs are trained."""
        return self._state.epoch

    def open(self, *, resume: bool) -> None:
        """Makes the folder ready, and goes on from its last checkpoint where that is asked for.

        Raises:
            UserError: The checkpoint cannot be used.
        """
        if self.folder is None:
            return
        if resume and (self.folder / "last.ckpt").exists():
            self._state = _State(**load_checkpoint(self.folder / "last.ckpt", **self._parts))
            logger.info("%s: going on after epoch %d", self.title, self._state.epoch)
        if self.fabric.is_global_zero:
            keep_epochs(self.folder, self._state.epoch)
            settle_weights(self.folder, self._state.best_epoch)
            self._keeper = Keeper(self.folder, self._parts)

    def validate_start(self, val: DataLoader[Batch]) -> None:
        """Keeps the weights from before training until an epoch is better on validation."""
        if self.epochs:
            return  # an earlier session did
        measured = evaluate(self.student, self._on_device(val), self.method.task, self.fabric)
        self._state.best = measured.metrics[self.method.task.metric][FUSED]
        self._keep_best(self._state.best_epoch)
        logger.info("%s: before training: %s", self.title, measured.record())

    def has_ended(self) -> bool:
        """Whether training is over before its last epoch."""
        if self.method.finished():
            why = "the method has ended training"
        elif self._state.stalled_for(self.settings.patience, self.method.all_learn_from()):
            why = "no improvement; training ended"
        else:
            return False
        logger.info("%s: %s after epoch %d", self.title, why, self.epochs)
        return True

    def train_and_validate(
        self, epoch: int, train: DataLoader[Batch], val: DataLoader[Batch], bar: Progress
    ) -> dict[str, Any]:
        """Trains and validates one epoch; its weights are kept where they are the best so far.

        Returns:
            The line of `metrics.jsonl`.

        Raises:
            DivergedError: The loss is not finite.
        """
        method, state = self.method, self._state
        self.student.train()
        method.on_epoch_start(epoch)
        _begin_epoch(train, epoch)
        stage, rate = method.stage(), float(self.scheduler.get_last_lr()[0])
        bar.describe(f"{self.title}  epoch {epoch + 1}/{self.settings.epochs}  {stage}")
        started = time.perf_counter()
        batches = self._on_device(train)
        with self._compiled.steps() if self._compiled else nullcontext():
            loss = train_epoch(method, batches, self.settings.accumulate, bar)
        seconds = time.perf_counter() - started
        method.student.train_only(None)  # encoders are frozen while they train, no longer
        measured = evaluate(self.student, self._on_device(val), method.task, self.fabric)
        value = measured.metrics[method.task.metric][FUSED]
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(value)
        else:
            self.scheduler.step()
        method.on_validation_end(measured.record())
        state.epoch, state.seconds = epoch + 1, state.seconds + seconds
        if method.task.better(value, state.best):
            state.best, state.best_epoch = value, epoch
            self._keep_best(epoch)
        return _record(epoch, stage, loss, rate, seconds, measured)

    def keep(self, record: dict[str, Any], log: Log, *, now: bool) -> None:
        """Writes down an epoch, and a checkpoint where one is due or asked for.

        Loggers are given an epoch once a checkpoint holds it, so that it cannot be repeated.
        """
        logger.info("%s: %s", self.title, record)
        self._unlogged.append(record)
        if self._keeper is not None:
            append_epoch(self._keeper.folder, record)
        if self._keeper is None or self._keeper.keep(vars(self._state), now=now):
            self.log_epochs(log)

    def log_epochs(self, log: Log) -> None:
        """Gives the loggers the epochs that they do not have yet."""
        for record in self._unlogged:
            log(record)
        self._unlogged.clear()

    def close(self, log: Log) -> None:
        """Keeps what training left behind that has ended early."""
        if self._keeper is not None and self._unlogged:
            self._keeper.keep(vars(self._state), now=True)
            self.log_epochs(log)

    def result(self) -> FitResult:
        """The result of training; puts the best weights into the model."""
        state = self._state
        if self._best_weights:
            self.model.load_state_dict(self._best_weights)
        elif self.folder is not None and state.best is not None:
            load_weights(self.folder / "model.safetensors", self.model)
        assert state.best is not None
        return FitResult(state.best_epoch, state.best, state.seconds, state.epoch)

    def _on_device(self, loader: DataLoader[Batch]) -> Iterator[Batch]:
        """One pass over the loader, moved to this process's device.

        Fabric's own wrapper is not used: it numbers the epochs anew in every session, and a resumed
        run would see the order of the first epochs again.
        """
        for batch in loader:
            yield batch.to(self.fabric.device, non_blocking=True)

    def _keep_best(self, epoch: int) -> None:
        if self.folder is None:
            weights = self.model.state_dict().items()
            self._best_weights = {name: value.detach().clone() for name, value in weights}
        elif self._keeper is not None:
            self._keeper.best(epoch)


def _compiled(method: Method, fabric: Fabric) -> Compiled:
    check_compiled(type(method), type(getattr(method, "method", method)))
    check_compiler(fabric.device.type)
    return Compiled(method.student.net)


def _begin_epoch(loader: DataLoader[Batch], epoch: int) -> None:
    """Tells a sampler that wants to know which epoch begins."""
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if hasattr(sampler, "set_epoch"):
        sampler.set_epoch(epoch)


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
