"""The arrays of a store, from chunks of decoded samples."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from g2d.data.preparation.chunks import Chunk, values_of
from g2d.data.preparation.sample import Sample
from g2d.errors import UserError


def write_arrays(store: Path, chunks: Mapping[Path, Chunk], ragged: frozenset[str]) -> None:
    """Puts the chunks together, one array at a time and one chunk at a time.

    Raises:
        UserError: Samples differ where they must not.
    """
    names = sorted({name for found in chunks.values() for name in found.shapes})
    for name in names:
        parts = [found for found in chunks.values() if found.ids]
        if any(name not in part.shapes for part in parts):
            raise UserError(f"some samples have {name!r} and some have not; decode all alike")
        dtypes = {part.dtypes[name] for part in parts}
        if len(dtypes) > 1:
            raise UserError(f"{name!r} comes in several types: {sorted(map(str, dtypes))}")
        ranks = {part.shapes[name].shape[1] for part in parts}
        if len(ranks) > 1:
            raise UserError(f"{name!r} comes with several numbers of dimensions: {sorted(ranks)}")
        shapes = np.concatenate([part.shapes[name] for part in parts])
        if name in ragged:
            offsets = np.concatenate([[0], np.cumsum(shapes.prod(axis=1))]).astype(np.int64)
            np.save(store / f"{name}-offsets.npy", offsets)
            np.save(store / f"{name}-shapes.npy", shapes)
            shape: tuple[int, ...] = (int(offsets[-1]),)
        elif len(np.unique(shapes, axis=0)) > 1:
            raise UserError(
                f"{name!r} comes in several shapes, {shapes.min(axis=0).tolist()} to "
                f"{shapes.max(axis=0).tolist()}; make them alike, or store it as ragged"
            )
        else:
            shape = (len(shapes), *shapes[0].tolist())
        array = np.lib.format.open_memmap(
            store / f"{name}.npy", mode="w+", dtype=dtypes.pop(), shape=shape
        )
        flat, place = array.reshape(-1), 0
        for file in chunks:
            for values in values_of(file, name):
                flat[place : place + len(values)] = values
                place += len(values)
        array.flush()


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
