"""A trained model as a file that runs without g2d, checked against the model before it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.files import read_json, room_for, says_full, temporary_folder, write_whole
from g2d.models.multimodal import MultimodalModel
from g2d.runs.run import Run
from g2d.table.export.formats import BATCH, exporter_reason, format_of, traced, unheard
from g2d.table.export.named_tensors import NamedTensors
from g2d.table.export.trial import Trials, largest_difference
from g2d.tasks import Task, task_from

# A larger difference, as a share of the output's largest value, is not rounding.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of an exported model.

    Attributes:
        name: As it is called by.
        dtype: `float32`, `int64` or `bool`.
        shape: `batch` is any number.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Exported:
    """The file that was written.

    Attributes:
        file: Where it is; beside it `<file>.json` describes its inputs and outputs, and
            `<file>.data` holds the weights of an ONNX model above 1.5 GB.
        format: `torch` or `onnx`.
        inputs: In order.
        outputs: In order.
        difference: The largest difference from the model that was measured, as a share of the
            largest value of the output it was found in.
    """

    file: Path
    format: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    difference: float


def export(
    run: str | Path,
    format: str = "torch",
    out: str | Path | None = None,
    *,
    trust: bool = False,
) -> Exported:
    """Writes the model of a finished run as a file that runs without g2d.

    Args:
        run: The run's folder.
        format: `torch` (a `torch.export` program) or `onnx`.
        out: The file; `model.pt2` or `model.onnx` in the run's folder when not given.
        trust: Whether code outside g2d that the run names may be run.

    Raises:
        UserError: This is no finished run, it names code that is not trusted, the model has an
            operation that the format lacks, or the file's outputs are not the model's. No file is
            left then.
    """
    opened, kind = Run(run, trust=trust), format_of(format)
    model, description = opened.model, opened.description
    shapes = {name: tuple(shape) for name, shape in description["shapes"].items()}
    fitted = opened.path / "preprocessing.json"
    notes = {"preprocessing": read_json(fitted)} if fitted.exists() else {}
    file = Path(out) if out is not None else opened.path / f"model{kind.suffix}"
    return export_model(model, task_from(description["task"]), shapes, file, format, notes)


def export_model(
    model: MultimodalModel,
    task: Task,
    shapes: Mapping[str, tuple[int, ...]],
    out: str | Path,
    format: str = "torch",
    notes: Mapping[str, Any] | None = None,
) -> Exported:
    """Writes a model as a file that runs without g2d; see `NamedTensors` for what it takes.

    The file is read again and run on random batches of several sizes in which modalities are
    absent; it is kept where its outputs are the model's.

    Args:
        model: Trained, on the CPU.
        task: What it predicts.
        shapes: Shape of one input of every modality.
        out: The file, ending in `.pt2` or `.onnx` as its format does.
        format: `torch` or `onnx`.
        notes: What `<file>.json` holds besides.

    Raises:
        UserError: The model has an operation that the format lacks, or the file's outputs are not
            the model's. No file is left then.
    """
    kind, out = format_of(format), Path(out)
    if out.suffix != kind.suffix:
        raise UserError(f"got {out} for the format {format}, expected a file ending {kind.suffix}")
    if not out.parent.is_dir():
        raise UserError(f"there is no folder {out.parent} for {out.name}; make it first")
    named = NamedTensors(model, task)
    trials = Trials(model, shapes)
    example = list(trials)[-1]
    with torch.no_grad():
        outputs = named(example)
    # Larger than the weights: how it computes is written beside them.
    size = sum(value.nbytes for value in model.state_dict().values())
    with temporary_folder(out.parent, out.name) as scratch, room_for(out, size):
        file = scratch / "made" / out.name
        file.parent.mkdir()
        with unheard(), torch.no_grad():
            try:
                kind.write(traced(named, example), file, list(example), list(outputs))
                difference = largest_difference(named, kind.read(file), trials)
            except Exception as error:
                if says_full(error):
                    raise
                raise UserError(
                    f"the model cannot be exported as {format}: {exporter_reason(error)}; "
                    "--debug shows all of it"
                ) from error
        if not difference <= TOLERANCE:
            raise UserError(
                f"the exported model's outputs differ from the model's by {difference:.1e} of the "
                f"largest, expected {TOLERANCE:.0e} or less; a model that keeps state or draws at "
                "random in eval mode cannot be exported"
            )
        for part in file.parent.iterdir():  # ONNX keeps large weights in a file beside
            part.replace(out.parent / part.name)
    done = Exported(out, format, _specs(example), _specs(outputs), difference)
    content = {
        **asdict(done),
        "file": out.name,
        "modalities": list(model.modalities),
        "task": task.describe(),
        "torch": torch.__version__,
        **(notes or {}),
    }
    write_whole(out.with_name(out.name + ".json"), json.dumps(content, indent=2) + "\n")
    return done


def _specs(tensors: Mapping[str, Tensor]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, str(value.dtype).removeprefix("torch."), (BATCH, *value.shape[1:]))
        for name, value in tensors.items()
    )
