"""Checkpoints: a run is resumed exactly; and weights that any program can load."""

from __future__ import annotations

import random
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from g2d import checksums
from g2d.errors import UserError
from g2d.files import atomic
from g2d.methods.base import Method

_ANEW = "copy the folder anew, or delete the folder and train again"


def save_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    method: Method,
    progress: dict[str, Any],
) -> None:
    """Writes all of a run's state, in one piece.

    Args:
        path: The file.
        model: Weights and buffers.
        optimizer: Momentum and such.
        scheduler: The learning rate's.
        method: The method's own state.
        progress: Epochs done and the best so far, plain values.
    """
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "method": method.state_dict(),
        "progress": progress,
        "random": _random_state(),
    }
    size = _bytes_of(state["model"]) + _bytes_of(state["optimizer"])
    # Opened here: PyTorch's own writer does not report that a disk is full.
    with atomic(path, size) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def load_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    method: Method,
) -> dict[str, Any]:
    """Restores the state of a run and returns its `progress`.

    Only tensors and plain values are read; a file that holds anything else is refused.

    Raises:
        UserError: The file is damaged, or is not a checkpoint of this model.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # PyTorch writes checksums, and does not read them
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"the checksum of {damaged} is another")
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        method.load_state_dict(state["method"])
        _restore_random_state(state["random"])
        progress: dict[str, Any] = state["progress"]
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"cannot go on from {path} ({first}); delete it to start this run anew"
        ) from error
    return progress


def save_weights(path: Path, model: nn.Module) -> None:
    """Writes weights and buffers as safetensors, in one piece, with their checksum."""
    save_state(path, model.state_dict())


def save_state(path: Path, state: Mapping[str, Tensor]) -> None:
    """Writes tensors as `save_weights` does those of a model."""
    from safetensors.torch import save

    state = {key: value.contiguous() for key, value in state.items()}
    content = save(state, {checksums.KEY: checksums.of_tensors(state)})
    with atomic(path, len(content)) as temporary:
        # Not `save_file`, which puts a file of its own, without our lock, in this one's place.
        temporary.write_bytes(content)


def waiting_weights(folder: Path, epoch: int) -> Path:
    """Where the weights of an epoch wait until a checkpoint records that they are the best.

    Epoch -1 is before training.
    """
    return folder / f"best-{epoch}.safetensors"


def settle_weights(folder: Path, best_epoch: int) -> None:
    """Makes the weights that waited for the checkpoint's best epoch the best, and drops others.

    Asked after every checkpoint, and when a run goes on: a run killed between the two writes has
    weights that no checkpoint knows, or a checkpoint whose weights still wait.
    """
    waiting = waiting_weights(folder, best_epoch)
    if waiting.exists():
        waiting.replace(folder / "model.safetensors")
    for unknown in folder.glob("best-*.safetensors"):
        if re.fullmatch(r"best--?\d+\.safetensors", unknown.name):
            unknown.unlink()


def load_weights(path: Path, model: nn.Module) -> None:
    """Reads weights and buffers into a model.

    Raises:
        UserError: There is no such file, it is damaged, or it belongs to another model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            known = (file.metadata() or {}).get(checksums.KEY)
        if known not in (None, found := checksums.of_tensors(state)):
            raise UserError(
                f"{path} is damaged (its checksum is {found}, expected {known}); {_ANEW}"
            )
        model.load_state_dict(_names_of_today(state, model))
    except FileNotFoundError:
        raise UserError(f"{path} is not there; is this a finished run folder?") from None
    except SafetensorError as error:
        raise UserError(f"{path} is cut short or damaged ({error}); {_ANEW}") from error
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} does not hold the weights of this model ({first}); {_ANEW}"
        ) from error


def _names_of_today(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Weights of runs before 0.2: AMCo and OPM had the fusion one level further in."""
    if set(state) == set(model.state_dict()):
        return state
    renamed = {key.replace("fusion.fusion.", "fusion.", 1): v for key, v in state.items()}
    return renamed if set(renamed) == set(model.state_dict()) else state


def _bytes_of(state: Any) -> int:
    """Of all tensors in it."""
    if isinstance(state, Tensor):
        return state.nbytes
    if isinstance(state, Mapping):
        state = list(state.values())
    return sum(map(_bytes_of, state)) if isinstance(state, list | tuple) else 0


def _random_state() -> dict[str, Any]:
    name, keys, position, has_gauss, cached = np.random.get_state()
    version, internal, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [
            name,
            torch.from_numpy(np.array(keys, dtype=np.int64)),
            position,
            has_gauss,
            cached,
        ],
        "python": [version, list(internal), gauss],
    }


def _restore_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
