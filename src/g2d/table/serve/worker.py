"""One prediction at a time, within a time, beside the server."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from g2d.errors import UserError
from g2d.table.predict import BATCH, Prediction, Predictor
from g2d.table.reading.source import Row
from g2d.table.serve.columns import Columns, Sent, Upload
from g2d.table.serve.uploads import on_disk

# Rows that are decoded and predicted between two checks of the time: files take long to decode.
TOGETHER_WITH_FILES = 16
# Parameters up to which a forward pass is over before a second thread has begun.
_SMALL = 5_000_000
# A small file can be a large picture or hours of silence.
MAX_DECODED_MB = 256


class TooLongError(Exception):
    """A prediction took longer than it may."""


class Worker:
    """Predicts for requests in the order in which they come, on a thread of its own.

    Args:
        predictor: The trained run.
        columns: Of the run.
        seconds: For one request, with the time it waits for those before it.
        threads: Of torch.
    """

    def __init__(
        self, predictor: Predictor, columns: Columns, seconds: float, threads: int
    ) -> None:
        self._predictor, self._columns, self._seconds = predictor, columns, seconds
        self._pool = ThreadPoolExecutor(1, "g2d-predict", torch.set_num_threads, (threads,))

    async def predict(self, rows: Sequence[Mapping[str, Sent]]) -> list[Prediction]:
        """The predictions of some rows.

        Raises:
            UserError: A file is too large when decoded, or a prediction is not finite.
            TooLongError: The time is over. What was not begun is not done, what was begun ends at
                the next check of the time.
        """
        over = threading.Event()
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(self._pool.submit(self._work, rows, over))
        except TimeoutError:
            raise TooLongError from None
        finally:
            over.set()

    def close(self) -> None:
        """Ends the thread; requests that wait are given up."""
        self._pool.shutdown(cancel_futures=True)

    def _work(self, sent: Sequence[Mapping[str, Sent]], over: threading.Event) -> list[Prediction]:
        found: list[Prediction] = []
        with on_disk(sent) as (rows, folder, with_sent_names):
            files = any(isinstance(cell, Upload) for row in sent for cell in row.values())
            together = TOGETHER_WITH_FILES if files else BATCH
            for start in range(0, len(rows), together):
                if over.is_set():
                    break
                part = rows[start : start + together]
                for row in range(start, start + len(part)):
                    self._refuse_large(row, sent[row], rows[row], folder)
                for prediction in self._predictor.rows(part, folder):
                    reasons = {
                        name: with_sent_names(why) for name, why in prediction.reasons.items()
                    }
                    found.append(replace(prediction, reasons=reasons))
        for row, prediction in enumerate(found):
            if not _finite(prediction):
                raise UserError(
                    f"row {row + 1}: the prediction is not a finite number; expected numbers of "
                    "the size of those in training"
                )
        return found

    def _refuse_large(self, row: int, sent: Mapping[str, Sent], cells: Row, folder: Path) -> None:
        for column, value in sent.items():
            if not isinstance(value, Upload):
                continue
            size = self._columns.decoded_bytes(column, folder / str(cells[column])) / 1e6
            if size > MAX_DECODED_MB:
                raise UserError(
                    f"row {row + 1}, {column!r}: the file takes {size:.0f} MB to decode, "
                    f"expected at most {MAX_DECODED_MB} MB"
                )


def threads_for(model: nn.Module) -> int:
    """The threads of torch: one for a small model, else as many as cores, at most 4.

    Example:
        >>> threads_for(nn.Linear(10, 10))
        1
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return 1 if parameters <= _SMALL else min(4, os.cpu_count() or 1)


def _finite(prediction: Prediction) -> bool:
    numbers = [
        *prediction.probabilities.values(),
        *(x for s in prediction.shares.values() for x in s.values()),
    ]
    numbers += [
        x for x in (prediction.answer, *prediction.unimodal.values()) if isinstance(x, float)
    ]
    return all(map(math.isfinite, numbers))
