"""Experts that are no networks, for a recipe: fitted once, and kept as numbers.

What is kept are logits. An estimator could only be pickled, and opening a pickle runs what
its writer wanted.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from g2d.arrays import read_npz, write_npz
from g2d.errors import UserError
from g2d.methods.validation import FUSED
from g2d.recipes.experiment import Teaching
from g2d.recipes.recipe import digest
from g2d.runs.environment import environment
from g2d.runs.run import Run
from g2d.runs.teach import only_writer
from g2d.shallow.experts import fit_expert

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

_LOGITS = "logits.npz"
# Experts of another version are fitted anew.
_VERSION = 2


def expert_folder(teaching: Teaching, modality: str, out: Path) -> Path:
    """Where the logits of an expert are, or will be."""
    spec, seed = teaching.splits.spec, teaching.recipe.seed
    expert = teaching.experts[modality]
    identity = {
        "version": _VERSION,
        "data": spec.fingerprint,
        "protocol": spec.protocol,
        "measured": list(teaching.splits.measured()),
        "expert": identity_of(expert),
    }
    word = expert if isinstance(expert, str) else type(expert).__name__
    return out / "teachers" / f"{spec.name}-{modality}-{word}-seed{seed}-{digest(identity)}"


def in_words(expert: Any) -> str:
    """An expert as a recipe holds it, on one line.

    Example:
        >>> in_words("boosting")
        'boosting'
    """
    if isinstance(expert, str):
        return expert
    return f"{type(expert).__name__}-{digest(identity_of(expert))}"


def identity_of(value: Any) -> Any:
    """The identity of an expert as plain values: its class, and the parameters of all its parts.

    What is neither plain nor an estimator (a function, a generator of random numbers) is identified
    by its address in this process, so that no other expert takes its logits for its own.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): identity_of(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [identity_of(one) for one in value]
    if hasattr(value, "get_params"):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"class": kind, **identity_of(value.get_params(deep=False))}
    return [type(value).__qualname__, id(value), os.getpid()]


def teach_experts(teaching: Teaching, out: Path, fabric: Fabric) -> dict[str, dict[str, Tensor]]:
    """Returns each expert's logits on every split, by modality; on training rows out of fold.

    Raises:
        UserError: One of them cannot be fitted.
    """
    found = {}
    for name in teaching.experts:
        run = Run(expert_folder(teaching, name, out))
        with only_writer(run.path, fabric):
            if fabric.is_global_zero and _load(run) is None:
                _fit(teaching, name, run)
            fabric.barrier()
        known = _load(run)
        if known is None:
            raise UserError(f"{run.path} is damaged; delete it, and it is made again")
        found[name] = known
    return found


def _fit(teaching: Teaching, modality: str, run: Run) -> None:
    splits, expert = teaching.splits, teaching.experts[modality]
    task, started = splits.spec.task, time.monotonic()
    run.begin(
        {
            "kind": "expert",
            "modality": modality,
            "recipe": teaching.recipe.as_dict(),
            "dataset": splits.spec.name,
            "protocol": splits.spec.protocol,
            "fingerprint": splits.spec.fingerprint,
            "environment": environment(),
        }
    )
    try:
        logits = fit_expert(splits, modality, expert, teaching.recipe.seed)
    except UserError as error:
        raise UserError(f"experts.{modality}: {error}") from None
    write_npz(run.path / _LOGITS, {name: one.numpy() for name, one in logits.items()})
    measured: dict[str, Any] = {}
    for name, one in logits.items():
        split = splits.named()[name]
        there = torch.as_tensor(np.asarray(split.present.get(modality, np.ones(len(split), bool))))
        metrics = task.metrics(one[there], split.target[there])
        measured[name] = {
            metric: {FUSED: value, modality: value} for metric, value in metrics.items()
        }
    run.write_json(
        "result.json",
        {
            "method": "expert",
            "expert": in_words(expert),
            "modality": modality,
            "dataset": splits.spec.name,
            "seed": teaching.recipe.seed,
            "protocol": splits.spec.protocol,
            "seconds": round(time.monotonic() - started, 2),
            **measured,
        },
    )
    logger.info("expert %s: fitted in %.1f s", modality, time.monotonic() - started)


def _load(run: Run) -> dict[str, Tensor] | None:
    """The logits; `None` where there are none, or a damaged file."""
    if not run.finished:
        return None
    try:
        logits = read_npz(run.path / _LOGITS, "it is made again")
        return {name: torch.from_numpy(one) for name, one in logits.items()}
    except (OSError, ValueError):
        return None
