"""One prediction at a time, within a time, beside the server."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from g2d.errors import UserError
from g2d.table.predict import Prediction, Predictor
from g2d.table.serve.columns import Columns, Sent, Upload
from g2d.table.serve.uploads import on_disk
from g2d.table.source import Row

# Decoded and predicted between two looks at the clock.
TOGETHER = 16
# A small file can be a large picture or hours of silence.
MAX_DECODED_MB = 256


class TooLongError(Exception):
    """The time is over."""


class Worker:
    """Answers requests in the order in which they come, on a thread of its own.

    Args:
        predictor: What answers.
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
        """What the run says of some rows.

        Raises:
            UserError: A file is too large when decoded, or the answer is not finite.
            TooLongError: The time is over. What was not begun is not done, what was begun ends at
                the next look at the clock.
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
        with on_disk(sent) as (rows, folder, told):
            for start in range(0, len(rows), TOGETHER):
                if over.is_set():
                    break
                part = rows[start : start + TOGETHER]
                for row in range(start, start + len(part)):
                    self._refuse_large(row, sent[row], rows[row], folder)
                for said in self._predictor.rows(part, folder):
                    reasons = {name: told(why) for name, why in said.reasons.items()}
                    found.append(replace(said, reasons=reasons))
        for row, said in enumerate(found):
            if not _finite(said):
                raise UserError(
                    f"row {row + 1}: the answer is not a finite number; expected numbers of the "
                    "size of those in training"
                )
        return found

    def _refuse_large(self, row: int, sent: Mapping[str, Sent], cells: Row, folder: Path) -> None:
        for column, value in sent.items():
            if not isinstance(value, Upload):
                continue
            size = self._columns.decoded_bytes(column, folder / str(cells[column])) / 1e6
            if size > MAX_DECODED_MB:
                raise UserError(
                    f"row {row + 1}, {column!r}: the file holds {size:.0f} MB when decoded, "
                    f"expected at most {MAX_DECODED_MB} MB"
                )


def _finite(said: Prediction) -> bool:
    numbers = [*said.probabilities.values(), *(x for s in said.shares.values() for x in s.values())]
    numbers += [x for x in (said.answer, *said.unimodal.values()) if isinstance(x, float)]
    return all(map(math.isfinite, numbers))
