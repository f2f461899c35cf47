"""How to train: the settings of the loop, and the optimizer and devices they ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LRScheduler,
    MultiStepLR,
    ReduceLROnPlateau,
)

from g2d.engine.bf16 import warn_of_slow_bf16
from g2d.engine.hidden import hidden
from g2d.engine.loggers.libraries import LoggerName
from g2d.errors import UserError, check_choice, require

if TYPE_CHECKING:
    from lightning_fabric import Fabric


# An optimizer holds its rates as numbers of the model's type; of processes, more are a mistake.
_LARGEST = torch.finfo(torch.float32).max
_MOST = {
    **dict.fromkeys(("learning_rate", "weight_decay", "clip_norm"), _LARGEST),
    **dict.fromkeys(("devices", "workers"), 1024),
}

AUTO = "auto"


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training run.

    Attributes:
        epochs: Passes over the training split.
        patience: Training ends early once the metric that selects has not improved on validation
            for so many epochs; never when null. A schedule in stages counts on all epochs.
        batch_size: Samples of one forward pass, on each device.
        accumulate: Batches that make one optimizer step.
        optimizer: `sgd` or `adamw`.
        learning_rate: At the start.
        momentum: Of SGD.
        weight_decay: Of either.
        lr_schedule: `step` multiplies the rate by `lr_factor` after each of `lr_steps`, `cosine`
            lets it fade to 0, `plateau` multiplies it by `lr_factor` when the metric that selects
            has not improved on validation for more than `lr_patience` epochs, `constant` leaves it.
        lr_steps: Shares of the epochs, between 0 and 1, or numbers of epochs, 1 or more; one that
            lies behind the last epoch is never reached.
        lr_factor: See `lr_schedule`.
        lr_patience: See `lr_schedule`.
        clip_norm: Largest gradient norm; none when null.
        precision: `32` or `bf16` (mixed).
        compile: Whether training steps run the model in code that `torch.compile` has made of it;
            for one device, and it needs a C++ compiler.
        accelerator: `auto`, `cpu` or `gpu`.
        devices: How many; more than one trains with DDP.
        sync_batch_norm: Whether batch norm measures the samples of all GPUs, and not each its own
            (`torch.nn.SyncBatchNorm`); for several of them, the CPU has no such form.
        workers: Processes that load data; 0 loads in the training process. `auto` has as many as
            there are cores, less one, and 8 at most, where samples are read from files while it
            trains (pictures, recordings, clips), and 0 where they are in memory; random
            augmentation is then the same with any number of them.
        loggers: Where the numbers of every epoch are written besides `metrics.jsonl`: any of
            `tensorboard`, `wandb` and `mlflow`.
        probe_gradients: After every epoch, also record gradient norms and conflicts of the student
            on fixed training samples. Training is the same with and without.

    Example:
        >>> settings = TrainingSettings(epochs=30, optimizer="adamw", learning_rate=0.001)
        >>> settings.batch_size, settings.lr_schedule
        (32, 'step')
    """

    epochs: int = 20
    patience: int | None = None
    batch_size: int = 32
    accumulate: int = 1
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    lr_schedule: Literal["step", "cosine", "plateau", "constant"] = "step"
    lr_steps: tuple[float, ...] = (2 / 3,)
    lr_factor: float = 0.1
    lr_patience: int = 2
    clip_norm: float | None = None
    precision: Literal["32", "bf16"] = "32"
    compile: bool = False
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    sync_batch_norm: bool = False
    workers: int | Literal["auto"] = 0
    loggers: tuple[LoggerName, ...] = ()
    probe_gradients: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "lr_steps", tuple(self.lr_steps))
        object.__setattr__(self, "loggers", tuple(dict.fromkeys(self.loggers)))
        for name in ("epochs", "batch_size", "accumulate", "devices"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.patience is not None and self.patience < 1:
            raise UserError(f"patience must be 1 or more, or null, got {self.patience}")
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, str) and value > most:
                raise UserError(f"{name} must be {most:g} or less, got {value}")
        for name in ("learning_rate", "lr_factor", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"{name} must be above 0, got {value}")
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum must be 0 or more and below 1, got {self.momentum}")
        if self.lr_schedule == "plateau" and self.lr_factor >= 1:
            raise UserError(f"lr_factor must be below 1 with plateau, got {self.lr_factor}")
        for name in ("weight_decay", "workers", "lr_patience"):
            value = getattr(self, name)
            if isinstance(value, str):
                check_choice(name, value, (AUTO,))
            elif not value >= 0:
                raise UserError(f"{name} must be 0 or more, got {value}")
        if self.compile and self.devices > 1:
            raise UserError(
                f"compile is for one device, got devices {self.devices}; leave one of the two out"
            )
        for name in self.loggers:
            if name not in get_args(LoggerName):
                known = ", ".join(get_args(LoggerName))
                raise UserError(f"loggers: there is no {name!r}; known: {known}")
        if any(not (0 < step < 1 or is_count(step)) for step in self.lr_steps):
            raise UserError(
                "lr_steps are shares of the epochs between 0 and 1, or whole numbers of epochs, "
                f"got {list(self.lr_steps)}"
            )

    def make_optimizer(
        self, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]]
    ) -> torch.optim.Optimizer:
        """The optimizer, over parameters or groups of them."""
        # One call for all parameters, as PyTorch does it on GPUs: equal to the bit, and a third
        # less for small models. `fused` would be faster still, and rounds otherwise.
        options: dict[str, Any] = {"weight_decay": self.weight_decay, "foreach": True}
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=self.learning_rate, **options)
        return torch.optim.SGD(parameters, lr=self.learning_rate, momentum=self.momentum, **options)

    def make_scheduler(
        self, optimizer: torch.optim.Optimizer, higher_is_better: bool = True
    ) -> LRScheduler:
        """The learning-rate schedule, stepped once an epoch.

        Args:
            optimizer: Whose rates follow it.
            higher_is_better: Of the metric that `plateau` is stepped with.
        """
        if self.lr_schedule == "plateau":
            for group in optimizer.param_groups:  # the other schedules note it by themselves
                group.setdefault("initial_lr", group["lr"])
            return ReduceLROnPlateau(
                optimizer,
                mode="max" if higher_is_better else "min",
                factor=self.lr_factor,
                patience=self.lr_patience,
                threshold=0.0,
                threshold_mode="abs",
                eps=0.0,
            )
        if self.lr_schedule == "cosine":
            return CosineAnnealingLR(optimizer, T_max=self.epochs)
        # In so few epochs that a step would fall before the first, there is none.
        steps = [round(step if step >= 1 else step * self.epochs) for step in self.lr_steps]
        milestones = [step for step in steps if step > 0]
        return MultiStepLR(
            optimizer, milestones if self.lr_schedule == "step" else [], gamma=self.lr_factor
        )

    def device(self) -> torch.device:
        """Where it trains, as far as this machine has it: the first GPU, or the CPU."""
        there = self.accelerator != "cpu" and torch.cuda.is_available()
        return torch.device("cuda", 0) if there else torch.device("cpu")

    def make_fabric(self) -> Fabric:
        """Starts Fabric on the devices."""
        # To know its version, Fabric imports torchmetrics and with it transformers and librosa.
        with hidden("torchmetrics"):
            require("lightning_fabric", "train")
            from lightning_fabric import Fabric

        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise UserError("accelerator is gpu and PyTorch sees none; use cpu or auto")
        there = torch.cuda.device_count() if self.accelerator != "cpu" else 0
        if 0 < there < self.devices:
            raise UserError(
                f"devices is {self.devices} and PyTorch sees {there} GPU; lower it, or set "
                "accelerator to cpu"
            )
        if self.sync_batch_norm and (self.devices == 1 or not there):
            raise UserError(
                f"sync_batch_norm is for several GPUs, got devices {self.devices} on "
                f"{'GPUs' if there else 'the CPU'}; leave it out, or set devices and accelerator"
            )
        if self.precision == "bf16" and not there:
            warn_of_slow_bf16()
        fabric = Fabric(
            accelerator={"gpu": "cuda"}.get(self.accelerator, self.accelerator),
            devices=self.devices,
            # A frozen encoder has no gradient, and DDP has to look for that.
            strategy="ddp_find_unused_parameters_true" if self.devices > 1 else "auto",
            precision="bf16-mixed" if self.precision == "bf16" else "32-true",
        )
        fabric.launch()
        return fabric


def is_count(step: float) -> bool:
    """Whether a step of the learning rate is a number of epochs, and not a share of them.

    Example:
        >>> is_count(200), is_count(0.667), is_count(1.5)
        (True, False, False)
    """
    return step >= 1 and float(step).is_integer()
