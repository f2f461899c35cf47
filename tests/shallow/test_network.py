"""Predictors of scikit-learn as networks: they say what scikit-learn says, of every task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from g2d.batch import Batch
from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError
from g2d.functional.calibration import fit_temperature
from g2d.recipes.build import architecture, restore_brought
from g2d.recipes.recipe import recipe_from
from g2d.recipes.shallow import shallow_recipe
from g2d.shallow.network import fit_network
from g2d.shallow.predictors import NAMES, choose, fit
from g2d.shallow.vectors import ShortVectors
from g2d.tasks import Classification, MultiLabel, Regression

N = 150
_HOME = "g2d.models.encoders.short_vector"
SHORT = {
    "words": {"name": f"{_HOME}.TfIdf", "words": 30},
    "numbers": {"name": f"{_HOME}.ShortVector", "shape": [5], "summary": "flat"},
    "picture": {"name": f"{_HOME}.ShortVector", "shape": [3, 20, 20], "summary": "thumbnails"},
    "steps": {"name": f"{_HOME}.ShortVector", "shape": [9, 2], "summary": "over_time"},
}
SHAPES = {"words": (7,), "numbers": (5,), "picture": (3, 20, 20), "steps": (9, 2)}


def inputs(rng):
    steps = rng.normal(size=(N, 9, 2)).astype(np.float32)
    steps[np.arange(9) >= rng.integers(1, 10, (N, 1))] = 0  # padding
    return {
        "words": rng.integers(0, 25, (N, 7)),
        "numbers": rng.normal(2, 3, (N, 5)).astype(np.float32),
        "picture": rng.random((N, 3, 20, 20)).astype(np.float32),
        "steps": steps,
    }


def targets(task, x, rng):
    score = x["numbers"][:, 0] - x["numbers"][:, 1] + 6 * (x["words"] == 3).any(axis=1)
    if isinstance(task, Regression):
        return (score + rng.normal(size=N)).astype(np.float32)
    if isinstance(task, MultiLabel):
        never = np.zeros(N)
        return np.stack([score > 0, score > 3, never], axis=1).astype(np.float32)
    cuts = np.linspace(-2, 5, task.outputs - 1)[: task.outputs - 1]
    return np.digitize(score + rng.normal(size=N), cuts)


def data(task, names, missing=False, last_class=True):
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(3):
        x = inputs(rng)
        y = targets(task, x, rng)
        if not last_class:
            y = np.minimum(y, task.outputs - 2)
        there = {n: rng.random(N) > 0.2 for n in names[1:]} if missing else {}
        parts.append(ArraySplit({n: x[n] for n in names}, y, there))
    shapes = {n: SHAPES[n] for n in names}
    spec = DatasetSpec("own", task, shapes, "p", "f", short_vectors=SHORT)
    return Splits(spec, *parts)


def network(splits, predictor):
    recipe = shallow_recipe(recipe_from({"data": "x", "method": predictor}), splits.spec)
    model = architecture(recipe, splits.spec.modalities).student(splits.spec.task)
    return recipe, fit_network(model, splits, predictor).eval()


def scikit_learn(splits, predictor):
    """What scikit-learn itself says of the test rows, and where no probability is cut off."""
    task, names = splits.spec.task, splits.spec.modalities
    vectors = ShortVectors(splits.spec, splits.train)
    matrices = [
        rows.joined(names, vectors.missing)
        for rows in (vectors.train, vectors.read_all(splits.val), vectors.read_all(splits.test))
    ]
    pairs = [(matrices[0], splits.train.target), (matrices[1], splits.val.target)]
    fitted = choose(NAMES[predictor](task, N), task, *pairs)
    logits = fitted.logits(matrices[2])
    temperature = fit_temperature(task, fitted.logits(matrices[1]), splits.val.target)
    # probabilities below a millionth are cut off there, and not in the network
    sure = logits.abs() > 13.7
    if isinstance(task, MultiLabel):
        sure = sure[:, :2]  # the third never comes, and neither doubts it
    return logits / max(1, temperature), ~sure.any(dim=1)


def batch_of(split):
    return split.__getitems__(list(range(len(split))))


TASKS = {
    "two classes": Classification(2),
    "four classes": Classification(4),
    "labels": MultiLabel(3),
    "number": Regression(-12.0, 15.0, 5.0),
}
CASES = [
    ("linear", ("words", "numbers", "picture", "steps")),
    ("linear", ("numbers",)),
    ("boosting", ("numbers", "steps")),
]


@pytest.mark.parametrize(("predictor", "names"), CASES)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_network_says_what_scikit_learn_says(task, predictor, names):
    splits = data(task, names, missing=len(names) > 1)
    _, model = network(splits, predictor)
    expected, whole = scikit_learn(splits, predictor)
    with torch.no_grad():
        said = model(batch_of(splits.test)).logits
    torch.testing.assert_close(task.predict(said), task.predict(expected), rtol=1e-3, atol=1e-3)
    target = splits.test.target
    losses = [task.losses(logits, target)[whole] for logits in (said, expected)]
    torch.testing.assert_close(*losses, rtol=1e-3, atol=1e-3)
    guess = task.loss(task.constant(target), target)
    assert losses[0].mean() < 0.95 * guess  # there is something to know, and it is known


def test_a_class_that_training_lacks_is_never_said():
    splits = data(Classification(4), ("numbers",), last_class=False)
    for predictor in ("linear", "boosting"):
        _, model = network(splits, predictor)
        said = model(batch_of(splits.test)).logits
        assert said.softmax(dim=1)[:, 3].max() < 1e-3
        assert (said.argmax(dim=1) == scikit_learn(splits, predictor)[0].argmax(dim=1)).all()


def test_few_validation_rows_do_not_make_it_too_sure():
    """18 rows that are all right would choose the least temperature there is."""
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(10):
        x = rng.normal(size=(400, 2)).astype(np.float32)
        y = (x[:, 0] + rng.normal(size=400) / 4 > 0).astype(np.int64)
        parts = [
            ArraySplit({"numbers": x[a:b]}, y[a:b]) for a, b in ((0, 84), (84, 102), (102, 400))
        ]
        splits = of_numbers(Classification(2), x, y)
        _, model = network(Splits(splits.spec, *parts), "linear")
        logits = model(batch_of(parts[2])).logits
        losses.append(splits.spec.task.loss(logits, parts[2].target).item())
    assert np.mean(losses) < 0.3


def test_a_class_that_only_validation_has_does_not_cool_the_others():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    later = y.copy()
    later[:40] = 2
    spec = of_numbers(Classification(3), x, y).spec
    train, val = ArraySplit({"numbers": x}, y), ArraySplit({"numbers": x}, later)
    _, model = network(Splits(spec, train, val, train), "linear")
    said = model(batch_of(train)).logits.softmax(dim=1)
    assert said[:, 2].max() < 1e-6
    assert (said.argmax(dim=1) == train.target).float().mean() > 0.95


def test_it_is_built_again_from_its_recipe_and_its_weights():
    splits = data(TASKS["four classes"], ("numbers", "steps"), missing=True)
    for predictor in ("linear", "boosting"):
        recipe, model = network(splits, predictor)
        again = architecture(recipe, splits.spec.modalities).student(splits.spec.task)
        restore_brought(again, model.brought)
        again.load_state_dict(model.state_dict())
        batch = batch_of(splits.test)
        assert torch.equal(again.eval()(batch).logits, model(batch).logits)


def test_unimodal_logits_are_what_is_said_where_the_others_are_absent():
    splits = data(TASKS["four classes"], ("numbers", "steps"), missing=True)
    for predictor in ("linear", "boosting"):
        _, model = network(splits, predictor)
        batch = batch_of(splits.test)
        none, own = torch.zeros(N, dtype=torch.bool), batch.mask("numbers").bool()
        alone = Batch(batch.inputs, batch.target, batch.index, {"numbers": own, "steps": none})
        said = model(batch).unimodal["numbers"]
        torch.testing.assert_close(said[own], model(alone).logits[own])
        assert not said[~own].any()


def test_what_cannot_be_read_or_is_not_used_is_refused():
    splits = data(TASKS["two classes"], ("words", "numbers"))
    with pytest.raises(UserError, match=r"as words has; give --data.modalities '\[numbers\]'"):
        network(splits, "boosting")
    for more, line in (
        ({"encoders": {"numbers": "mlp"}}, "encoders.numbers: linear reads short vectors"),
        ({"experts": {"numbers": "svm"}}, "experts: linear reads short vectors"),
    ):
        recipe = recipe_from({"data": "x", "method": "linear", **more})
        with pytest.raises(UserError, match=line):
            shallow_recipe(recipe, splits.spec)
    spec = replace(splits.spec, short_vectors=None)
    with pytest.raises(UserError, match="linear is for tables of your own, and own is none"):
        shallow_recipe(recipe_from({"data": "x", "method": "linear"}), spec)


def of_numbers(task, x, y, weights=None):
    split = ArraySplit({"numbers": x}, y)
    split.weights = weights
    shapes = {"numbers": (x.shape[1],)}
    short = {"numbers": {**SHORT["numbers"], "shape": [x.shape[1]]}}
    spec = DatasetSpec("own", task, shapes, "p", "f", short_vectors=short)
    return Splits(spec, split, split, split)


@pytest.mark.parametrize("predictor", ["linear", "boosting"])
def test_rows_weigh_as_the_data_draws_them(predictor):
    """Light rows say the opposite of heavy ones."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    heavy = rng.random(300) < 0.3
    y = ((x[:, 0] > 0) == heavy).astype(np.int64)
    weights = torch.from_numpy(np.where(heavy, 1.0, 0.001))
    _, model = network(of_numbers(Classification(2), x, y, weights), predictor)
    said = model(batch_of(ArraySplit({"numbers": x}, y))).logits.argmax(dim=1).numpy()
    assert (said == y)[heavy].mean() > 0.95


