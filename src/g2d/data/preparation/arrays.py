"""The arrays of a store, from chunks of decoded samples."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation.chunks import Chunk, values_of
from g2d.data.preparation.sample import Sample
from g2d.errors import UserError
from g2d.files import new_array


def write_arrays(store: Path, chunks: Mapping[Path, Chunk], ragged: frozenset[str]) -> None:
    """Puts the chunks together, one array at a time and one chunk at a time.

    Samples that lack a modality are zero there, or empty where it is ragged, and marked in
    `<modality>-present.npy`.

    Raises:
        UserError: Samples differ where they must not.
    """
    names = sorted({name for found in chunks.values() for name in found.shapes})
    for name in names:
        there = _presence(name, chunks.values())
        dtype, shapes = _alike(name, chunks.values())
        if not there.all():
            np.save(store / f"{name}-present.npy", there)
        if name in ragged:
            all_shapes = np.zeros((len(there), shapes.shape[1]), dtype=np.int64)
            all_shapes[there] = shapes
            offsets = np.concatenate([[0], np.cumsum(all_shapes.prod(axis=1))]).astype(np.int64)
            np.save(store / f"{name}-offsets.npy", offsets)
            np.save(store / f"{name}-shapes.npy", all_shapes)
            shape: tuple[int, ...] = (int(offsets[-1]),)
            places = offsets[:-1][there]
        elif len(np.unique(shapes, axis=0)) > 1:
            raise UserError(
                f"{name!r} comes in several shapes, {shapes.min(axis=0).tolist()} to "
                f"{shapes.max(axis=0).tolist()}; make them alike, or store it as ragged"
            )
        else:
            shape = (len(there), *shapes[0].tolist())
            places = np.flatnonzero(there) * int(np.prod(shape[1:]))
        array = new_array(store / f"{name}.npy", dtype, shape)
        flat, rows = array.reshape(-1), iter(places.tolist())
        for file in chunks:
            for values in values_of(file, name):
                place = next(rows)
                flat[place : place + len(values)] = values
        array.flush()


def _presence(name: str, chunks: Iterable[Chunk]) -> NDArray[np.bool_]:
    """Which of the usable samples have it.

    Raises:
        UserError: A sample has it neither as an array nor as something absent.
    """
    found: list[bool] = []
    for chunk in chunks:
        lacking = set(chunk.absent.get(name, ()))
        count = len(chunk.shapes[name]) if name in chunk.shapes else 0
        if count + len(lacking) != len(chunk.ids):
            raise UserError(f"some samples have {name!r} and some have not; decode all alike")
        found += [id not in lacking for id in chunk.ids]
    return np.array(found, dtype=bool)


def _alike(name: str, chunks: Iterable[Chunk]) -> tuple[np.dtype[np.generic], NDArray[np.int64]]:
    """The one type of an array, and the shapes of all that is there."""
    parts = [chunk for chunk in chunks if name in chunk.shapes]
    dtypes = {part.dtypes[name] for part in parts}
    if len(dtypes) > 1:
        raise UserError(f"{name!r} comes in several types: {sorted(map(str, dtypes))}")
    ranks = {part.shapes[name].shape[1] for part in parts}
    if len(ranks) > 1:
        raise UserError(f"{name!r} comes with several numbers of dimensions: {sorted(ranks)}")
    return dtypes.pop(), np.concatenate([part.shapes[name] for part in parts])


def write_samples(store: Path, samples: Sequence[Sample]) -> None:
    """Writes what is known of the samples: arrays for programs, a table for people."""
    columns = list(samples[0].columns)
    np.save(store / "sample-id.npy", np.array([sample.id for sample in samples]))
    np.save(store / "sample-target.npy", np.array([sample.target for sample in samples]))
    for name in columns:
        values = np.array([sample.columns[name] for sample in samples])
        np.save(store / f"sample-{name}.npy", values)
    rows = [[s.id, s.target, *(s.columns[name] for name in columns)] for s in samples]
    write_csv(store / "samples.csv", ["id", "target", *columns], rows)


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table with a header."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
