"""Modalities that are missing in some samples, through training and evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from g2d import G2D, JointTraining, OnlineTeachers, UnimodalModel
from g2d.data.arrays import ArraySplit
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, evaluate, fit
from toy import ToyEncoder
from toy_parts import SPLITS, TASK, student

THERE = np.arange(96) % 3 > 0


def masked(placeholder: float) -> ArraySplit:
    """The toy's training split with "far" missing in a third, and something in its place."""
    inputs = {name: rows.copy() for name, rows in SPLITS.train.inputs.items()}
    inputs["far"][~THERE] = placeholder
    return ArraySplit(inputs, SPLITS.train.target.numpy(), {"far": THERE})


def trained(method, placeholder):
    model = student()
    made = method(model)
    split = masked(placeholder)
    settings = TrainingSettings(epochs=2, batch_size=16, accelerator="cpu")
    loaders = make_loader(split, 16, shuffle=True), make_loader(split, 48, shuffle=False)
    torch.manual_seed(2)
    fit(made, *loaders, settings)
    return model


def g2d(model):
    torch.manual_seed(5)
    models = {name: UnimodalModel(name, ToyEncoder(), 8, 3) for name in ("near", "far")}
    return G2D(model, TASK, OnlineTeachers(models, TASK), (1, 1))


@pytest.mark.parametrize(
    "method", [lambda model: JointTraining(model, TASK), g2d], ids=["joint", "g2d"]
)
def test_what_stands_in_for_an_absent_input_does_not_matter(method):
    """Not even NaN, which a product with a mask of zeros would let through."""
    one, other = trained(method, 0.0), trained(method, float("nan"))
    for key, value in one.state_dict().items():
        assert value.isfinite().all(), key
        assert torch.equal(value, other.state_dict()[key]), key


def test_a_modality_is_measured_on_the_samples_that_have_it():
    model = student().eval()
    found = evaluate(model, make_loader(masked(0.0), 20, shuffle=False), TASK)
    rows = torch.from_numpy(np.flatnonzero(THERE))
    batch = SPLITS.train.__getitems__(rows.tolist())
    right = model(batch).unimodal["far"].argmax(1) == batch.target
    assert found.metrics["accuracy"]["far"] == pytest.approx(right.double().mean().item())
    assert torch.equal(found.present["far"], torch.from_numpy(THERE))


def test_a_modality_that_no_sample_has_gets_no_metric():
    split = ArraySplit(
        SPLITS.val.inputs, SPLITS.val.target.numpy(), {"far": np.zeros(96, dtype=bool)}
    )
    found = evaluate(student(), make_loader(split, 48, shuffle=False), TASK)
    assert set(found.metrics["accuracy"]) == {"fused", "near"}


def test_a_batch_without_a_mask_has_the_modality_in_every_sample():
    """The second of three batches, and so some rows in the middle."""
    whole = list(make_loader(masked(0.0), 40, shuffle=False))
    del whole[1].present["far"]
    found = evaluate(student().eval(), whole, TASK)
    there = torch.from_numpy(THERE).clone()
    there[40:80] = True
    assert torch.equal(found.present["far"], there)
    right = found.logits["far"].argmax(1) == found.target
    assert found.metrics["accuracy"]["far"] == pytest.approx(right[there].double().mean().item())
