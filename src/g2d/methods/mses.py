"""MSES: every modality stops learning when its own validation loss has stopped falling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.gates import freeze, scale
from g2d.methods.base import Method, check_weight
from g2d.methods.unimodal import loss_of_present, shown
from g2d.student.base import Student
from g2d.tasks import Task

Mode = Literal["multitask", "agm_repo"]


class MSES(Method):
    """Stops each modality by its own validation loss.

    L = ℓ(z, y) + λ Σ_m ℓ(z^m, y) over the modalities m that have not stopped.

    Modality-specific early stopping of Fujimori, Endo, Kawai and Mochizuki, *Modality-Specific
    Learning Rate Control for Multimodal Classification*, ACPR 2019. A modality whose validation
    loss has not fallen for more than `patience` epochs goes back to its best epoch and stays
    there, while the others go on.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        weight: λ.
        patience: Epochs without a new best that a modality is granted; `None` grants all.
        smoothing: Share of the previous epoch in the validation loss that is watched.
        mode: `"multitask"` as described. `"agm_repo"` has the fused loss alone, takes the whole
            model and the optimizer back to the best epoch of the modality that stops, and then
            scales the modality's gradients by 0, so that momentum and weight decay go on: what
            the baseline in AGM's code does.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.MSES(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"weight": 0.0, "patience": None}}

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        weight: float = 1.0,
        patience: int | None = 5,
        smoothing: float = 0.6,
        mode: Mode = "multitask",
    ) -> None:
        super().__init__(student, task)
        check_weight("weight", weight)
        check_weight("smoothing", smoothing)
        if smoothing >= 1:
            raise UserError(f"smoothing must be below 1, got {smoothing}")
        if patience is not None:
            check_weight("patience", patience)
        check_choice("mode", mode, get_args(Mode))
        self.weight = weight
        self.patience = patience
        self.smoothing = smoothing
        self.mode: Mode = mode
        self.epoch = 0
        self._last: dict[str, float] = {}
        self._best: dict[str, float] = {}
        self._best_epoch: dict[str, int] = {}
        self._snapshots: dict[str, dict[str, Any]] = {}
        self._stopped: list[str] = []
        self._due: list[str] = []  # stopped, and not yet back at their best
        if weight and mode == "multitask":
            self.student.need_unimodal_logits(task.outputs)

    def begin_epoch(self, epoch: int) -> None:
        """Takes back the modalities that stopped after the last epoch.

        Not before: the weights of that epoch are those that its metrics belong to.
        """
        self.epoch = epoch
        if self.mode == "agm_repo":
            if self._due:
                latest = max(self._due, key=lambda name: self._best_epoch[name])
                self._restore_all(self._snapshots[latest])
        else:
            for name in self._due:
                self._restore(name)
            for name in self._stopped_modalities():
                for module in self.student.encoder_modules(name):
                    module.eval()
        for name in self._due:
            del self._snapshots[name]
        self._due = []

    def active(self) -> frozenset[str] | None:
        """The modalities that have not stopped."""
        stopped = self._stopped_modalities()
        if not stopped or self.mode == "agm_repo":
            return None
        return frozenset(self.student.modalities) - frozenset(stopped)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused loss, and that of every modality that has not stopped."""
        loss = super().objective(outputs, batch)
        if self.weight and self.mode == "multitask":
            for name, logits in shown(outputs).items():
                if name not in self._stopped:
                    loss = loss + self.weight * loss_of_present(self.task, logits, batch, name)
        return loss

    def modify_gradients(self) -> None:
        """Keeps stopped modalities from moving (mode `agm_repo`: sets their gradients to zero)."""
        for name in self._stopped_modalities():
            if self.mode == "agm_repo":
                scale(self._scope(name), 0.0)
            else:
                freeze(self._scope(name))

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Watches every loss: u_e = s v_{e-1} + (1 - s) v_e."""
        if self.patience is None:
            return
        modalities = self.student.modalities
        watched = (*modalities, "fused") if self.mode == "multitask" else modalities
        for name in watched:
            if name in self._stopped or name not in metrics["loss"]:
                continue
            now = float(metrics["loss"][name])
            smooth = self.smoothing * self._last.get(name, now) + (1 - self.smoothing) * now
            self._last[name] = now
            if smooth < self._best.get(name, math.inf):
                self._best[name], self._best_epoch[name] = smooth, self.epoch
                if name != "fused":
                    self._snapshots[name] = self._snapshot(name)
            elif self.epoch - self._best_epoch.get(name, self.epoch) > self.patience:
                self._stopped.append(name)
                if name != "fused":
                    self._due.append(name)

    def finished(self) -> bool:
        """Whether all modalities stand at their best, and nothing that they share learns."""
        if self._due or len(self._stopped_modalities()) < len(self.student.modalities):
            return False
        if self.mode == "agm_repo" or "fused" in self._stopped:
            return True
        own = {id(p) for name in self.student.modalities for p in self._scope(name)}
        learning = (p for p in self.student.parameters() if p.requires_grad)
        return all(id(p) in own for p in learning)

    def stage(self) -> str:
        """The epoch's name in records: which modalities have stopped."""
        stopped = self._stopped_modalities()
        return f"{', '.join(stopped)} stopped" if stopped else "joint"

    def state_dict(self) -> dict[str, Any]:
        """The scores that were watched so far, and the weights to go back to."""
        return {
            "last": dict(self._last),
            "best": dict(self._best),
            "best_epoch": dict(self._best_epoch),
            "snapshots": dict(self._snapshots),
            "stopped": list(self._stopped),
            "due": list(self._due),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the scores and the weights."""
        self._last = dict(state["last"])
        self._best = dict(state["best"])
        self._best_epoch = dict(state["best_epoch"])
        self._snapshots = dict(state["snapshots"])
        self._stopped = list(state["stopped"])
        self._due = list(state["due"])

    def _stopped_modalities(self) -> list[str]:
        return [name for name in self._stopped if name != "fused"]

    def _scope(self, name: str) -> list[nn.Parameter]:
        """The encoder, and every head that serves this modality alone."""
        student = self.student
        if student.has_branches:
            return student.branch_parameters(name)
        heads = student.added_heads
        beside = [] if heads is None else list(heads[name].parameters())
        return student.encoder_parameters(name) + beside

    def _own(self, name: str) -> list[Tensor]:
        modules = self.student.encoder_modules(name)
        return [*self._scope(name), *(b for module in modules for b in module.buffers())]

    def _snapshot(self, name: str) -> dict[str, Any]:
        if self.mode == "multitask":
            return {"own": [_kept(value) for value in self._own(name)]}
        slots = self.loop.optimizer.state_dict()["state"]
        return {
            "model": {key: _kept(value) for key, value in self.student.net.state_dict().items()},
            "optimizer": {
                place: {
                    key: _kept(value) if isinstance(value, Tensor) else value
                    for key, value in slot.items()
                }
                for place, slot in slots.items()
            },
        }

    def _restore(self, name: str) -> None:
        with torch.no_grad():
            pairs = zip(self._own(name), self._snapshots[name]["own"], strict=True)
            for value, kept in pairs:
                value.copy_(kept)

    def _restore_all(self, snapshot: Mapping[str, Any]) -> None:
        """All but the learning rate, which has a schedule of its own."""
        self.student.net.load_state_dict(snapshot["model"])
        groups = self.loop.optimizer.state_dict()["param_groups"]
        self.loop.optimizer.load_state_dict(
            {"state": snapshot["optimizer"], "param_groups": groups}
        )


def _kept(value: Tensor) -> Tensor:
    """A copy in the memory of the host."""
    return value.detach().to("cpu", copy=True)
