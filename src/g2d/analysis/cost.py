"""What a training step costs with and without teachers (Table 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from g2d.analysis.figures import blank, save, without_box
from g2d.batch import Batch
from g2d.teachers.bank import TeacherOutputs

_MIB = 2**20


def batch_bytes(batch: Batch, taught: Mapping[str, TeacherOutputs] | None = None) -> int:
    """Bytes of the tensors of one batch, as Table 10 of the paper counts them.

    Inputs and targets, and with cached teachers their features and logits. It is what a batch
    moves to the device, and not what the device holds in a step: activations, weights and the
    optimizer are not in it. Sample indices stay on the CPU and masks of absent modalities are no
    part of the paper, so neither counts.

    Args:
        batch: Whose tensors; the values do not matter.
        taught: What cached teachers say of it.

    Example:
        >>> import torch
        >>> shapes = {"sound": (1, 257, 188), "frames": (3, 1, 224, 224)}
        >>> inputs = {n: torch.empty(16, *s, device="meta") for n, s in shapes.items()}
        >>> index = torch.arange(16)
        >>> batch_bytes(Batch(inputs, index, index))  # CREMA-D: 12.1366 MiB
        12726144
    """
    tensors = [*batch.inputs.values(), batch.target]
    tensors += [tensor for said in (taught or {}).values() for tensor in said]
    return sum(tensor.element_size() * tensor.nelement() for tensor in tensors)


def cache_bytes(rows: int, widths: Mapping[str, int], outputs: int) -> int:
    """Bytes of a teacher cache on disk: features, logits and a confidence for every sample.

    Args:
        rows: Samples of the training split.
        widths: Feature width of every teacher.
        outputs: Width of the logits.

    Example:
        >>> cache_bytes(6698, {"sound": 512, "frames": 512}, outputs=6)
        27810096
    """
    return 4 * rows * sum(width + outputs + 1 for width in widths.values())


@dataclass(frozen=True)
class StepCost:
    """One way of training.

    Attributes:
        label: Which.
        batch_bytes: Of the tensors of one batch.
        step_ms: Forward, backward and optimizer step: median over the steps.
        quartiles_ms: Between which half of the steps lie.
        peak_mib: The most that a process of its own holds in a step, beyond what its libraries
            take: allocated memory of the GPU, or memory of the process on the CPU; `None` where
            it cannot be measured.
        trained: Parameters of the student.
        frozen: Parameters of teachers that run beside it.
        teacher_seconds: Once, to train the teachers; `None` where there is no record of it.
        cache_bytes: Once, on disk.
    """

    label: str
    batch_bytes: int
    step_ms: float
    quartiles_ms: tuple[float, float]
    peak_mib: float | None
    trained: int
    frozen: int = 0
    teacher_seconds: float | None = None
    cache_bytes: int = 0


@dataclass(frozen=True)
class Cost:
    """Table 10 of the paper, measured here.

    Attributes:
        rows: Joint training, then G²D with online and with cached teachers.
        batch_size: Samples of a batch.
        loading_ms: To read one batch, the same for all.
        steps: That were timed.
        device: What they ran on.
        augmented: Whether the training data changes from look to look.
    """

    rows: tuple[StepCost, ...]
    batch_size: int
    loading_ms: float
    steps: int
    device: str
    augmented: bool

    def table(self) -> tuple[list[str], list[list[str]]]:
        """One row a way of training."""
        head = ["training", "batch, MiB", "reading, ms", "step, ms", "peak, MiB"]
        head += ["parameters", "frozen", "teachers, s", "cache, MB"]
        return head, [
            [
                row.label,
                f"{row.batch_bytes / _MIB:.4f}",
                f"{self.loading_ms:.2f}",
                f"{row.step_ms:.2f} ({row.quartiles_ms[0]:.2f} to {row.quartiles_ms[1]:.2f})",
                _or_dash(row.peak_mib, "{:.1f}"),
                f"{row.trained:,}",
                f"{row.frozen:,}",
                _or_dash(row.teacher_seconds, "{:.1f}"),
                f"{row.cache_bytes / 1e6:.2f}" if row.cache_bytes else "-",
            ]
            for row in self.rows
        ]

    def sentence(self) -> str:
        """The ratios, and how far they can be trusted."""
        base, *others = self.rows
        more = ", ".join(
            f"one of {row.label} {row.step_ms / base.step_ms:.2f} times that" for row in others
        )
        added = max(row.batch_bytes for row in self.rows) - base.batch_bytes
        known = [row.teacher_seconds for row in others if row.teacher_seconds is not None]
        once = f"Training the teachers took {known[0]:.1f} s, once. " if known else ""
        flag = (
            "The training data is augmented at random: cached teachers would see every sample as "
            "in evaluation while the student sees crops, so training runs them online, and the "
            "cached row is only what that would cost."
            if self.augmented
            else "The training data is not augmented, so that cached teachers say of a sample what "
            "they would say online."
        )
        return (
            f"A batch of {self.batch_size} is {base.batch_bytes / _MIB:.4f} MiB of tensors and "
            f"{added:,} bytes more with cached teachers; that is what Table 10 counts, and no "
            f"memory of a device. A step of {base.label} takes {base.step_ms:.2f} ms, {more} "
            f"(G²D in its joint stage; a stage with one leader costs less). {once}{flag} Step "
            f"times are medians of {self.steps} on this machine ({self.device}), beside whatever "
            f"else ran on it, and scatter: half of the steps of {base.label} lie between "
            f"{base.quartiles_ms[0]:.2f} and {base.quartiles_ms[1]:.2f} ms."
        )

    def as_dict(self) -> dict[str, Any]:
        """Every number."""
        return {**asdict(self), "rows": [asdict(row) for row in self.rows]}

    def plot(self, path: Path) -> Path:
        """Draws bars: bytes of a batch, time of a step, peak memory."""
        panels = [
            ("tensors of a batch, MiB", [row.batch_bytes / _MIB for row in self.rows]),
            ("time of a step, ms", [row.step_ms for row in self.rows]),
        ]
        peaks = [row.peak_mib for row in self.rows]
        if all(peak is not None for peak in peaks):
            panels.append(("peak memory, MiB", [peak or 0.0 for peak in peaks]))
        figure = blank(1.6 + 2.8 * len(panels), 0.9 + 0.42 * len(self.rows))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (title, values) in zip(axes, panels, strict=True):
            bars = axis.barh([row.label for row in self.rows], values, color="#0072B2", height=0.6)
            axis.bar_label(bars, fmt="%.4g", padding=3, fontsize=9)
            axis.margins(x=0.28)
            axis.set_xlabel(title)
            axis.tick_params(axis="y", length=0)
            without_box(axis)
        half = [
            [row.step_ms - row.quartiles_ms[0], row.quartiles_ms[1] - row.step_ms]
            for row in self.rows
        ]
        axes[1].errorbar(
            [row.step_ms for row in self.rows],
            range(len(self.rows)),
            xerr=list(zip(*half, strict=True)),
            fmt="none",
            ecolor="0.5",
            elinewidth=1,
            capsize=2,
        )
        axes[0].invert_yaxis()
        return save(figure, path)


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