def test_classes_weigh_as_the_task_says():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.05).astype(np.int64)
    x = (rng.normal(size=(600, 1)) + y[:, None]).astype(np.float32)
    found = {}
    for weights in (None, [0.526, 10.0]):
        _, model = network(of_numbers(Classification(2, weights=weights), x, y), "linear")
        said = model(batch_of(ArraySplit({"numbers": x}, y))).logits.argmax(dim=1).numpy()
        found[weights is None] = [(said == y)[y == k].mean() for k in (0, 1)]
    assert found[True][1] < 0.2 < 0.5 < found[False][1]


@pytest.mark.parametrize("predictor", ["linear", "boosting"])
def test_a_wrong_target_does_not_lead_under_the_absolute_loss(predictor):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 1)).astype(np.float32)
    y = 10 + x[:, 0]
    y[3] = 1e6
    task = Regression.fit(torch.from_numpy(y), loss="absolute")
    _, model = network(of_numbers(task, x, y), predictor)
    said = task.predict(model(batch_of(ArraySplit({"numbers": x}, y))).logits).detach().numpy()
    assert np.abs(np.delete(said.ravel() - y, 3)).mean() < 0.3


def test_trees_take_a_class_of_one_row_among_many():
    x = np.random.default_rng(0).normal(size=(10_400, 1)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    y[5] = 2
    for trees in NAMES["boosting"](Classification(3), len(y)):
        few = trees.set_params(max_iter=2)
        fitted = fit(few, Classification(3), x, torch.from_numpy(y))
        assert fitted.parts[0].classes_.tolist() == [0, 1, 2]
        assert (fitted.logits(x).argmax(dim=1).numpy() == y).mean() > 0.99
