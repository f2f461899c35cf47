"""Shapley values against their definition by orders of arrival, and their axioms."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from g2d import Batch, Classification, MultimodalModel, Regression, UserError
from g2d.analysis.attribution import Attribution, attribute, mean_inputs
from g2d.recipes.catalog import FUSIONS
from g2d.recipes.components import locate

NAMES = ("a", "b", "c")
TASK = Classification(3)


def batches(masked=False, regression=False):
    generator = torch.Generator().manual_seed(1)
    found = []
    for number in range(2):
        inputs = {name: torch.randn(20, 4, generator=generator) for name in NAMES}
        target = torch.randint(0, 3, (20,), generator=generator)
        present = {"b": torch.rand(20, generator=generator) < 0.6} if masked else {}
        index = torch.arange(20 * number, 20 * number + 20)
        found.append(Batch(inputs, target.float() if regression else target, index, present))
    return found


def model(fusion="late", outputs=3):
    torch.manual_seed(0)
    encoders = {name: torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU()) for name in NAMES}
    made = locate(fusion, FUSIONS, "fusion")(dict.fromkeys(NAMES, 5), outputs)
    return MultimodalModel(encoders, made).eval()


@pytest.mark.parametrize("fusion", ["late", "sum", "concat", "film"])
@pytest.mark.parametrize("masked", [False, True])
def test_values_are_the_mean_over_all_orders_of_arrival(fusion, masked):
    net = model(fusion)
    data = batches(masked)
    means = mean_inputs(net, batches())
    found = attribute(net, data, TASK, means)

    @torch.no_grad()
    def accuracy(names):
        right = []
        for batch in data:
            features = {
                n: net.encoders[n](batch.input_of(n)) if n in names else means[n].expand(20, -1)
                for n in NAMES
            }
            logits, _ = net.fusion(features, batch.present or None)
            right.append(logits.argmax(1) == batch.target)
        return torch.cat(right).double().mean().item()

    expected = dict.fromkeys(NAMES, 0.0)
    for order in permutations(NAMES):
        for place, name in enumerate(order):
            expected[name] += (accuracy(order[: place + 1]) - accuracy(order[:place])) / 6
    assert found.values == pytest.approx(expected, abs=1e-9)
    assert sum(found.values.values()) == pytest.approx(found.everything - found.nothing)


def test_the_means_are_those_of_the_samples_that_have_the_modality():
    net, data = model(), batches(masked=True)
    found = mean_inputs(net, data)
    whole = {n: torch.cat([net.encoders[n](b.inputs[n]) for b in data]).detach() for n in NAMES}
    mask = torch.cat([batch.present["b"] for batch in data])
    assert torch.allclose(found["a"], whole["a"].mean(dim=0), atol=1e-6)
    assert torch.allclose(found["b"], whole["b"][mask].mean(dim=0), atol=1e-6)


def test_who_says_nothing_is_owed_nothing():
    net = model()
    torch.nn.init.zeros_(net.fusion.heads["b"].weight)
    found = attribute(net, batches(), TASK, mean_inputs(net, batches()))
    assert found.values["b"] == 0
    assert found.by_sample["a"].any()


def test_numbers_are_scored_by_r_squared():
    net, data = model(outputs=1), batches(regression=True)
    target = torch.cat([batch.target for batch in data])
    task = Regression.fit(target)
    found = attribute(net, data, task, mean_inputs(net, data))
    logits = torch.cat([net(batch).logits for batch in data]).detach()
    assert found.everything == pytest.approx(task.metrics(logits, target)["r2"], rel=1e-5)


def test_too_many_modalities_are_refused():
    names = [f"m{i}" for i in range(13)]
    fusion = locate("late", FUSIONS, "fusion")(dict.fromkeys(names, 2), 2)
    net = MultimodalModel({name: torch.nn.Linear(2, 2) for name in names}, fusion)
    with pytest.raises(UserError, match="got 13 modalities"):
        attribute(net, [], TASK, {})


def test_the_figure_is_a_picture(tmp_path):
    rows = {"a": np.array([0.1, 0.3]), "b": np.array([-0.2, 0.0])}
    picture = imread(Attribution(rows, 0.5, 0.6).plot(tmp_path / "new" / "shapley.png"))
    assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 20
