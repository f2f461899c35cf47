"""The thread that predicts keeps to its time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from g2d.table.predict import BATCH
from g2d.table.serve.worker import TooLongError, Worker


def test_after_the_time_nothing_more_is_begun():
    """A predictor that ends its first part when the time is over, and counts what it is given."""
    begun, late = [], threading.Event()

    class Predictor:
        def rows(self, part, folder):
            begun.append(len(part))
            late.wait()
            return []

    worker = Worker(Predictor(), None, seconds=0.5, threads=1)
    with pytest.raises(TooLongError):
        asyncio.run(worker.predict([{}] * (5 * BATCH)))
    late.set()
    worker.close()
    assert len(begun) <= 1  # none, where the thread began too late
