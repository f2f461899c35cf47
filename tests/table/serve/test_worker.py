"""The thread that predicts keeps to its time, and sends numbers."""

from __future__ import annotations

import asyncio
import math
import threading

import pytest

from g2d.errors import UserError
from g2d.table.predict import BATCH, Prediction
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"probabilities": {"a": math.nan}},
        {"answer": math.inf},
        {"unimodal": {"note": math.nan}},
        {"shares": {"note": {"a": -math.inf}}},
    ],
)
def test_an_answer_that_is_no_number_is_refused(wrong):
    good = {"answer": 1.0, "probabilities": {}, "unimodal": {}, "reasons": {}}

    class Predictor:
        def rows(self, part, folder):
            return [Prediction(**good), Prediction(**{**good, **wrong})]

    worker = Worker(Predictor(), None, seconds=60, threads=1)
    with pytest.raises(UserError, match="row 2: the prediction is not a finite number"):
        asyncio.run(worker.predict([{}, {}]))
    worker.close()
