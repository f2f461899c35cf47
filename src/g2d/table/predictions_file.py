"""Predictions of a table in a CSV file, beside the table's own columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from g2d.errors import UserError
from g2d.files import atomic, check_out
from g2d.table.predict import Predictor
from g2d.table.reading.labels import without_label
from g2d.table.reading.source import Row
from g2d.table.reading.spreadsheet import check_csv, harmless
from g2d.table.remarks import Remarks
from g2d.tasks import Classification, MultiLabel, Regression


def write_predictions(
    predictor: Predictor, source: str | Path, out: str | Path, keep: Sequence[str] | None = None
) -> tuple[int, list[str], list[str]]:
    """Predicts a table into a CSV file, in bounded memory.

    Columns: `row` (from 1), `prediction` (of several labels `none` where none is predicted, and
    empty where nothing can be), `p(<class>)`, `<modality> alone`, `not used`, and the table's own,
    whose names get ` (table)` where they are among these. What a spreadsheet would take for a
    formula has an apostrophe before it (see `harmless`).

    Args:
        predictor: A trained run.
        source: The table.
        out: The file.
        keep: The table's own columns to write; all when not given.

    Returns:
        How many rows have a prediction; sentences on what could not be used or is doubtful in many
        rows: columns that are not there, values that training never saw and numbers outside those
        of training, with their share; and sentences on single rows.

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
    check_csv(out)
    nothing = without_label(names)
    digits = task.digits if isinstance(task, Regression) else 8
    remarks = Remarks(predictor)
    own = list(keep or ())
    # an interrupted call keeps what was there before
    with atomic(out) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for row, prediction in predictor.table(source):
            if not remarks.count:
                own = _kept(row, keep)
                titles = [f"{name} (table)" if name in header else name for name in own]
                writer.writerow(map(harmless, [*header, *titles]))
            why = remarks.of(row, prediction)
            writer.writerow(
                [
                    remarks.count,
                    _cell(prediction.answer, digits, nothing),
                    *(
                        f"{prediction.probabilities[n]:.6g}" if prediction.probabilities else ""
                        for n in names
                    ),
                    *(_cell(prediction.unimodal.get(name), digits, nothing) for name in modalities),
                    harmless(why),
                    *(_cell(row[name]) for name in own),
                ]
            )
        if not remarks.count:
            writer.writerow(map(harmless, [*header, *own]))
    return remarks.predicted, remarks.about(), remarks.notes


def _kept(row: Row, keep: Sequence[str] | None) -> list[str]:
    """The table's own columns to write.

    Raises:
        UserError: It lacks one of them.
    """
    for name in keep or ():
        if name not in row:
            raise UserError(f"--keep: the table has no column {name!r}; it has {', '.join(row)}")
    return list(row if keep is None else keep)


def _cell(value: str | float | None, digits: int = 8, nothing: str = "") -> str:
    if value is None:
        return ""
    if value == "":
        return nothing
    return harmless(value) if isinstance(value, str) else f"{value:.{digits}g}"
