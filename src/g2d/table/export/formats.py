"""The formats that a model is exported to, and the messages of their exporters."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from g2d.errors import check_choice, require
from g2d.quiet import quiet
from g2d.table.export.named_tensors import NamedTensors
from g2d.table.export.trial import Named

# Name of the dimension that may have any size.
BATCH = "batch"

Program = Callable[[Named], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Format:
    """A format of exported models.

    Attributes:
        suffix: Of its files.
        needs: Packages that write and read them, besides torch.
        write: Writes a program, whose inputs and outputs get these names.
        read: Opens a file as a function of its inputs.
    """

    suffix: str
    needs: tuple[str, ...]
    write: Callable[[torch.export.ExportedProgram, Path, list[str], list[str]], None]
    read: Callable[[Path], Program]


def traced(module: NamedTensors, example: Named) -> torch.export.ExportedProgram:
    """The model as a graph, for any number of samples."""
    batch = torch.export.Dim(BATCH)
    shapes = ({name: {0: batch} for name in example},)
    program = torch.export.export(module, (example,), dynamic_shapes=shapes, strict=False)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # source lines and paths of this machine
    return program


def _write_torch(
    program: torch.export.ExportedProgram, file: Path, inputs: list[str], outputs: list[str]
) -> None:
    content = io.BytesIO()  # PyTorch aborts the process where it finds a disk full
    torch.export.save(program, content)
    file.write_bytes(content.getbuffer())


def _read_torch(file: Path) -> Program:
    module: Program = torch.export.load(file).module()
    return module


def _write_onnx(
    program: torch.export.ExportedProgram, file: Path, inputs: list[str], outputs: list[str]
) -> None:
    torch.onnx.export(
        program,
        (),
        file,
        dynamo=True,
        verbose=False,
        external_data=False,
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=({name: {0: BATCH} for name in inputs},),
    )


def _read_onnx(file: Path) -> Program:
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; warnings are about how fast it could be
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Named) -> Mapping[str, Tensor]:
        arrays = session.run(names, {name: value.numpy() for name, value in inputs.items()})
        return {name: torch.from_numpy(a) for name, a in zip(names, arrays, strict=True)}

    return run


FORMATS = {
    "torch": Format(".pt2", (), _write_torch, _read_torch),
    "onnx": Format(".onnx", ("onnx", "onnxscript", "onnxruntime"), _write_onnx, _read_onnx),
}


def format_of(name: str) -> Format:
    """Finds a format by its name.

    Raises:
        UserError: There is none, or a package that it needs is not installed.
    """
    check_choice("format", name, tuple(FORMATS))
    for package in FORMATS[name].needs:
        require(package, "onnx")
    return FORMATS[name]


@contextmanager
def unheard() -> Iterator[None]:
    """Exporters print graphs besides; what goes wrong is still raised."""
    unread = io.StringIO()
    with quiet(), redirect_stdout(unread), redirect_stderr(unread):
        yield


# Parts of exporters' messages, and what they mean.
_MEANINGS = {
    "data-dependent": "an encoder or the fusion decides by the values of its input, as in "
    "`if x.sum() > 0`, which no graph can; use torch.where",
    "Constraints violated (batch)": "an encoder or the fusion is traced for one number of samples "
    "only, as by len(x); use x.shape[0]",
}


def exporter_reason(error: BaseException) -> str:
    """The one line that matters of an exporter's pages."""
    messages = []
    cause: BaseException | None = error
    while cause is not None:
        messages.append(str(cause))
        cause = cause.__cause__
    everything = "\n".join(messages)
    lacking = re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", everything)
    if lacking:
        return f"ONNX has no {lacking[1]}"
    for sign, meaning in _MEANINGS.items():
        if sign in everything:
            return meaning
    line = " ".join(messages[-1].split()) or type(error).__name__
    return line if len(line) <= 200 else f"{line[:200]} ..."
