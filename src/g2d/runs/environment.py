"""What a run was made with."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import g2d

_PACKAGES = ("numpy", "lightning-fabric", "safetensors")


def environment() -> dict[str, Any]:
    """Versions, machine, and the commit of g2d where it is installed from a checkout."""
    versions = {"g2d": g2d.__version__, "torch": torch.__version__}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "machine": machine(),
        "commit": _commit(),
    }


def machine() -> dict[str, Any]:
    """Processor, cores, threads and GPU."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
    }


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache  # the code that runs is the one that was there when it was asked first
def _commit() -> str | None:
    """The checkout's commit, with `+changes` where files of the package differ from it."""
    package = Path(__file__).parents[1]

    def ask(*words: str) -> str | None:
        try:
            asked = subprocess.run(
                ["git", "-C", str(package), *words],
                capture_output=True,
                text=True,
                timeout=5,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return asked.stdout.strip()

    # A package in a virtual environment may lie inside some other repository.
    if not ask("ls-files", "__init__.py"):
        return None
    commit = ask("rev-parse", "HEAD")
    return f"{commit}+changes" if commit and ask("status", "--porcelain", ".") else commit
