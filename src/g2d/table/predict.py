"""Predictions of a trained run for new rows; the run folder alone is enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.runs.run import Run
from g2d.table.preprocessing import Preprocessing
from g2d.table.reading.source import Row, iterate_table
from g2d.tasks import Classification, MultiLabel, Task, task_from

if TYPE_CHECKING:
    import pandas

# Rows that are decoded and predicted together.
BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """The prediction of a model for one row.

    Attributes:
        answer: Class, labels joined by `|`, or a number; `None` where no modality could be used.
        probabilities: By class or label; empty for regression.
        unimodal: The prediction from each modality that is there, in the terms of `answer`.
        reasons: Why a modality that is in the row could not be used.
        shares: The prediction from each modality alone, in the terms of `probabilities`; empty for
            regression.
        unseen: Values of categories, by column, that are none of those kept from training.
        outside: Numbers, by column, that are smaller or larger than all of training.
        doubtful: Both, by column, in words; of a block of columns by its modality.
    """

    answer: str | float | None
    probabilities: dict[str, float]
    unimodal: dict[str, str | float]
    reasons: dict[str, str]
    shares: dict[str, dict[str, float]] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    outside: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)


class Predictor:
    """A trained run, ready for new rows.

    Args:
        folder: A finished run on a table.
        trust: Whether code outside g2d that the run names may be run.

    Raises:
        UserError: It is none, or it names code outside g2d that is not trusted.
    """

    def __init__(self, folder: str | Path, *, trust: bool = False) -> None:
        run = Run(folder, trust=trust)
        self.model, self.recipe = run.model, run.recipe
        if not (run.path / "preprocessing.json").exists():
            raise UserError(
                f"{folder} was not trained on a table, so it cannot read one; expected a run made "
                "from a recipe of g2d data inspect"
            )
        self.preprocessing = Preprocessing.from_dict(run.read_json("preprocessing.json"))
        self.task = task_from(run.description["task"])

    def rows(self, rows: Sequence[Row], folder: str | Path = ".") -> list[Prediction]:
        """Predictions of some rows.

        Args:
            rows: Cells by column; those that are not there are empty.
            folder: What relative paths are relative to.
        """
        predictions = []
        for start in range(0, len(rows), BATCH):
            predictions += self._together(rows[start : start + BATCH], Path(folder))
        return predictions

    def table(
        self, source: str | Path | pandas.DataFrame, folder: str | Path | None = None
    ) -> Iterator[tuple[Row, Prediction]]:
        """Every row of a table with its prediction, a few at a time however long it is.

        Raises:
            UserError: The table cannot be read, or has none of the columns.
        """
        for part in iterate_table(source, folder, rows=1024):
            self.preprocessing.check_columns(part)
            rows = [part.row(number) for number in range(len(part))]
            yield from zip(rows, self.rows(rows, part.folder), strict=True)

    def _together(self, rows: Sequence[Row], folder: Path) -> list[Prediction]:
        batch, reasons = self.preprocessing.batch(rows, folder)
        with torch.no_grad():
            outputs = self.model(batch)
        predicted = in_words(self.task, outputs.logits)
        shares = probabilities(self.task, outputs.logits)
        alone = {name: in_words(self.task, logits) for name, logits in outputs.unimodal.items()}
        apart = {n: probabilities(self.task, logits) for n, logits in outputs.unimodal.items()}
        found = []
        for place, why in enumerate(reasons):
            row = self.preprocessing.plain(rows[place])
            unseen, outside = self.preprocessing.unseen(row), self.preprocessing.outside(row)
            there = [name for name in batch.inputs if bool(batch.present[name][place])]
            found.append(
                Prediction(
                    predicted[place] if there else None,
                    shares[place] if there else {},
                    {name: alone[name][place] for name in there if name in alone},
                    why,
                    {n: apart[n][place] for n in there if n in apart and apart[n][place]},
                    unseen,
                    outside,
                    self.preprocessing.doubtful(unseen, outside),
                )
            )
        return found


def in_words(task: Task, logits: Tensor) -> list[str | float]:
    """Predictions in the terms of the table that was trained on.

    Example:
        >>> in_words(Classification(["cat", "dog"]), torch.tensor([[0.0, 1.0]]))
        ['dog']
    """
    predicted = task.predict(logits)
    if isinstance(task, Classification):
        return [task.class_names[number] for number in predicted.tolist()]
    if isinstance(task, MultiLabel):
        return [
            "|".join(name for name, bit in zip(task.label_names, bits, strict=True) if bit)
            for bits in predicted.tolist()
        ]
    return [float(number) for number in predicted.tolist()]


def probabilities(task: Task, logits: Tensor) -> list[dict[str, float]]:
    """The probabilities by class or label; empty for regression."""
    if isinstance(task, Classification):
        names, shares = task.class_names, logits.float().softmax(dim=1)
    elif isinstance(task, MultiLabel):
        names, shares = task.label_names, logits.float().sigmoid()
    else:
        return [{} for _ in logits]
    return [dict(zip(names, row, strict=True)) for row in shares.tolist()]
