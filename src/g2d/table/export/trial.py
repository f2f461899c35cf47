"""Random inputs for a model, and how far two outputs for them are apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.models.multimodal import MultimodalModel
from g2d.table.export.named_tensors import NamedTensors, present

Named = dict[str, Tensor]
# Rows of the batches that are tried: a single one is what exporters treat apart.
BATCHES = (1, 3, 7)
# An output that is all but zero has no size to measure a difference by.
_SMALLEST = 1e-6


class Trials:
    """Random batches for a model.

    The first sample is whole; of those that follow every combination of modalities is absent in
    turn, with `nan` in its place. Sequences of encoders that pad end at different steps.

    Args:
        model: What the batches are for.
        shapes: Shape of one input of every modality.

    Raises:
        UserError: The model cannot take such inputs.

    Attributes:
        dtypes: What each modality's encoder reads: float32, or int64 where it looks numbers up.
    """

    def __init__(self, model: MultimodalModel, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.model = model
        self.shapes = {name: tuple(shapes[name]) for name in model.modalities}
        self.dtypes = {name: _dtype(model, name, shape) for name, shape in self.shapes.items()}

    def __iter__(self) -> Iterator[Named]:
        """Batches of several sizes, the same in every pass."""
        generator = torch.Generator().manual_seed(0)
        first = 0
        for rows in BATCHES:
            yield self._batch(torch.arange(first, first + rows), generator)
            first += rows

    def _batch(self, rows: Tensor, generator: torch.Generator) -> Named:
        inputs, masks = {}, {}
        for place, (name, shape) in enumerate(self.shapes.items()):
            there = (rows >> place) % 2 == 0
            value = self._values(name, (len(rows), *shape), generator)
            pads = getattr(self.model.encoders[name], "pads", not value.is_floating_point())
            if pads and shape:
                for row, number in enumerate(rows.tolist()):
                    value[row, shape[0] - number % shape[0] :] = 0
            if value.is_floating_point():
                value[~there] = torch.nan
            inputs[name], masks[present(name)] = value, there
        return {**inputs, **masks}

    def _values(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        if self.dtypes[name].is_floating_point:
            return torch.randn(shape, generator=generator)
        encoder = self.model.encoders[name]
        tables = [part for part in encoder.modules() if isinstance(part, nn.Embedding)]
        count = min((table.num_embeddings for table in tables), default=2)
        count = getattr(encoder, "vocabulary", 0) or count
        return torch.randint(count, shape, generator=generator)


def largest_difference(
    module: NamedTensors, other: Callable[[Named], Mapping[str, Tensor]], trials: Trials
) -> float:
    """How far another program's outputs are from the model's, over all trials.

    The model is called as in training: without masks where nothing is absent.

    Returns:
        The largest difference in any output, as a share of that output's largest value; `inf`
        where one is a number and the other is none.
    """
    expected: dict[str, list[Tensor]] = {}
    got: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for inputs in trials:
            masks = {name: inputs[present(name)] for name in trials.shapes}
            whole = all(bool(mask.all()) for mask in masks.values())
            rows = torch.arange(len(next(iter(masks.values()))))
            batch = Batch({n: inputs[n] for n in masks}, rows, rows, {} if whole else masks)
            outputs = other(inputs)
            for name, value in module.outputs(batch).items():
                expected.setdefault(name, []).append(value)
                got.setdefault(name, []).append(outputs[name])
    return max(apart(torch.cat(got[name]), torch.cat(expected[name])) for name in expected)


def apart(got: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the largest expected value.

    Example:
        >>> apart(torch.tensor([1.0, 10.5]), torch.tensor([1.0, 10.0]))
        0.05
        >>> apart(torch.tensor([torch.nan]), torch.tensor([1.0]))
        inf
    """
    if got.shape != expected.shape:
        return torch.inf
    same = (got == expected) | (got.isnan() & expected.isnan())
    gap = (got.double() - expected.double()).abs().masked_fill(same, 0).nan_to_num(torch.inf)
    size = expected.double().abs().nan_to_num(0, posinf=0).max().clamp(min=_SMALLEST)
    return (gap.max() / size).item()


def _dtype(model: MultimodalModel, name: str, shape: tuple[int, ...]) -> torch.dtype:
    """Inputs that an encoder can read; shapes alone do not define them."""
    model.eval()
    failures: list[Exception] = []
    for dtype in (torch.float32, torch.int64):
        try:
            with torch.no_grad():
                model.encode(name, torch.zeros(2, *shape, dtype=dtype))
            return dtype
        except Exception as error:  # an encoder may be any module
            failures.append(error)
    raise UserError(
        f"the encoder of {name!r} cannot take an input of shape {shape}: "
        f"{' '.join(str(failures[0]).split())}; expected the shape that it was trained on"
    ) from failures[0]
