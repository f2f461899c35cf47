"""A table as a dataset."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from g2d.data.cache import cache_folder
from g2d.data.policies import Division
from g2d.data.splits import Splits
from g2d.table.columns.asked import Asked
from g2d.table.columns.targets import TaskName
from g2d.table.contents import Contents
from g2d.table.opened import Warned, key_of, opened_before, recorded_warnings
from g2d.table.opening import Opening
from g2d.table.reading.numbers import Decimal

if TYPE_CHECKING:
    import pandas


class TableData:
    """Rows of a table: files, text and numbers, and what is to be predicted from them.

    A cell that is empty is a missing modality, and so is one that cannot be used, which is
    reported. Rows without a target, without a place in the division, or without any modality are
    left out, and so are those to validate and test on whose class no training row has. Files are
    decoded once, into a store in the cache; a table of 1,000 rows or more that names none is not
    read again while its contents and options are the same.

    Args:
        table: CSV, TSV, Parquet or JSON Lines; in Python also a pandas DataFrame.
        target: The column to predict.
        modalities: By name, `{kind: image, column: photo}`, and the options of the kind; read off
            the table when not given, and of those that are read off it a list of names keeps some.
        task: `classification`, `multilabel` (several labels in a cell), `regression`, or `auto`;
            or a mapping, `{name: regression, scale: log}`, with the options of `Asked`.
        split: How rows are divided: `{column: ...}`, `{group: ...}`, `{time: ...}` with
            `dates`, shares `val` and `test`, `seed`; a column called `split` is followed when
            no split is given.
        folder: What relative paths are relative to; the table's own folder when not given.
        cache: Where decoded rows, and what was made of them, are kept.
        workers: Processes that decode files; with more than 0, a script of your own has to keep
            its work below `if __name__ == "__main__":`.
        numbers: The decimal mark of columns, `decimal_point` or `decimal_comma`, where their values
            do not show it; how the others are written is read off them.
        weight: A column of numbers from 0: training draws rows in proportion to them, and not
            those where it is 0 or empty. Rows that validate and test count the same, whatever it
            holds.
        duplicates: `drop` leaves out rows whose modalities and target an earlier one has.

    Attributes:
        skipped: Rows that are left out, by number from 1, and why.
        absent: What could not be used of rows that are used: row, modality, reason.

    Raises:
        UserError: The table cannot be read, a column is not there, or nothing can be predicted.
    """

    def __init__(
        self,
        table: str | Path | pandas.DataFrame,
        target: str,
        modalities: Mapping[str, Any] | Sequence[str] | None = None,
        task: TaskName | Mapping[str, Any] = "auto",
        split: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        cache: str | Path | None = None,
        workers: int = 0,
        numbers: Mapping[str, Decimal] | None = None,
        weight: str | None = None,
        duplicates: Literal["keep", "drop"] = "keep",
    ) -> None:
        self.asked = Asked.of(task)
        self.workers = workers
        self.cache = cache_folder(cache) / "tables"
        self.skipped: dict[int, str] = {}
        self.absent: list[tuple[int, str, str]] = []
        self._warned: Warned = []
        self._source, self._target = table, target
        self._given: dict[str, Any] = {
            "modalities": modalities,
            "split": split,
            "folder": folder,
            "numbers": numbers,
            "weight": weight,
            "duplicates": duplicates,
        }
        self._kept = self._place()
        self._known = None if self._kept is None else opened_before(self._kept)
        if self._known is None:
            self.contents  # noqa: B018 (what is wrong with the table is reported at once)

    @cached_property
    def contents(self) -> Contents:
        """The table, read whole."""
        with recorded_warnings(self._warned):
            return Contents.read(self._source, self._target, self.asked, **self._given)

    def _place(self) -> Path | None:
        """Where what is made of the table is kept; nowhere for a DataFrame."""
        if not isinstance(self._source, str | Path) or not Path(self._source).is_file():
            return None
        given = {"target": self._target, **self._given}
        return self.cache / f"opened-{key_of(Path(self._source), self.asked, given)}"

    def splits(self, division: Division | None = None) -> Splits:
        """Decodes what has to be decoded, divides, fits on train.

        Args:
            division: Rows of the table that train, validate and test, in the place of `split`;
                those that cannot be used are left out of it.

        Raises:
            UserError: Nothing usable is left of a modality, a split, or the classes.
        """
        if division is None and self._known is not None:
            opened, warned = self._known
            for name, words in warned:
                logging.getLogger(name).warning("%s", words)
            self.skipped, self.absent = opened.skipped, opened.absent
            return opened.splits(self.asked)
        with recorded_warnings(warned := list(self._warned)):
            opening = Opening(self.contents, self._target, self.asked, self.cache, self.workers)
            opened = opening.opened(division)
            self.skipped, self.absent = opened.skipped, opened.absent
            splits = opened.splits(self.asked)
        place = None if division is not None else self._kept
        # not if the table has changed since it was read
        if place is not None and self.contents.stands_alone and self._place() == place:
            opened.keep(place, warned)
        return splits
