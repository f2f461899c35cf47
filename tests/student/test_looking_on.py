"""Unimodal logits for those who look on: those of training, and nothing changes."""

from __future__ import annotations

import pytest
import torch

from g2d.student.attach import as_student
from methods.catalogued import TRAINED, method_of, recipe, splits

# In eval mode, in which dropout and batch norm of their heads give other values.
OTHER_IN_TRAINING = {"mis_me"}


@pytest.mark.parametrize("fusion", ["late", "concat", "film"])
@pytest.mark.parametrize("name", TRAINED)
def test_unimodal_logits_are_those_of_a_training_pass(name: str, fusion: str) -> None:
    data = splits(2)
    try:
        method = method_of(recipe(name, 2, fusion=fusion, dropout=0.0), data.spec.task)
    except ValueError:
        pytest.skip("the method refuses this fusion")
    student = as_student(method.student)
    batch = data.train.__getitems__(list(range(12)))
    outputs = student.net.train()(batch)
    before = {key: value.clone() for key, value in student.net.state_dict().items()}
    modes, random = [part.training for part in student.net.modules()], torch.get_rng_state()
    found = student.unimodal_logits(outputs.fusion_inputs)
    assert found.keys() == outputs.unimodal.keys()
    if name not in OTHER_IN_TRAINING:
        torch.testing.assert_close(found, outputs.unimodal)
    torch.testing.assert_close(dict(student.net.state_dict()), before, rtol=0, atol=0)
    assert modes == [part.training for part in student.net.modules()]
    assert torch.equal(random, torch.get_rng_state())
