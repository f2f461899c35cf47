"""The loop, written once, on Lightning Fabric."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

from g2d.batch import Batch
from g2d.engine.loggers import open_loggers
from g2d.engine.progress import progress_bar
from g2d.engine.session import FitResult, Session
from g2d.engine.settings import TrainingSettings
from g2d.errors import DivergedError
from g2d.methods.base import Method
from g2d.methods.loop import IterTrain

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


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
    keep_start: bool = False,
    probe: Callable[[], dict[str, Any]] | None = None,
) -> FitResult:
    """Trains a method's student, keeps the weights best on validation, and leaves them in it.

    The test split has no way in here.

    Args:
        method: What the loss is and which encoders are trainable. Its student is a model of
            g2d's own, which returns `Outputs` for a `Batch`.
        train: Training batches; a sampler with `set_epoch` is given the epoch.
        val: Validation batches.
        settings: How to train.
        fabric: The devices; made from the settings when none is given.
        iter_train: `iter_train(fraction, seed)` gives batches of a random fraction of the training
            data, for methods that read it between epochs.
        folder: Where checkpoints, weights and `metrics.jsonl` go; nowhere when none is given.
        resume: Go on from the folder's last checkpoint, if there is one.
        title: Title of the progress bar.
        stop_after: End this session after so many epochs of the whole, to be resumed later.
        keep_start: Whether the weights from before training are kept where no epoch is better on
            validation: a student that begins as a trained model cannot end below it there.
        probe: Measures gradients after every epoch and changes nothing
            (`g2d.engine.gradient_probe`); its result is recorded beside the epoch's metrics.
            Where it fails there is a warning, and training goes on.

    Raises:
        UserError: The loss is not finite, or the checkpoint cannot be used.

    Example:
        >>> import g2d
        >>> import torch
        >>> from torch import nn
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
    session = Session(method, settings, fabric, iter_train, folder, title)
    session.open(resume=resume)
    if keep_start:
        session.validate_start(val)
    last = settings.epochs if stop_after is None else min(stop_after, settings.epochs)
    steps = math.ceil(len(train) / settings.accumulate)
    first_process = fabric.is_global_zero
    loggers = settings.loggers if first_process else ()
    with (
        open_loggers(loggers, folder, resume=resume) as log,
        progress_bar(
            settings.epochs * steps, title, session.epochs * steps, visible=first_process
        ) as bar,
    ):
        for epoch in range(session.epochs, last):
            if session.has_ended():
                break
            try:
                record = session.train_and_validate(epoch, train, val, bar)
            except DivergedError:  # training ends here, and the curve shows why
                session.log_epochs(log)
                raise
            if probe is not None and first_process:
                record |= _looked(probe, title)
            session.keep(record, log, now=epoch + 1 == last)
        session.close(log)
    fabric.barrier()
    return session.result()


def _looked(probe: Callable[[], dict[str, Any]], title: str) -> dict[str, Any]:
    """What the probe measures; where it fails, the epoch is trained all the same and is kept."""
    try:
        return {"gradients": probe()}
    except Exception as error:
        logger.warning("%s: the gradients of this epoch are not known: %s", title, error)
        return {}
