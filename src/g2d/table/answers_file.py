"""Predictions of a table in a CSV file, beside the table's own columns."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.errors import UserError
from g2d.files import atomic, check_out
from g2d.table.kinds.base import share
from g2d.table.predict import Prediction, Predictor
from g2d.table.reading.source import Row
from g2d.table.reading.spreadsheet import harmless
from g2d.tasks import Classification, MultiLabel, Regression

# The share of rows whose numbers are outside those of training that is worth a sentence.
_MANY = 0.2

if TYPE_CHECKING:
    import pandas


def write_predictions(
    predictor: Predictor, source: str | Path, out: str | Path, keep: Sequence[str] | None = None
) -> tuple[int, list[str]]:
    """Predicts a table into a CSV file, in bounded memory.

    Columns: `row` (from 1), `prediction`, `p(<class>)`, `<modality> alone`, `not used`, and the
    table's own, whose names get ` (table)` where they are among these. What a spreadsheet would
    take for a formula has an apostrophe before it (see `harmless`).

    Args:
        predictor: A trained run.
        source: The table.
        out: The file.
        keep: The table's own columns to write; all when not given.

    Returns:
        How many rows have a prediction, and sentences on what could not be used or is doubtful:
        columns that are not there, values that training never saw and numbers outside those of
        training, with their share; then row by row.

    Raises:
        UserError: The table cannot be read, lacks a column to keep, or is to be written over.
    """
    task = predictor.task
    names: Sequence[str] = ()
    if isinstance(task, Classification):
        names = task.class_names
    elif isinstance(task, MultiLabel):
        names = task.label_names
    modalities = list(predictor.preprocessing.kinds)
    header = ["row", "prediction", *(f"p({name})" for name in names)]
    header += [*(f"{name} alone" for name in modalities), "not used"]
    out = Path(out)
    check_out(out, [source])
    digits = task.digits if isinstance(task, Regression) else 8
    unused = _Unused(predictor)
    own = list(keep or ())
    # whoever is stopped half-way keeps what was there before
    with atomic(out) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for row, said in predictor.table(source):
            if not unused.count:
                own = _kept(row, keep)
                titles = [f"{name} (table)" if name in header else name for name in own]
                writer.writerow(map(harmless, [*header, *titles]))
            why = unused.of(row, said)
            writer.writerow(
                [
                    unused.count,
                    _cell(said.answer, digits),
                    *(f"{said.probabilities[n]:.6g}" if said.probabilities else "" for n in names),
                    *(_cell(said.unimodal.get(name), digits) for name in modalities),
                    harmless(why),
                    *(_cell(row[name]) for name in own),
                ]
            )
        if not unused.count:
            writer.writerow(map(harmless, [*header, *own]))
    return unused.answered, [*unused.about(), *unused.notes]


class _Unused:
    """Counts what of the rows is not used."""

    def __init__(self, predictor: Predictor) -> None:
        self._preprocessing = predictor.preprocessing
        self._wanted = predictor.preprocessing.columns
        self._lacking: list[str] = []
        self._there: list[str] = []
        self._unseen: Counter[str] = Counter()
        self._values: dict[str, dict[str, None]] = {}
        self._outside: Counter[str] = Counter()
        self._example: dict[str, str] = {}
        self.count = self.answered = 0
        self.notes: list[str] = []

    def of(self, row: Row, said: Prediction) -> str:
        """Counts a row; what of it is not used, in words."""
        if not self.count:
            self._lacking = [name for name in self._wanted if name not in row]
            self._there = [name for name in row if name not in self._wanted]
        self.count += 1
        self.answered += said.answer is not None
        why = [f"{name}: {reason}" for name, reason in said.reasons.items()]
        if why:
            self.notes.append(f"not used, row {self.count}: {'; '.join(why)}")
        for name, value in said.outside.items():
            self._outside[name] += 1
            self._example.setdefault(name, value)
        for name, value in said.unseen.items():
            self._unseen[name] += 1
            self._values.setdefault(name, {})
            if len(self._values[name]) < 3:
                self._values[name][value] = None
            why.append(f"{name}: {value!r} is {self._unknown(name)}")
        return "; ".join([*(f"{name}: no such column" for name in self._lacking), *why])

    def about(self) -> list[str]:
        """What concerns many rows, with its share."""
        said = []
        if self._lacking:
            others = ", ".join(islice(self._there, 12)) or "no others"
            said.append(
                f"not used, in all {self.count} rows: {', '.join(self._lacking)} (no such columns; "
                f"beside those it reads, the table has {others})"
            )
        if self.answered < self.count:
            none = share(self.count - self.answered, self.count)
            said.append(
                f"not used, in {none} rows: no modality could be used, so they have no prediction"
            )
        for name, count in self._unseen.items():
            values = ", ".join(map(repr, self._values[name]))
            rows = share(count, self.count)
            said.append(f"not used, in {rows} rows: {name} ({self._unknown(name)}: {values})")
        for name, count in self._outside.items():
            if count >= max(2, _MANY * self.count):
                low, high = self._preprocessing.ends[name]
                said.append(
                    f"doubtful, in {share(count, self.count)} rows: {name} is outside the {low:g} "
                    f"to {high:g} of training, for example {self._example[name]}; is it in "
                    "another unit?"
                )
        return said

    def _unknown(self, name: str) -> str:
        rare = self._preprocessing.not_kept.get(name, 0)
        also = f", or one of the {rare} values too rare there to be kept" if rare else ""
        return f"not known from training{also}"


def predictions_of(
    predictor: Predictor, source: pandas.DataFrame, folder: str | Path | None = None
) -> tuple[list[Prediction], list[str]]:
    """Predictions in memory, and what `g2d predict` says of many rows, with its share.

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
    unused, answers = _Unused(predictor), []
    failed: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row, said in predictor.table(source, folder):
        unused.of(row, said)
        answers.append(said)
        for name, reason in said.reasons.items():
            failed[name] += 1
            first.setdefault(name, f"row {unused.count}: {reason}")
    parts = [
        f"in {share(count, unused.count)} rows: {name} is not used, or not whole ({first[name]})"
        for name, count in failed.items()
    ]
    return answers, [*unused.about(), *parts]


def _kept(row: Row, keep: Sequence[str] | None) -> list[str]:
    """The table's own columns to write.

    Raises:
        UserError: It lacks one of them.
    """
    for name in keep or ():
        if name not in row:
            raise UserError(f"--keep: the table has no column {name!r}; it has {', '.join(row)}")
    return list(row if keep is None else keep)


def _cell(value: str | float | None, digits: int = 8) -> str:
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else f"{value:.{digits}g}"
