"""Weights & Biases: offline in the run folder, unless the environment asks for more."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from g2d.engine.loggers.identity import keep_id, known_id
from g2d.engine.loggers.libraries import load
from g2d.engine.loggers.scalars import Write
from g2d.errors import UserError


@contextmanager
def wandb_logger(folder: Path, resume: bool) -> Iterator[Write]:
    """Writes to a W&B run of the project `WANDB_PROJECT` (`g2d` where it is not set).

    Nothing is sent unless `WANDB_MODE` is `online`. Later, `wandb sync` sends what lies in
    `wandb/` of the run folder; the parts of a resumed run have one id and become one run.

    Args:
        folder: Of the run; its name is the name of the W&B run.
        resume: Continue the W&B run of this folder.

    Raises:
        UserError: W&B is not installed, or refuses to start the run.
    """
    wandb = load("wandb")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(
            dir=str(folder),
            id=known_id(folder, "wandb") if resume else None,
            name=folder.name,
            project=os.environ.get("WANDB_PROJECT", "g2d"),
            mode=os.environ.get("WANDB_MODE", "offline"),
            resume="allow",
            reinit="create_new",  # a run that the caller has open stays his
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
    except (wandb.Error, ValueError) as error:  # the second: settings that there are not
        raise UserError(f"W&B: {' '.join(str(error).split())}") from None
    keep_id(folder, "wandb", run.id)
    with run:

        def write(values: Mapping[str, float], epoch: int) -> None:
            run.log(dict(values), step=epoch)

        yield write
