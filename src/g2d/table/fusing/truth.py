"""Labels of an ensemble's rows, and the task that they and the predictions make."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.table.columns.targets import read_target
from g2d.table.reading.cells import number_of
from g2d.table.reading.source import Table
from g2d.tasks import Classification, MultiLabel, Regression, Task


def numbers(table: Table, target: str, said: Sequence[Tensor]) -> tuple[Task, Tensor]:
    """The task and the labels, whose range is that of the predictions too."""
    truth = torch.tensor([number_of(cell) for cell in table.column(target)])
    if not truth.isfinite().all():
        raise UserError(f"{table.name}: {target!r} holds cells that are no number")
    return Regression.fit(torch.cat([truth, *said])), truth


def classes(table: Table, target: str, columns: Sequence[str]) -> tuple[Task, Tensor]:
    """The task and the labels, in the order of the columns of predictions."""
    cells = table.column(target)
    found = read_target(cells, target)
    if found.unusable:
        row, why = next(iter(found.unusable.items()))
        raise UserError(f"{table.name}, row {row + 1}: {why}; leave out rows without a label")
    unknown = [name for name in found.names if name not in columns]
    if found.task == "regression" or unknown:
        what = ", ".join(map(repr, unknown[:5])) or "numbers"
        raise UserError(
            f"{table.name}: {target!r} holds {what}, and the columns of predictions are "
            f"{', '.join(columns)}; expected one column for each label"
        )
    values = torch.from_numpy(np.array(found.values)).long()
    order = torch.tensor([columns.index(name) for name in found.names])
    if found.task == "multilabel":
        bits = torch.zeros(len(values), len(columns), dtype=torch.int64)
        bits[:, order] = values
        return MultiLabel(columns), bits
    return Classification(columns), order[values]
