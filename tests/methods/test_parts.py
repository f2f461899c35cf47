"""A step in several parts is the step in one part, where samples lack modalities too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from methods.catalogued import EPOCHS, TRAINED, method_of, recipe, splits

ROWS, NAMES = 12, ("near", "far", "deep")
PARTS = [(3, 3, 3, 3), (2, 7, 3)]
# Methods of which a step in parts is another step with nothing absent as well: why.
BY_PART: dict[str, str] = {
    "agm": "its factors follow the scores of a part",
    "di_mml": "its contrastive loss has the samples of a part as negatives",
    "mis_me": "its heads normalise over the samples of a part",
    "pmr": "its coefficients follow the scores of a part",
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in TRAINED if name not in BY_PART},
    "g2d_loss, printed": ("g2d_loss", {"preset": "printed"}),
    "g2d_loss, ensemble": ("g2d_loss", {"distill_to": "ensemble"}),
    "agm, encoder": ("agm", {"modulated": "encoder", "window": (0.0, 1.0)}),
    "relearning, accuracy": ("relearning", {"diagnosis": "accuracy"}),
    **{
        f"joint+smp, {suppression}": (
            "joint+smp",
            {"schedule": [1, 1, 2], "suppression": suppression, "rank_by": "train_batch"},
        )
        for suppression in ("complete", "partial")
    },
    "opm+smp": ("opm+smp", {"schedule": [1, 1, 2]}),
}
FAST = {
    "joint",
    "umt",
    "g2d",
    "g2d_loss",
    "g2d_loss, printed",
    "g2d_loss, ensemble",
    "mla",
    "amco",
    "opm",
    "relearning",
    "joint+smp, complete",
}


def whole(epoch: int) -> g2d.Batch:
    """Every modality is absent in other parts of the samples, and from one of them all are."""
    batch = splits(3).train.__getitems__(list(range(ROWS * epoch, ROWS * (epoch + 1))))
    there = torch.ones(3, ROWS, dtype=torch.bool)
    there[0, [0, 1, 2, 9]] = False
    there[1, [3, 7, 8, 11]] = False
    there[2, [0, 3, 4, 5]] = False
    there[:, 6] = False
    inputs = {name: value.double() for name, value in batch.inputs.items()}
    return g2d.Batch(inputs, batch.target, batch.index, dict(zip(NAMES, there, strict=True)))


def parts(batch: g2d.Batch, sizes: Sequence[int]) -> list[g2d.Batch]:
    def cut(values: Mapping[str, Tensor], own: Tensor) -> dict[str, Tensor]:
        return {name: value[own] for name, value in values.items()}

    return [
        g2d.Batch(
            cut(batch.inputs, own), batch.target[own], batch.index[own], cut(batch.present, own)
        )
        for own in torch.arange(ROWS).split(list(sizes))
    ]


def trained(case: str, sizes: Sequence[int]) -> dict[str, Tensor]:
    """The weights after a step an epoch, in float64, without batch norm and dropout."""
    name, options = CASES[case]
    task = splits(3).spec.task
    torch.manual_seed(0)
    encoders = {name: nn.Sequential(nn.Linear(6, 8), nn.Tanh()) for name in NAMES}
    model = g2d.MultimodalModel(encoders, g2d.LateFusion(dict.fromkeys(NAMES, 8), task.outputs))
    method = method_of(recipe(name, 3, options), task, model)
    for teacher in method.teachers.models.values() if hasattr(method, "teachers") else ():
        teacher.double()
    model = method.student.net.double()
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.05)
    batches = [whole(epoch) for epoch in range(EPOCHS)]
    method.on_fit_start(
        g2d.Loop(optimizer, epochs=EPOCHS, iter_train=lambda fraction, seed: batches)
    )
    for epoch, batch in enumerate(batches):
        model.train()
        method.on_epoch_start(epoch)
        method.step(*parts(batch, sizes))
        values = dict.fromkeys(("fused", *NAMES), 0.5 - 0.1 * epoch)
        method.on_validation_end({"loss": values, "accuracy": values, "confidence": values})
    return dict(model.state_dict())


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=() if c in FAST else pytest.mark.conformance) for c in CASES],
)
def test_a_step_in_parts_is_the_step_in_one(case: str) -> None:
    alone = trained(case, (ROWS,))
    for sizes in PARTS:
        torch.testing.assert_close(trained(case, sizes), alone, rtol=1e-5, atol=1e-7)
