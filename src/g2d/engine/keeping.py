"""What a run keeps while it trains: its last state, and the weights that were best."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from g2d.engine.checkpoint import (
    save_checkpoint,
    save_state,
    settle_weights,
    waiting_weights,
)

# Writing takes some ten milliseconds, which is more than an epoch of a small table.
_SECONDS = 1.0


@dataclass
class Keeper:
    """Writes a checkpoint after an epoch, but not more often than once a second.

    A killed run goes on from its last checkpoint, so it loses a second of training besides the
    epoch that it was in.

    Args:
        folder: Of the run.
        parts: What `save_checkpoint` writes: `model`, `optimizer`, `scheduler` and `method`.
    """

    folder: Path
    parts: Mapping[str, Any]
    _written: float = float("-inf")
    _best: dict[str, Tensor] = field(default_factory=dict)

    def best(self, epoch: int) -> None:
        """Takes the weights of now as the best; a copy of them where they are not yet written."""
        model: nn.Module = self.parts["model"]
        if self._due():
            self._best = {}
            save_state(waiting_weights(self.folder, epoch), model.state_dict())
        else:
            self._best = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def keep(self, progress: Mapping[str, Any], *, now: bool) -> bool:
        """Writes the state after an epoch, where that is due.

        Args:
            progress: `epoch`, `best_epoch` and what else is known, plain values.
            now: Whether it is due in any case, because training ends.

        Returns:
            Whether it was written.
        """
        if not (now or self._due()):
            return False
        if self._best:
            save_state(waiting_weights(self.folder, progress["best_epoch"]), self._best)
            self._best = {}
        save_checkpoint(self.folder / "last.ckpt", **self.parts, progress=dict(progress))
        settle_weights(self.folder, progress["best_epoch"])
        self._written = time.monotonic()
        return True

    def _due(self) -> bool:
        return time.monotonic() - self._written >= _SECONDS
