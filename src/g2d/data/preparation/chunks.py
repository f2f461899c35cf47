"""Decoded samples on disk, a few at a time: what a killed preparation goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.arrays import read_npz, write_npz
from g2d.data.preparation.sample import Decode, Sample
from g2d.errors import UserError

Arrays = Mapping[str, NDArray[np.generic]]
_AGAIN = "delete it, and the same command makes it again"


@dataclass(frozen=True)
class Chunk:
    """The results of decoding a few samples.

    Attributes:
        ids: The samples that could be used, in order.
        skipped: The others, and why.
        absent: By array, the samples that have none.
        notes: Why some of those have none: sample, array, reason.
        shapes: By array, the shape of each sample's that has one, `(n, ndim)`.
        dtypes: By array, its type.
    """

    ids: tuple[str, ...]
    skipped: dict[str, str]
    absent: dict[str, list[str]]
    notes: list[tuple[str, str, str]]
    shapes: dict[str, NDArray[np.int64]]
    dtypes: dict[str, np.dtype[np.generic]]


def write_chunk(file: Path, samples: Sequence[Sample], decode: Decode) -> None:
    """Decodes samples and writes what comes out, under its name only when it is complete."""
    kept: dict[str, list[NDArray[np.generic]]] = {}
    absent: dict[str, list[str]] = {}
    ids, skipped, notes = [], {}, []
    for sample in samples:
        try:
            arrays = decode(sample)
        except UserError as reason:
            skipped[sample.id] = str(reason)
            continue
        ids.append(sample.id)
        for name, array in arrays.items():
            if array is None or isinstance(array, UserError):
                absent.setdefault(name, []).append(sample.id)
                if array is not None:
                    notes.append((sample.id, name, str(array)))
            else:
                kept.setdefault(name, []).append(np.asarray(array))
    about = {"ids": ids, "skipped": skipped, "absent": absent, "notes": notes}
    content: dict[str, NDArray[np.generic]] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8)
    }
    for name, rows in kept.items():
        content[f"values:{name}"] = np.concatenate([row.reshape(-1) for row in rows])
        content[f"shapes:{name}"] = np.array([row.shape for row in rows], dtype=np.int64)
    write_npz(file, content, compressed=False)


def one_thread_each() -> None:
    """Called at the start of every worker: there is a worker for every core already."""
    torch.set_num_threads(1)


def read_chunk(file: Path) -> Chunk:
    """Reads what is in a chunk, without its values."""
    content = read_npz(file, _AGAIN)
    about = json.loads(content["about"].tobytes())
    names = [key.partition(":")[2] for key in content if key.startswith("shapes:")]
    shapes = {name: content[f"shapes:{name}"].astype(np.int64) for name in names}
    dtypes = {name: content[f"values:{name}"].dtype for name in names}
    notes = [(id, name, reason) for id, name, reason in about["notes"]]
    return Chunk(tuple(about["ids"]), about["skipped"], about["absent"], notes, shapes, dtypes)


def values_of(file: Path, name: str) -> Iterator[NDArray[np.generic]]:
    """The values of one array, sample by sample, flat."""
    wanted = f"values:{name}", f"shapes:{name}"
    content = read_npz(file, _AGAIN, wanted)
    if not content:
        return
    values, shapes = (content[one] for one in wanted)
    stops = np.cumsum(shapes.prod(axis=1))
    for start, stop in zip([0, *stops[:-1]], stops, strict=True):
        yield values[start:stop]
