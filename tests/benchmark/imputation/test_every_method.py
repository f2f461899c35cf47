"""What holds for every method on views."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

import g2d
from benchmark.imputation.problem import CLASSES, views
from g2d.benchmark.imputation import CRA, MMIN, TATE, CPMNets, PartialViewModel, Views

# Little work, and enough to learn the small problem.
QUICK = {
    CRA: {
        "blocks": 2,
        "stage_epochs": 2,
        "joint_epochs": 2,
        "classifier_epochs": 10,
        "learning_rate": 1e-3,
        "batch_size": 16,
    },
    MMIN: {"width": 8, "blocks": 1, "teacher_epochs": 4, "epochs": 12, "batch_size": 16},
    CPMNets: {"latent": 16, "hidden": 12, "epochs": 10, "test_epochs": 20},
    TATE: {"width": 16, "heads": 2, "teacher_epochs": 2, "epochs": 6, "batch_size": 16},
}
ONE_EPOCH = {
    CRA: {"classifier_epochs": 1, "stage_epochs": 2, "joint_epochs": 1},
    MMIN: {"teacher_epochs": 1, "epochs": 1},
    CPMNets: {"epochs": 1, "test_epochs": 2},
    TATE: {"teacher_epochs": 1, "epochs": 1},
}
every = pytest.mark.parametrize("method", QUICK, ids=lambda method: method.__name__)
both = pytest.mark.parametrize("k", [2, 3])


def quick(method: type[PartialViewModel], **options) -> PartialViewModel:
    task = options.pop("task", None) or g2d.Classification(CLASSES)
    return method(task, **{**QUICK[method], **options})


@cache
def learned(method: type[PartialViewModel], k: int) -> PartialViewModel:
    model = quick(method)
    model.fit(views(120, k), views(40, k, seed=1), seed=0)
    return model


def once(method: type[PartialViewModel], train: Views, val: Views, seed: int = 0) -> Tensor:
    """What it says after one epoch, of new samples."""
    model = quick(method, **ONE_EPOCH[method])
    model.fit(train, val, seed=seed)
    return model.logits(views(30, len(train.features), seed=2))


def with_names(data: Views, names: dict[str, str]) -> Views:
    return Views(
        {names[name]: value for name, value in data.features.items()},
        {names[name]: value for name, value in data.present.items()},
        data.target,
    )


@every
@both
def test_learns_from_what_is_there(method, k):
    """Two of five views are absent; the classes are equally frequent."""
    test = views(300, k, seed=2)
    logits = learned(method, k).logits(test)
    assert logits.shape == (300, CLASSES)
    accuracy = (logits.argmax(dim=1) == test.target).double().mean()
    majority = test.target.bincount().max() / len(test)
    assert majority < 0.4
    assert accuracy > 0.75


@every
def test_what_stands_in_absent_rows_has_no_influence(method):
    said = []
    for absent in (float("nan"), 0.0, 1e6):
        model = quick(method, **ONE_EPOCH[method])
        model.fit(views(60, absent=absent), views(20, seed=1, absent=absent), seed=0)
        said.append(model.logits(views(20, seed=2, absent=absent)))
    assert said[0].isfinite().all()
    assert torch.equal(said[0], said[1])
    assert torch.equal(said[0], said[2])


@every
@both
def test_the_seed_decides_and_the_global_state_stays(method, k):
    train, val = views(60, k), views(20, k, seed=1)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = once(method, train, val)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert torch.equal(first, once(method, train, val))
    assert not torch.equal(first, once(method, train, val, seed=1))


@every
def test_names_do_not_matter(method):
    names = {"near": "zebra", "far": "ape", "deep": "a long name"}
    train, val, test = views(60), views(20, seed=1), views(20, seed=2)
    model = quick(method, **ONE_EPOCH[method])
    model.fit(train, val, seed=0)
    first = model.logits(test)
    model.fit(with_names(train, names), with_names(val, names), seed=0)
    assert model.modalities == ("zebra", "ape", "a long name")
    assert torch.equal(first, model.logits(with_names(test, names)))


@every
def test_the_order_is_that_of_the_training_views(method):
    train, val, test = views(60), views(20, seed=1), views(20, seed=2)
    turned = ("deep", "near", "far")
    model = quick(method, **ONE_EPOCH[method])
    model.fit(train, val, seed=0)
    first = model.logits(test)
    assert torch.equal(first, model.logits(test.ordered(turned)))
    model.fit(train, val.ordered(turned), seed=0)
    assert torch.equal(first, model.logits(test))


@every
def test_a_prediction_depends_on_its_own_sample_alone(method):
    model, test = learned(method, 3), views(40, seed=2)
    together = model.logits(test)
    rows = torch.tensor([3, 30, 17])
    some = Views(
        {name: value[rows] for name, value in test.features.items()},
        {name: value[rows] for name, value in test.present.items()},
        test.target[rows],
    )
    torch.testing.assert_close(model.logits(some), together[rows], rtol=1e-3, atol=1e-3)
    assert torch.equal(model.logits(test), together)


@every
def test_the_target_is_not_read_to_predict(method):
    model, test = learned(method, 3), views(40, seed=2)
    other = Views(test.features, test.present, 2 - test.target)
    assert torch.equal(model.logits(test), model.logits(other))


@every
def test_validation_chooses_and_does_not_teach(method):
    """With one epoch there is nothing to choose, so validation can be anything."""
    train = views(60)
    assert torch.equal(
        once(method, train, views(20, seed=1)), once(method, train, views(20, seed=9))
    )


@every
def test_what_is_absent_in_test_is_not_missed_for_training(method):
    """The `test-only` scenario: training is complete."""
    model = quick(method, **ONE_EPOCH[method])
    model.fit(views(60, rate=0.0), views(20, seed=1), seed=0)
    assert model.logits(views(20, rate=0.6, seed=2)).isfinite().all()


@every
def test_one_view_in_every_sample_is_enough_to_train(method):
    train = views(60, k=2, rate=0.5)
    assert (train.presence.sum(dim=1) == 1).all()
    assert once(method, train, views(20, k=2, rate=0.5, seed=1)).isfinite().all()


@pytest.mark.parametrize("method", [CRA, MMIN, TATE], ids=lambda method: method.__name__)
def test_complete_targets(method):
    model = quick(method, targets="complete")
    model.fit(views(120, rate=0.2), views(40, seed=1), seed=0)
    test = views(300, seed=2)
    assert (model.logits(test).argmax(dim=1) == test.target).double().mean() > 0.75
    with pytest.raises(g2d.UserError, match="targets is 'some', expected one of drop, complete"):
        quick(method, targets="some")


@pytest.mark.parametrize("method", [CRA, MMIN, TATE], ids=lambda method: method.__name__)
def test_regression(method):
    train = views(120, regression=True)
    model = quick(method, task=g2d.Regression.fit(train.target))
    model.fit(train, views(40, seed=1, regression=True), seed=0)
    test = views(300, seed=2, regression=True)
    assert model.task.metrics(model.logits(test), test.target)["r2"] > 0.3


@every
def test_what_does_not_fit_is_refused(method):
    model = quick(method, **ONE_EPOCH[method])
    with pytest.raises(g2d.UserError, match="is not fitted; call fit first"):
        model.logits(views(5))
    with pytest.raises(g2d.UserError, match="was fitted to views of the widths"):
        model.fit(views(20), views(20, k=2), seed=0)
    with pytest.raises(g2d.UserError, match="the validation split has no samples"):
        model.fit(views(20), views(0), seed=0)
    dotted = with_names(views(20, k=2), {"near": "a.b", "far": "far"})
    with pytest.raises(g2d.UserError, match="no modality can be called"):
        model.fit(dotted, dotted, seed=0)
    data = views(20)
    tokens = Views(
        {name: value[:, None] for name, value in data.features.items()}, data.present, data.target
    )
    if not method.takes_tokens:
        with pytest.raises(g2d.UserError, match="takes one vector a sample"):
            model.fit(tokens, tokens, seed=0)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (CRA, {"blocks": 0}, "blocks is 0, expected a whole number of 1 or more"),
        (CRA, {"joint": True, "joint_epochs": 0}, "joint_epochs is 0"),
        (MMIN, {"hidden_share": 1.5}, "hidden_share is 1.5, expected a share"),
        (MMIN, {"forward_weight": -1.0}, "forward_weight is -1.0, expected a finite number"),
        (CPMNets, {"class_weight": float("nan")}, "class_weight is nan"),
        (TATE, {"epochs": 0}, "epochs is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(method, options, message):
    with pytest.raises(g2d.UserError, match=message):
        quick(method, **options)
