"""Remarks on the rows of a new table: what of them is not used, and what is doubtful."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.table.kinds.base import share
from g2d.table.predict import Prediction, Predictor
from g2d.table.preprocessing import by_block
from g2d.table.reading.source import Row
from g2d.wording import listed

if TYPE_CHECKING:
    import pandas

# The share of rows whose numbers are outside those of training that is worth a sentence.
_MANY = 0.5


class Remarks:
    """Counts what of new rows is not used, and what is doubtful.

    Args:
        predictor: A trained run.

    Attributes:
        count: Rows so far.
        predicted: Those with a prediction.
        notes: What of single rows could not be used, in sentences.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._preprocessing = predictor.preprocessing
        self._wanted = predictor.preprocessing.columns
        self._lacking: list[str] = []
        self._there: list[str] = []
        self._unseen: Counter[str] = Counter()
        self._values: dict[str, dict[str, None]] = {}
        self._outside: Counter[str] = Counter()
        self._example: dict[str, str] = {}
        self.count = self.predicted = 0
        self.notes: list[str] = []

    def of(self, row: Row, prediction: Prediction) -> str:
        """Counts a row; what of it is not used, in words."""
        if not self.count:
            self._lacking = [name for name in self._wanted if name not in row]
            self._there = [name for name in row if name not in self._wanted]
        self.count += 1
        self.predicted += prediction.answer is not None
        why = [f"{name}: {reason}" for name, reason in prediction.reasons.items()]
        if why:
            self.notes.append(f"not used, row {self.count}: {'; '.join(why)}")
        for name, value in prediction.outside.items():
            self._outside[name] += 1
            self._example.setdefault(name, value)
        for name, value in prediction.unseen.items():
            self._unseen[name] += 1
            self._values.setdefault(name, {})
            if len(self._values[name]) < 3:
                self._values[name][value] = None
            why.append(f"{name}: {prediction.doubtful[name]}")
        return "; ".join([*(f"{name}: no such column" for name in self._lacking), *why])

    def about(self) -> list[str]:
        """Sentences on what concerns many rows, with its share."""
        sentences = []
        if self._lacking:
            others = ", ".join(islice(self._there, 12)) or "no others"
            sentences.append(
                f"missing, in all {self.count} rows: {', '.join(self._lacking)} (no such columns; "
                f"beside those it reads, the table has {others})"
            )
        if self.predicted < self.count:
            none = share(self.count - self.predicted, self.count)
            sentences.append(
                f"not used, in {none} rows: no modality could be used, so they have no prediction"
            )
        for name, count in self._unseen.items():
            values = ", ".join(map(repr, self._values[name]))
            rows = share(count, self.count)
            sentences.append(
                f"not used, in {rows} rows: {name} ({self._preprocessing.unknown(name)}: {values})"
            )
        return [*sentences, *self._far()]

    def _far(self) -> list[str]:
        """Columns, and blocks of them, of which many numbers are outside those of training."""
        sentences, known = [], self._preprocessing
        often = [n for n, count in self._outside.items() if count >= max(2, _MANY * self.count)]
        for block, names in by_block(often, known.blocks).items():
            if block is None:
                sentences += [
                    f"doubtful, in {share(self._outside[name], self.count)} rows: {name} "
                    f"{known.outside_of(name)}, for example {self._example[name]}; is it in "
                    "another unit?"
                    for name in names
                ]
                continue
            rows = share(min(self._outside[name] for name in names), self.count)
            sentences.append(
                f"doubtful, in at least {rows} rows: {len(names)} of the "
                f"{len(known.kinds[block].columns)} columns of {block} ({listed(names, 3)}) hold "
                f"numbers outside those of training: {names[0]} "
                f"{known.outside_of(names[0])}, for example "
                f"{self._example[names[0]]}; are they in another unit?"
            )
        return sentences


def predictions_of(
    predictor: Predictor, source: pandas.DataFrame, folder: str | Path | None = None
) -> tuple[list[Prediction], list[str]]:
    """Predictions in memory, and the remarks of `g2d predict` on many rows, with their share.

    Args:
        predictor: A trained run.
        source: The table.
        folder: What relative paths are relative to.

    Returns:
        A prediction for each row, and sentences: what could not be used comes as one for each
        modality, with the first row as its example, in the place of one for each row.

    Raises:
        UserError: The table cannot be read, or has none of the columns.
    """
    remarks, predictions = Remarks(predictor), []
    failed: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row, prediction in predictor.table(source, folder):
        remarks.of(row, prediction)
        predictions.append(prediction)
        for name, reason in prediction.reasons.items():
            failed[name] += 1
            first.setdefault(name, f"row {remarks.count}: {reason}")
    parts = [
        f"in {share(count, remarks.count)} rows: {name} is not used, or not whole ({first[name]})"
        for name, count in failed.items()
    ]
    return predictions, [*remarks.about(), *parts]
