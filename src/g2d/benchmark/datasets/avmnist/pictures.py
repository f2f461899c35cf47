"""The pictures of AV-MNIST: MNIST's files, divided into splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.idx import read_idx
from g2d.data.partition import stratified_parts
from g2d.errors import UserError


@dataclass(frozen=True)
class Pictures:
    """All pictures read, and which rows belong to which split.

    Attributes:
        pixels: `(N, D)` grey levels.
        labels: `(N,)` digits.
        size: Height and width of a picture.
        rows: For every split, rows of `pixels`.
        files: Name of every file and its number of pictures, in the order of the rows.
    """

    pixels: NDArray[np.generic]
    labels: NDArray[np.int64]
    size: tuple[int, int]
    rows: dict[str, NDArray[np.int64]]
    files: list[tuple[str, int]]

    def source(self, row: int) -> tuple[str, int]:
        """File that a row was read from, and its position there."""
        for name, count in self.files:
            if row < count:
                return name, row
            row -= count
        raise IndexError(row)


def read_pictures(
    folder: str | Path, sizes: Mapping[str, int], rng: np.random.Generator
) -> Pictures:
    """Reads MNIST's files and draws the splits, stratified by digit.

    Args:
        folder: Holds `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or `t10k-*`, or
            both pairs; `.gz` or not.
        sizes: Pictures wanted for "train", "val" and "test".
        rng: Source of the draw.

    Raises:
        UserError: Files are missing, do not match, or hold too few pictures.
    """
    folder = Path(folder)
    parts = {name: _read_part(folder, name) for name in ("train", "t10k")}
    found = {name: part for name, part in parts.items() if part is not None}
    if not found:
        raise UserError(
            f"{folder} holds no MNIST files; expected train-images-idx3-ubyte.gz and "
            "train-labels-idx1-ubyte.gz, or the t10k-* pair"
        )
    pixels = np.concatenate([part[0] for part in found.values()])
    labels = np.concatenate([part[1] for part in found.values()])
    counts = {name: len(part[1]) for name, part in found.items()}
    if len(found) == 2:
        seen, kept = counts["train"], counts["t10k"]
        _enough(folder, "train-*", seen, {"train": sizes["train"], "val": sizes["val"]})
        _enough(folder, "t10k-*", kept, {"test": sizes["test"]})
        train, val = stratified_parts(labels[:seen], [sizes["train"], sizes["val"]], rng)
        (test,) = stratified_parts(labels[seen:], [sizes["test"]], rng)
        test = test + seen
    else:
        (name,) = found
        _enough(folder, f"{name}-*", len(labels), sizes)
        train, val, test = stratified_parts(
            labels, [sizes["train"], sizes["val"], sizes["test"]], rng
        )
    height, width = pixels.shape[1:]
    return Pictures(
        pixels=pixels.reshape(len(pixels), -1),
        labels=labels,
        size=(height, width),
        rows={"train": train, "val": val, "test": test},
        files=[(part[2], len(part[1])) for part in found.values()],
    )


def _enough(folder: Path, files: str, got: int, wanted: Mapping[str, int]) -> None:
    if sum(wanted.values()) > got:
        asked = " + ".join(f"{count} {name}" for name, count in wanted.items())
        raise UserError(
            f"{folder}: {files} holds {got} pictures, got a wish for {asked}; ask for fewer pairs"
        )


def _read_part(
    folder: Path, prefix: str
) -> tuple[NDArray[np.generic], NDArray[np.int64], str] | None:
    pictures = sorted(folder.glob(f"{prefix}*images*idx3*"))
    marks = sorted(folder.glob(f"{prefix}*labels*idx1*"))
    if not pictures and not marks:
        return None
    if not pictures or not marks:
        lone, missing = (pictures or marks)[0], "images" if marks else "labels"
        raise UserError(f"{folder} holds {lone.name} but no {prefix} {missing}; add that file")
    pixels, labels = read_idx(pictures[0]), read_idx(marks[0])
    if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
        raise UserError(
            f"{pictures[0]} has shape {pixels.shape} and {marks[0].name} {labels.shape}; expected "
            "(N, height, width) and (N,) of the same N"
        )
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise UserError(f"{marks[0]} must hold digits from 0 to 9, one or more")
    return pixels, labels.astype(np.int64), pictures[0].name
