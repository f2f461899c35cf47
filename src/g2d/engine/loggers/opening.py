"""Opens the loggers of a run and hands every epoch to each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from g2d.engine.loggers.libraries import LoggerName
from g2d.engine.loggers.mlflow import mlflow_logger
from g2d.engine.loggers.scalars import Write, scalars
from g2d.engine.loggers.tensorboard import tensorboard_logger
from g2d.engine.loggers.wandb import wandb_logger
from g2d.errors import UserError

_LOGGERS: dict[LoggerName, Callable[[Path, bool], AbstractContextManager[Write]]] = {
    "tensorboard": tensorboard_logger,
    "wandb": wandb_logger,
    "mlflow": mlflow_logger,
}


@contextmanager
def open_loggers(
    names: Sequence[LoggerName], folder: Path | None, *, resume: bool
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Gives a function that writes an epoch's record to all loggers; closes them at the end.

    Args:
        names: Which loggers; with none, the function does nothing.
        folder: Of the run; the ids of its W&B and MLflow runs are kept there.
        resume: Continue those runs instead of starting new ones.

    Raises:
        UserError: There is no folder, or a logger cannot be opened.
    """
    with ExitStack() as stack:
        writers = []
        for name in names:
            if folder is None:
                raise UserError(f"the logger {name} needs a run folder, and fit was given none")
            writers.append(stack.enter_context(_LOGGERS[name](folder, resume)))

        def write(record: Mapping[str, Any]) -> None:
            for writer in writers:
                writer(scalars(record), record["epoch"])

        yield write
