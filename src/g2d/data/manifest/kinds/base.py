"""What all kinds of modality have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.data.manifest.source import Cell
from g2d.errors import UserError

Array = NDArray[np.generic]
# Called anew for every pass: each training sample's array, one after the other.
Arrays = Callable[[], Iterator[Array]]


@dataclass(frozen=True)
class Field:
    """What the cells of a column hold, for those who ask people for one.

    Attributes:
        column: Its name.
        holds: `file` where the cell is a path.
        media: Of files: a media type or an ending, as the `accept` of a form has it.
        values: Of categories: those that training knew.
        inline: Of files: what may stand in the cell itself in the place of a path.
    """

    column: str
    holds: Literal["file", "number", "date", "category", "words"]
    media: str = ""
    values: tuple[str, ...] = ()
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
        media: Of the files that its cells name, as `Field` has it.
        options: What it was made with, beside the columns.
        suggested: The encoder for it, as a recipe says it, where the user asks for none.
    """

    name: ClassVar[str]
    ragged: ClassVar[bool] = False
    dtype: ClassVar[type[np.generic]] = np.float32
    media: ClassVar[str] = ""

    def __init__(self, columns: Sequence[str], **options: Any) -> None:
        if not columns:
            raise UserError(f"{self.name}: got no columns, expected 1 or more")
        self.columns = tuple(columns)
        self.options = options

    @abstractmethod
    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The array of one row; `None` where its cells are empty.

        Raises:
            UserError: The cells hold something, and it cannot be used.
        """

    def fit(self, arrays: Arrays) -> None:  # noqa: B027 (most kinds have something to fit)
        """Learns from the training rows."""

    def refuses(self, array: Array) -> str:
        """Why `finish` cannot take an array; nothing where it can. Known when fitted."""
        return ""

    @abstractmethod
    def finish(self, array: Array) -> Array:
        """The encoder's input, of shape `shape`."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one input; known when fitted."""

    @property
    @abstractmethod
    def suggested(self) -> dict[str, Any]:
        """A small encoder that trains from scratch on a CPU; known when fitted."""

    def fields(self) -> list[Field]:
        """What its columns hold; known when fitted."""
        return [Field(column, "file", self.media) for column in self.columns]

    def opens(self, cell: str) -> bool:
        """Whether `decode` takes a cell for the path of a file."""
        return True

    def unpacked(self, path: Path) -> int:
        """Bytes that a file takes when it is decoded, as its header says; 0 where it does not."""
        return 0

    def state(self) -> dict[str, Any]:
        """What was fitted, as plain values."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Takes it up."""


def path_in(cell: str, folder: Path) -> Path:
    """The file that a cell names.

    Raises:
        UserError: There is none, or it lies outside the table's folder.

    Example:
        >>> path_in("../secret.wav", Path("data"))
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: '../secret.wav' lies outside data; copy it there
    """
    path = folder / cell
    inside = folder.resolve()
    # An absolute path was written by someone who means it; a relative one must stay below.
    if not Path(cell).is_absolute() and not path.resolve().is_relative_to(inside):
        raise UserError(f"{cell!r} lies outside {folder}; copy it there")
    if not path.is_file():
        raise UserError(f"there is no file {cell!r} in {folder}")
    if path.stat().st_size == 0:
        raise UserError(f"{cell!r} is empty (0 bytes)")
    return path


def one_column(kind: str, columns: Sequence[str]) -> str:
    """The only column of a kind that reads one.

    Raises:
        UserError: There are several.
    """
    if len(columns) != 1:
        raise UserError(f"{kind}: got {len(columns)} columns, expected 1; make a modality of each")
    return columns[0]


class Moments:
    """Mean and standard deviation of numbers that come array by array, `nan` left out.

    Example:
        >>> moments = Moments(2)
        >>> moments.add(np.array([[1.0, 5.0], [3.0, np.nan]]))
        >>> moments.mean.tolist(), moments.scale.tolist()
        ([2.0, 5.0], [1.0, 1.0])
    """

    def __init__(self, width: int) -> None:
        self._count, self._sum, self._square = np.zeros((3, width))
        self._shift: NDArray[np.float64] | None = None

    def add(self, values: Array) -> None:
        """Rows `(n, width)`."""
        rows = np.asarray(values, dtype=np.float64)
        known = np.isfinite(rows)
        if self._shift is None and known.any():  # keeps the squares from swallowing the digits
            first = np.argmax(known, axis=0)
            picked = rows[first, np.arange(rows.shape[1])]
            self._shift = np.where(known.any(axis=0), picked, 0.0)
        if self._shift is None:
            return
        shifted = np.where(known, rows - self._shift, 0.0)
        self._count += known.sum(axis=0)
        self._sum += shifted.sum(axis=0)
        self._square += (shifted**2).sum(axis=0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """0 where nothing was seen."""
        shift = 0.0 if self._shift is None else self._shift
        seen = self._count > 0
        return np.where(seen, shift + self._sum / np.maximum(self._count, 1), 0.0)

    @property
    def scale(self) -> NDArray[np.float64]:
        """The standard deviation; 1 where there is none to divide by."""
        count = np.maximum(self._count, 1)
        variance = self._square / count - (self._sum / count) ** 2
        deviation = np.sqrt(np.maximum(variance, 0.0))
        return np.where(deviation > 1e-12, deviation, 1.0)
