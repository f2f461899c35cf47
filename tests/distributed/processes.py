"""Two gloo processes of one run."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import multiprocessing


def two_processes(worker: Callable[..., None], folder: Path) -> list[Any]:
    """What each of two processes wrote to `rank0.pt` and `rank1.pt`.

    Args:
        worker: Called in each with its rank, the number of processes, a free port and the folder.
        folder: Where they write.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(worker, args=(2, port, folder), nprocs=2)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
