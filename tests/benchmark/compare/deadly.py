"""Data that kills the process that reads it, once: a real signal, in the middle of training."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from g2d.batch import Batch
from g2d.data.splits import Split, Splits
from toy import ToyData


class Deadly(ToyData):
    """The toys; the batch `at` of the training split, counted in a process, is its last.

    Args:
        mark: A file that is written before the process dies; where it is there, nobody does.
        at: Which batch.
        pause: Seconds that every batch takes, for whoever wants to come in between.
    """

    def __init__(self, mark: str | None = None, at: int = 20, pause: float = 0.0) -> None:
        super().__init__()
        self.mark, self.at, self.pause = mark, at, pause

    def splits(self) -> Splits:
        whole = super().splits()
        return Splits(whole.spec, _Part(whole.train, self), whole.val, whole.test)


class _Part(Split):
    def __init__(self, split: Split, data: Deadly) -> None:
        self.split, self.data, self.reads = split, data, 0
        self.target, self.augmented = split.target, False

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, indices: list[int]) -> Batch:
        self.reads += 1
        time.sleep(self.data.pause)
        if self.data.mark is not None and self.reads == self.data.at:
            mark = Path(self.data.mark)
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return self.split.__getitems__(indices)
