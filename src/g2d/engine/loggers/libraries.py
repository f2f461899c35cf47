"""The libraries behind the loggers, imported only where one is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import ModuleType
from typing import Literal

from g2d.errors import require

LoggerName = Literal["tensorboard", "wandb", "mlflow"]

# The first is what `load` returns. An extra of g2d with the logger's name brings them all.
_MODULES: dict[LoggerName, tuple[str, ...]] = {
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
}

# Read when the libraries are imported: they report to their makers by default, and MLflow prints
# of every table that it creates. What the user has set stays.
_QUIET = {
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


def load(name: LoggerName) -> ModuleType:
    """Imports the library of a logger.

    Raises:
        UserError: It is not installed.
    """
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    library, *_ = [require(module, name) for module in _MODULES[name]]
    return library


def check_loggers(names: Iterable[LoggerName]) -> None:
    """Checks before training that the libraries are there.

    Raises:
        UserError: One is not installed.
    """
    for name in names:
        load(name)
