"""Making a store from many original files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from g2d.data.preparation.arrays import write_arrays, write_csv, write_samples
from g2d.data.preparation.chunks import one_thread_each, read_chunk, write_chunk
from g2d.data.preparation.sample import Counted, Decode, Sample
from g2d.data.store import write_manifest
from g2d.data.threads import one_thread
from g2d.errors import UserError, require

# Chunks in the works for each process: enough to keep it busy, few enough to bound what is open.
_AHEAD = 2


def assemble(
    out: str | Path,
    kind: str,
    samples: Sequence[Sample],
    decode: Decode,
    *,
    ragged: Collection[str] = (),
    options: Mapping[str, Any] | None = None,
    tolerance: float = 0.005,
    workers: int | None = None,
    chunk: int = 32,
    progress: Counted | None = None,
    **facts: object,
) -> Path:
    """Decodes samples into a store.

    Each modality becomes one array, row i of all of them being sample i: `<modality>.npy`, and
    where samples differ in shape (`ragged`) their values one after the other, with
    `<modality>-offsets.npy` and `<modality>-shapes.npy`. What is known of the samples lies beside
    them as `sample-id.npy`, `sample-target.npy`, and one such file a column; `samples.csv` holds
    the same for people, `skipped.csv` names what could not be used, and why. A modality that
    samples may lack has its mask in `<modality>-present.npy`, and `absent.csv` holds the reason
    where one is known.

    Samples are decoded a few at a time in several processes. An interrupted call goes on where it
    stopped when called again, and ends with the same bytes; files that changed in between are
    decoded anew. Nothing is at `out` before everything is.

    Args:
        out: Folder to make; must not exist.
        kind: What dataset this is.
        samples: In the order in which they are to be stored.
        decode: Makes the arrays of one sample.
        ragged: The modalities whose samples differ in shape.
        options: What `decode` depends on; with other options nothing is taken over.
        tolerance: The largest share of samples that may be unusable.
        workers: Processes; one for each core when not given, 0 for this one.
        chunk: Samples that one process holds at a time.
        progress: Called with the number of samples done and of all samples.
        facts: What else the manifest is to hold.

    Returns:
        `out`.

    Raises:
        UserError: `out` exists, two samples have one name, too many cannot be used, arrays of
            one modality differ in shape or type, or another process is writing it.
    """
    out = Path(out)
    _check(out, samples, tolerance)
    chosen = dict(options or {})
    with _work_folder(out) as work:
        files = _plan(work / "chunks", kind, samples, chosen, chunk)
        _decode(files, decode, os.cpu_count() or 1 if workers is None else workers, progress)
        chunks = {file: read_chunk(file) for file in files}
        skipped = {id: why for found in chunks.values() for id, why in found.skipped.items()}
        _check_skipped(work / "skipped.csv", skipped, len(samples), tolerance)
        store = work / "store"
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir()
        write_arrays(store, chunks, frozenset(ragged))
        usable = [sample for sample in samples if sample.id not in skipped]
        write_samples(store, usable)
        write_csv(store / "skipped.csv", ["id", "reason"], sorted(skipped.items()))
        notes = [note for found in chunks.values() for note in found.notes]
        if notes:
            write_csv(store / "absent.csv", ["id", "modality", "reason"], sorted(notes))
        counts = {"samples": len(usable), "skipped": len(skipped)}
        write_manifest(store, kind, options=chosen, counts=counts, ragged=sorted(ragged), **facts)
        os.replace(store, out)  # noqa: PTH105 (clearer than Path.replace)
    return out


def _check(out: Path, samples: Sequence[Sample], tolerance: float) -> None:
    if out.exists():
        raise UserError(f"{out} exists already; remove it, or choose another folder")
    if not 0 <= tolerance <= 1:
        raise UserError(f"got tolerance={tolerance:g}, expected a share between 0 and 1")
    if not samples:
        raise UserError("got no samples to prepare; check the folder of the original files")
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise UserError(f"two samples are called {sample.id!r}; each needs a name of its own")
        seen.add(sample.id)


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that stays when the work is stopped, for one process at a time."""
    work = out.parent / f".{out.name}.partial"
    locking = require("filelock", "train")
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {out}: {error.strerror}; choose another folder") from None
    try:
        with locking.FileLock(work / "lock", timeout=0):
            yield work
            shutil.rmtree(work, ignore_errors=True)
    except locking.Timeout:
        raise UserError(f"{out} is being made by another process; wait for it") from None


def _plan(
    folder: Path, kind: str, samples: Sequence[Sample], options: Mapping[str, Any], size: int
) -> dict[Path, Sequence[Sample]]:
    """The file of each chunk, named by all that decides its content; files of others go."""
    folder.mkdir(exist_ok=True)
    files = {}
    for number, start in enumerate(range(0, len(samples), size)):
        part = samples[start : start + size]
        state = json.dumps([kind, options, [sample.state() for sample in part]], default=str)
        name = hashlib.sha256(state.encode()).hexdigest()[:16]
        files[folder / f"{number:06d}-{name}.npz"] = part
    for file in folder.iterdir():
        if file not in files:
            file.unlink()
    return files


def _decode(
    files: Mapping[Path, Sequence[Sample]],
    decode: Decode,
    workers: int,
    progress: Counted | None,
) -> None:
    total = sum(map(len, files.values()))
    waiting = [file for file in files if not file.exists()]
    done = total - sum(len(files[file]) for file in waiting)

    def report(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, total)

    report(0)
    if workers == 0:
        with one_thread():
            for file in waiting:
                write_chunk(file, files[file], decode)
                report(len(files[file]))
        return
    # Processes that begin anew: a fork of one that runs torch's threads may hang.
    pool = ProcessPoolExecutor(
        min(workers, max(1, len(waiting))), get_context("spawn"), one_thread_each
    )
    try:
        running: dict[Future[None], Path] = {}
        queue = iter(waiting)
        while True:
            for file in queue:
                running[pool.submit(write_chunk, file, files[file], decode)] = file
                if len(running) >= _AHEAD * workers:
                    break
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                file = running.pop(future)
                future.result()
                report(len(files[file]))
    except BrokenProcessPool:
        raise UserError(
            "a process that decodes was killed (out of memory, or by a broken file); the same "
            "command goes on from here, with fewer processes by --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _check_skipped(file: Path, skipped: Mapping[str, str], total: int, tolerance: float) -> None:
    if len(skipped) == total:
        first, why = next(iter(skipped.items()))
        raise UserError(f"none of the {total} samples can be used (first: {first}: {why})")
    if len(skipped) > tolerance * total:
        write_csv(file, ["id", "reason"], sorted(skipped.items()))
        first, why = min(skipped.items())
        raise UserError(
            f"{len(skipped)} of {total} samples cannot be used, more than the {tolerance:.1%} "
            f"tolerated (first: {first}: {why}); all are in {file}; correct them, or allow more by "
            f"--tolerance {np.ceil(1000 * len(skipped) / total) / 1000:g}"
        )
