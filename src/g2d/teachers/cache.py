"""Teacher outputs, computed once and read back by sample index.

A cache is a folder with three arrays for each modality (features, logits, confidence in the right
answer) and `cache.json`, which holds what they were computed from and how many rows are done.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.batch import Batch
from g2d.checksums import crc32, sealed
from g2d.errors import UserError
from g2d.files import new_array, read_json, write_whole
from g2d.models.unimodal import UnimodalModel
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import OnlineTeachers, TeacherBank, TeacherOutputs

logger = logging.getLogger(__name__)

_FORMAT = 1
_KINDS = ("features", "logits", "confidence")
# Read at once.
_ROWS = 4096


class CachedTeachers(TeacherBank):
    """Teachers whose outputs for every sample of one split are kept on disk.

    The confidence of each sample is kept too, so ranking a batch needs neither the teachers
    nor the device.

    Args:
        folder: A finished cache, as `write_cache` leaves it.
        key: What the cache must have been computed from, as `cache_key` returns it.
        task: What the teachers predict.

    Raises:
        UserError: There is no finished cache, or it was computed from something else.

    Example:
        >>> import tempfile
        >>> from g2d import Classification
        >>> model = UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
        >>> teachers = OnlineTeachers({"sound": model}, Classification(3))
        >>> split = Batch({"sound": torch.randn(6, 4)}, torch.zeros(6).long(), torch.arange(6))
        >>> key = cache_key(teachers.models, "these six samples")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_cache(Path(folder), teachers, key, lambda begin: [split], rows=6)
        ...     cached = CachedTeachers(Path(folder), key, Classification(3))
        ...     cached.outputs(split)["sound"].features.shape
        torch.Size([6, 8])
    """

    any_data = False

    def __init__(self, folder: Path, key: str, task: Task) -> None:
        state = _read_state(folder)
        if state is None:
            raise UserError(f"{folder} holds no teacher cache; write it first")
        if state["key"] != key:
            raise UserError(
                f"the cache in {folder} was computed from other teachers or other data "
                f"(key {state['key'][:12]}, expected {key[:12]}); delete the folder or name another"
            )
        if state["done"] < state["rows"]:
            raise UserError(
                f"the cache in {folder} is unfinished ({state['done']} of {state['rows']} rows); "
                "run the same command again to complete it"
            )
        self.task = task
        self.modalities = tuple(state["modalities"])
        self._arrays = {
            # as arrays: rows of a memmap object are several times slower to come by
            name: {kind: np.asarray(_open(folder, name, kind)) for kind in _KINDS}
            for name in self.modalities
        }
        for array, known in state.get("checksums", {}).items():
            name, kind = array.rsplit("-", 1)
            rows = self._arrays[name][kind]
            found = crc32(rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
            if found != known:
                raise UserError(
                    f"{folder / array}.npy is damaged (its checksum is {found}, expected {known}); "
                    f"delete {folder}, and the same command computes it again"
                )

    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """Reads the rows of this batch and sends them to its device."""
        rows = batch.index.numpy()
        device = batch.target.device
        return {
            name: TeacherOutputs(
                *(_send(arrays[kind][rows], device) for kind in ("features", "logits"))
            )
            for name, arrays in self._arrays.items()
        }

    def confidence(self, batch: Batch) -> dict[str, Tensor]:
        """Eq. 5 before the mean, on the CPU; `nan` where the modality is absent."""
        rows = batch.index.numpy()
        return {
            name: torch.from_numpy(arrays["confidence"][rows])
            for name, arrays in self._arrays.items()
        }

    def mean_confidence(self) -> dict[str, float]:
        """Mean confidence over the samples of the split that have the modality, as Eq. 5."""
        means = {}
        for name, arrays in self._arrays.items():
            there = arrays["confidence"][~np.isnan(arrays["confidence"])]
            means[name] = float(np.mean(there, dtype=np.float64)) if len(there) else float("inf")
        return means


def cache_key(teachers: Mapping[str, UnimodalModel | Student], data_fingerprint: str) -> str:
    """A hash of every teacher's weights, what it predicts, and the data it predicts for.

    Example:
        >>> teacher = UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
        >>> cache_key({"sound": teacher}, "a") == cache_key({"sound": teacher}, "b")
        False
    """
    digest = hashlib.sha256(f"{_FORMAT} {data_fingerprint}".encode())
    for name, model in teachers.items():
        net = model.net if isinstance(model, Student) else model
        encoder = net.encoder if isinstance(net, UnimodalModel) else net
        digest.update(f"{name} {type(encoder).__qualname__}".encode())
        for key, value in net.state_dict().items():
            digest.update(key.encode())
            digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def write_cache(
    folder: Path,
    teachers: OnlineTeachers,
    key: str,
    batches: Callable[[int], list[Batch] | Any],
    rows: int,
) -> None:
    """Computes the cache of a split, or what is missing of it.

    After every batch the number of finished rows is written down, so a run that was killed goes
    on where it stopped.

    Args:
        folder: Where the cache is, or will be.
        teachers: The teachers to run.
        key: What the cache is computed from, see `cache_key`.
        batches: Given a row to begin with, yields the split's batches in order from there.
        rows: Number of samples in the split.

    Raises:
        UserError: The folder holds a cache of something else.
    """
    state = _read_state(folder)
    if state is not None and state["key"] != key:
        raise UserError(
            f"{folder} holds a cache of other teachers or other data; delete it or name another"
        )
    if state is None or (state["done"] < rows and "checksums" not in state):  # of before
        modalities = list(teachers.modalities)
        state = {"key": key, "rows": rows, "done": 0, "modalities": modalities, "checksums": {}}
    if state["done"] >= rows:
        return
    folder.mkdir(parents=True, exist_ok=True)
    logger.info("teacher cache %s: %d of %d rows there", folder, state["done"], rows)
    sums = state["checksums"]
    for batch in batches(state["done"]):
        start, stop = int(batch.index[0]), int(batch.index[-1]) + 1
        confidence = teachers.confidence(batch)
        for name, outputs in teachers.outputs(batch).items():
            values = {
                "features": outputs.features.float(),
                "logits": outputs.logits.float(),
                "confidence": _where_present(confidence[name].float(), batch.present.get(name)),
            }
            for kind, value in values.items():
                # what lies there before the first row is done is left over: it is overwritten
                shape = (rows, *value.shape[1:]) if state["done"] == 0 else None
                array = _open(folder, name, kind, "r+", shape)
                array[start:stop] = written = value.cpu().contiguous().numpy()
                array.flush()
                sums[f"{name}-{kind}"] = crc32([written], sums.get(f"{name}-{kind}", "0"))
        state["done"] = stop
        _write_state(folder, state)


def _where_present(values: Tensor, present: Tensor | None) -> Tensor:
    return values if present is None else values.masked_fill(~present.to(values.device), torch.nan)


def _send(rows: NDArray[np.float32], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(rows)
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def _open(
    folder: Path,
    name: str,
    kind: str,
    mode: Literal["r", "r+"] = "r",
    shape: tuple[int, ...] | None = None,
) -> np.memmap[Any, np.dtype[np.float32]]:
    path = folder / f"{name}-{kind}.npy"
    if shape is None:
        try:
            return np.lib.format.open_memmap(path, mode=mode)
        except (
            ValueError,
            EOFError,
            OSError,
            SyntaxError,
            TokenError,
        ) as error:  # no array, or one that is cut short
            reason = " ".join(str(error).split())
            raise UserError(
                f"{path} is damaged ({reason}); delete {folder}, and the same command computes it "
                "again"
            ) from None
    return new_array(path, np.dtype(np.float32), shape)


def _read_state(folder: Path) -> dict[str, Any] | None:
    path = folder / "cache.json"
    if not path.exists():
        return None
    try:
        state = read_json(path)
        if state["format"] != _FORMAT:
            raise UserError(f"{path} is not a teacher cache of this version")
        return {name: state[name] for name in ("key", "rows", "done", "modalities")} | {
            name: state[name] for name in ("checksums",) if name in state
        }
    except UserError as error:
        raise UserError(
            f"{error}; or delete {folder}, and the same command computes it again"
        ) from None


def _write_state(folder: Path, state: dict[str, Any]) -> None:
    write_whole(folder / "cache.json", json.dumps(sealed({"format": _FORMAT, **state}), indent=2))
