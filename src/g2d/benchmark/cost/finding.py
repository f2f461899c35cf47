"""What a training step costs with and without teachers (Table 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from g2d.batch import Batch
from g2d.figures import blank, save, without_box
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
        taught: The outputs of cached teachers for it.

    Example:
        >>> import torch
        >>> shapes = {"sound": (1, 257, 188), "frames": (3, 1, 224, 224)}
        >>> inputs = {n: torch.empty(16, *s, device="meta") for n, s in shapes.items()}
        >>> index = torch.arange(16)
        >>> batch_bytes(Batch(inputs, index, index))  # CREMA-D: 12.1366 MiB
        12726144
    """
    tensors = [*batch.inputs.values(), batch.target]
    tensors += [tensor for outputs in (taught or {}).values() for tensor in outputs]
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
    """The cost of a step of one way of training.

    Attributes:
        label: Which.
        batch_bytes: Of the tensors of one batch.
        step_ms: Forward, backward and optimizer step: median over the steps.
        quartiles_ms: Between which half of the steps lie.
        ratio: Of its steps to those of joint training: median over the rounds in which all ways
            take turns, so that a machine that slows down reaches both.
        peak_mib: The most that a process of its own holds in a step, beyond what its libraries
            take: allocated memory of the GPU, or memory of the process on the CPU; `None` where
            it cannot be measured.
        trained: Parameters of the student, without those that are frozen.
        frozen: Parameters of teachers that run beside it.
        teacher_seconds: Once, to train the teachers; `None` where there is no record of it.
        cache_bytes: Once, on disk.
    """

    label: str
    batch_bytes: int
    step_ms: float
    quartiles_ms: tuple[float, float]
    ratio: float
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
        augmented: Whether the training data changes at every reading.
    """

    rows: tuple[StepCost, ...]
    batch_size: int
    loading_ms: float
    steps: int
    device: str
    augmented: bool

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A table with a column for each way of training and a row for each cost."""
        rows = [
            ["tensors of a batch, MiB", *(f"{r.batch_bytes / _MIB:.4f}" for r in self.rows)],
            ["reading a batch, ms", *[f"{self.loading_ms:.2f}"] * len(self.rows)],
            ["step, median, ms", *(f"{r.step_ms:.2f}" for r in self.rows)],
            [
                "half of the steps, ms",
                *("{:.2f} to {:.2f}".format(*r.quartiles_ms) for r in self.rows),
            ],
            ["over joint training", *(f"{r.ratio:.2f}" for r in self.rows)],
            ["peak memory, MiB", *(_or_dash(r.peak_mib) for r in self.rows)],
            ["parameters trained", *(f"{r.trained:,}" for r in self.rows)],
            ["parameters of teachers", *(f"{r.frozen:,}" for r in self.rows)],
            ["once: teachers' training, s", *(_or_dash(r.teacher_seconds) for r in self.rows)],
            ["once: cache, MB", *(_or_dash(r.cache_bytes / 1e6 or None, 2) for r in self.rows)],
        ]
        return ["cost", *(row.label for row in self.rows)], rows

    def sentence(self) -> str:
        """The ratios, and how far they can be trusted."""
        base, *others = self.rows
        more = ", ".join(f"one of {row.label} {row.ratio:.2f} times that" for row in others)
        added = max(row.batch_bytes for row in self.rows) - base.batch_bytes
        known = [row.teacher_seconds for row in others if row.teacher_seconds is not None]
        once = f"Training the teachers took {known[0]:.1f} s, once. " if known else ""
        flag = (
            "The training data is augmented at random: cached teachers would see every sample as "
            "in evaluation while the student sees crops, so training runs them online, and the "
            "cached row is only what that would cost."
            if self.augmented
            else "The training data is not augmented, so that cached teachers predict for a sample "
            "what they would predict online."
        )
        return (
            f"A batch of {self.batch_size} is {base.batch_bytes / _MIB:.4f} MiB of tensors and "
            f"{added:,} bytes more with cached teachers; that is what Table 10 counts, and no "
            f"memory of a device. A step of {base.label} takes {base.step_ms:.2f} ms, {more} "
            "(G²D in its joint stage; a stage that trains one modality alone costs less). "
            f"{once}{flag} Step times are medians of {self.steps} on this machine ({self.device}), "
            f"beside whatever else ran on it, and scatter: half of the steps of {base.label} lie "
            f"between {base.quartiles_ms[0]:.2f} and {base.quartiles_ms[1]:.2f} ms."
        )

    def as_dict(self) -> dict[str, Any]:
        """Every number, as plain values."""
        return {**asdict(self), "rows": [asdict(row) for row in self.rows]}

    def plot(self, path: Path) -> Path:
        """Draws bars: bytes of a batch, time of a step, peak memory."""
        labels, times = [row.label for row in self.rows], [row.step_ms for row in self.rows]
        sizes = [row.batch_bytes / _MIB for row in self.rows]
        panels = [
            ("tensors of a batch, MiB", sizes, sizes),
            ("time of a step, ms", times, [row.quartiles_ms[1] for row in self.rows]),
        ]
        peaks = [row.peak_mib for row in self.rows if row.peak_mib is not None]
        if len(peaks) == len(labels):
            panels.append(("peak memory, MiB", peaks, peaks))
        figure = blank(1.6 + 2.8 * len(panels), 0.9 + 0.42 * len(self.rows))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (title, values, ends) in zip(axes, panels, strict=True):
            axis.barh(labels, values, color="#0072B2", height=0.6)
            for place, (value, end) in enumerate(zip(values, ends, strict=True)):
                axis.annotate(
                    f"{value:.4g}",
                    (end, place),
                    (4, 0),
                    textcoords="offset points",
                    fontsize=9,
                    va="center",
                )
            axis.set_xlim(0, 1.32 * max(ends))
            axis.set_xlabel(title)
            axis.tick_params(axis="y", length=0)
            without_box(axis)
        axes[1].errorbar(
            times,
            range(len(labels)),
            xerr=[
                [row.step_ms - row.quartiles_ms[0] for row in self.rows],
                [row.quartiles_ms[1] - row.step_ms for row in self.rows],
            ],
            fmt="none",
            ecolor="0.5",
            elinewidth=1,
            capsize=2,
        )
        axes[0].invert_yaxis()
        return save(figure, path)


def _or_dash(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
