"""A table as plain values: what was measured, over how many seeds, and what the paper says.

Accuracies are in percent, as the paper has them; so are the percentage errors of regression. All
other metrics have their own unit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Number:
    """An entry of a table: a number over seeds, and the paper's.

    Attributes:
        mean: Over the seeds that are finished; `None` where none is.
        std: Over seeds, with n - 1; `None` for fewer than two.
        n: How many seeds are finished.
        low: Lower end of the 95 % interval over samples and seeds; over samples alone for one seed.
        high: Upper end.
        values: The number of every finished seed, in the order of seeds.
        runs: Names of the run folders behind it, in the same order.
        paper: The paper's number, in the same unit.
        marks: What a reader has to know of it: seeds that are missing, why one failed, a protocol
            that is not that of the column.
        paper_marks: The same of the paper's number.
    """

    mean: float | None
    std: float | None
    n: int
    low: float | None
    high: float | None
    values: tuple[float, ...]
    runs: tuple[str, ...]
    paper: float | None = None
    marks: tuple[str, ...] = ()
    paper_marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table: data, prediction and metric.

    Attributes:
        label: `"CREMA-D, fused"`.
        dataset: Label of the dataset.
        metric: Of the run's record: `"accuracy"`, `"mape"`.
        read: `"fused"` or a modality.
        higher_is_better: Which of two numbers wins.
        unit: `"%"`, or nothing.
    """

    label: str
    dataset: str
    metric: str
    read: str
    higher_is_better: bool
    unit: str = ""


@dataclass(frozen=True)
class Row:
    """A combination of the other axes.

    Attributes:
        labels: One for every axis but the dataset.
        numbers: One for every column; `None` where the grid has no such combination.
    """

    labels: tuple[str, ...]
    numbers: tuple[Number | None, ...]


@dataclass(frozen=True)
class PairedTest:
    """Whether a row differs from the reference row beyond chance, in one column.

    Attributes:
        column: Label of the column.
        reference: Labels of the row compared with.
        row: Labels of the row.
        over: What is paired, `"samples"` or `"seeds"`.
        test: Name of the test.
        difference: Row less reference, in the unit of the column.
        n: How many pairs.
        p: How often chance alone gives a difference this large.
        adjusted: The same, corrected for the number of rows (Holm, 1979).
        least: The least that `adjusted` can be with so many pairs and rows.
        low: Lower end of the difference's 95 % interval over samples and seeds; `None` for one
            seed.
        high: Upper end.
    """

    column: str
    reference: tuple[str, ...]
    row: tuple[str, ...]
    over: str
    test: str
    difference: float
    n: int
    p: float
    adjusted: float
    least: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Best:
    """The best number of a column among those that were measured alike.

    Attributes:
        row: Its position.
        beyond_chance: Whether the 95 % interval of its difference to the runner-up, over samples
            and seeds, leaves zero out.
        level: Positions of other rows that have the same number.
    """

    row: int
    beyond_chance: bool
    level: tuple[int, ...] = ()

    @property
    def rows(self) -> tuple[int, ...]:
        """All that are marked as the best."""
        return (self.row, *self.level)


@dataclass(frozen=True)
class Ranking:
    """Rows ranked across datasets (Demšar, 2006).

    Attributes:
        rows: Labels of every row, best mean rank first.
        ranks: Mean rank of each, 1 is best.
        datasets: The columns ranked over.
        statistic: Friedman's chi squared, with ties.
        p: Its p-value.
        critical_difference: Of mean ranks, by Nemenyi's test at 0.05.
        groups: Ranges of positions in `rows`, first and last, within the critical difference.
    """

    rows: tuple[tuple[str, ...], ...]
    ranks: tuple[float, ...]
    datasets: tuple[str, ...]
    statistic: float
    p: float
    critical_difference: float
    groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Table:
    """The results of a grid.

    Attributes:
        name: Of the grid.
        title: What is shown.
        about: What a reader has to know.
        command: That made it.
        axes: Names of the label columns.
        columns: One for every dataset and what is read of it.
        rows: One for every combination of the other axes.
        notes: Protocol, what is missing, where the paper contradicts itself.
        best: For every column the best of each set of numbers that may be compared.
        tests: Of every row against the reference row.
        ranking: Across datasets, where there are two or more, and three or more rows.
    """

    name: str
    title: str
    about: str
    command: str
    axes: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    best: tuple[tuple[Best, ...], ...] = ()
    tests: tuple[PairedTest, ...] = ()
    ranking: Ranking | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)
