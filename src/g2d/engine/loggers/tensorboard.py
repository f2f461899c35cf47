"""TensorBoard: event files in the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from g2d.engine.loggers.libraries import load
from g2d.engine.loggers.scalars import Write


@contextmanager
def tensorboard_logger(folder: Path, resume: bool) -> Iterator[Write]:
    """Writes to a new event file.

    Args:
        folder: Of the run.
        resume: Makes no difference: TensorBoard reads all event files of a folder as one run.
    """
    load("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:

        def write(values: Mapping[str, float], epoch: int) -> None:
            for tag, value in values.items():
                writer.add_scalar(tag, value, epoch)
            writer.flush()

        yield write
