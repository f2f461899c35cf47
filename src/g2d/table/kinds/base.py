"""What all kinds of modality have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError
from g2d.table.kinds.paths import named
from g2d.table.reading.cells import Cell

Array = NDArray[np.generic]
# Called anew for every pass: each training sample's array, one after the other.
Arrays = Callable[[], Iterator[Array]]
SHORT_VECTOR = "g2d.models.encoders.short_vector.ShortVector"


@dataclass(frozen=True)
class Field:
    """A column and what its cells hold, for forms and schemas.

    Attributes:
        column: Its name.
        holds: `file` where the cell is a path.
        media: Of files: a media type or an ending, as the `accept` of a form has it.
        values: Of categories: those that training kept.
        others: Of categories: how many values of training were too rare to be kept.
        ends: Of numbers: the smallest and the largest of training; nothing where that is not known.
        inline: Of files: what may stand in the cell itself in the place of a path.
    """

    column: str
    holds: Literal["file", "number", "date", "category", "words"]
    media: str = ""
    values: tuple[str, ...] = ()
    others: int = 0
    ends: Sequence[float] | None = None
    inline: Literal["", "number", "vectors"] = ""


class Kind(ABC):
    """How the cells of one modality become the input of an encoder, in three steps.

    `decode` makes an array of a row's cells, once, without knowing other rows. `fit` learns from
    the training rows what `finish` needs to make an encoder's input of such an array: means,
    vocabularies, lengths. What is fitted is plain values (`state`), saved with the model.

    Args:
        columns: The columns it reads.

    Attributes:
        name: As recipes call it.
        ragged: Whether arrays of different rows differ in shape.
        dtype: Of the encoder's input.
        paths: Whether its cells name files.
        media: Of the files that its cells name, as `Field` has it.
        summary: What predictors without a network read of an input, a word of `ShortVector`.
        options: What it was made with, beside the columns.
        suggested: The encoder for it, as a recipe has it, where the user asks for none.
    """

    name: ClassVar[str]
    ragged: ClassVar[bool] = False
    dtype: ClassVar[type[np.generic]] = np.float32
    paths: ClassVar[bool] = False
    media: ClassVar[str] = ""
    summary: ClassVar[str] = "flat"

    def __init__(self, columns: Sequence[str], **options: Any) -> None:
        if not columns:
            raise UserError(f"{self.name}: got no columns, expected 1 or more")
        self.columns = tuple(columns)
        self.options = options

    def check(self) -> None:  # noqa: B027 (most kinds name nothing)
        """Looks at what the options name, before anything is decoded.

        Not asked of a fitted kind, whose state holds what it needs.

        Raises:
            UserError: It is not there, or cannot be used.
        """

    @property
    def names_files(self) -> bool:
        """Whether cells may name files."""
        return self.paths or (type(self).files is not Kind.files and len(self.columns) == 1)

    @property
    def stands_alone(self) -> bool:
        """Whether its options name nothing that lies elsewhere and may change there."""
        return True

    def files(self, cells: Mapping[str, Cell], folder: Path) -> list[Path]:
        """The files that the array of a row is made of, whether they are there or not."""
        cell = cells[self.columns[0]] if self.paths else None
        return [] if cell is None else named(cell, folder)

    @abstractmethod
    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The array of one row; `None` where its cells are empty.

        Raises:
            UserError: The cells hold something, and it cannot be used.
        """

    def fit(self, arrays: Arrays) -> None:  # noqa: B027 (most kinds have something to fit)
        """Fits the kind to the training rows."""

    def refuses(self, array: Array) -> str:
        """Why `finish` cannot take an array; nothing where it can. Known when fitted."""
        return ""

    def remark(self, array: Array) -> str:
        """A sentence on the part of an array that is not used; empty where all of it is."""
        return ""

    def unfamiliar(self, array: Array) -> str:
        """Describes what a new row's array holds that no training row had. For a fitted kind."""
        return ""

    def misread(self, columns: Mapping[str, Sequence[Cell]]) -> str:
        """Why new cells would be misread; empty where none would. For a fitted kind."""
        return ""

    def shortened(self, rows: Sequence[Mapping[str, Cell]], folder: Path) -> list[str]:
        """Sentences on cells of some rows that are too long to be read whole.

        Fitted or not: of a kind that is not, as it would be by these rows.
        """
        return []

    @property
    def judges(self) -> bool:
        """Whether there are arrays that it refuses or has remarks on."""
        own = type(self)
        return own.refuses is not Kind.refuses or own.remark is not Kind.remark

    def refused(self, arrays: Sequence[Array]) -> dict[int, str]:
        """Like `refuses`, for many rows: the reasons, by position."""
        if type(self).refuses is Kind.refuses:
            return {}
        reasons = {place: self.refuses(array) for place, array in enumerate(arrays)}
        return {place: why for place, why in reasons.items() if why}

    def remarks(self, arrays: Sequence[Array]) -> dict[int, str]:
        """Like `remark`, for many rows: the sentences, by position."""
        if type(self).remark is Kind.remark:
            return {}
        remarks = {place: self.remark(array) for place, array in enumerate(arrays)}
        return {place: remark for place, remark in remarks.items() if remark}

    @abstractmethod
    def finish(self, array: Array) -> Array:
        """The encoder's input, of shape `shape`."""

    def finish_all(self, arrays: Sequence[Array]) -> Array:
        """The inputs of some rows, `(n, *shape)`."""
        finished = np.zeros((len(arrays), *self.shape), self.dtype)
        for place, array in enumerate(arrays):
            finished[place] = self.finish(array)
        return finished

    @property
    def short_vector(self) -> dict[str, Any]:
        """The encoder whose features predictors without a network read; known when fitted."""
        return {"name": SHORT_VECTOR, "shape": list(self.shape), "summary": self.summary}

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one input; known when fitted."""

    @property
    @abstractmethod
    def suggested(self) -> dict[str, Any]:
        """A small encoder that trains from scratch on a CPU; known when fitted."""

    def fields(self) -> list[Field]:
        """The description of its columns; known when fitted."""
        return [Field(column, "file", self.media) for column in self.columns]

    def opens(self, cell: str) -> bool:
        """Whether `decode` takes a cell for the path of a file."""
        return True

    def unpacked(self, path: Path) -> int:
        """Bytes that a file takes when it is decoded, by its header; 0 where not known."""
        return 0

    def state(self) -> dict[str, Any]:
        """The fitted state, as plain values."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Restores the state from `state`."""

    def remembered(self) -> dict[str, Any]:
        """Statistics of the training rows to judge new rows by; inputs do not depend on them."""
        return {}

    def load_remembered(self, remembered: Mapping[str, Any]) -> None:  # noqa: B027
        """Restores what `remembered` gave; folders of before have none."""


def one_column(kind: str, columns: Sequence[str]) -> str:
    """The only column of a kind that reads one.

    Raises:
        UserError: There are several.
    """
    if len(columns) != 1:
        raise UserError(f"{kind}: got {len(columns)} columns, expected 1; make a modality of each")
    return columns[0]


def share(part: int, total: int) -> str:
    """A count with its share in words.

    Example:
        >>> share(3, 12)
        '3 of 12 (25 %)'
    """
    return f"{part} of {total} ({100 * part / total:.0f} %)"


def whole(kind: str, name: str, value: object, least: int) -> int:
    """An option that must be a whole number.

    Raises:
        UserError: It is none, or too small.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{kind}: got {name}={value!r}, expected a whole number from {least} on")
    return value
