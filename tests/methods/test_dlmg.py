"""DLMG: training by the equations, the distances, the weight of the labels, what is held out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import g2d
from g2d.functional.matching import dlmg_alpha, info_nce, matching_divergence
from g2d.methods.dlmg import DLMG, HIGHEST, LOWEST
from g2d.models.fusion import FiLMFusion
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from host_reads import Reads
from methods.small import NAMES, TASKS, WIDTHS, batch, same, sgd, student, weights
from reference import dlmg as paper
from reference import g2d as networks

EPOCHS, BATCHES = 4, 2
CASES: dict[str, dict[str, Any]] = {
    "heuristic": {},
    "fitted, js": {"alpha": "fitted", "match": "js"},
    "a number": {"alpha": 0.3, "prefactor": 1.0},
    "infonce": {"match": "infonce", "temperature": 0.2},
}


def started(
    model: g2d.MultimodalModel, task: g2d.Task, iter_train: Any = None, **options: Any
) -> DLMG:
    method = DLMG(model, task, **options)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=EPOCHS, iter_train=iter_train))
    return method


def zeroed(data: g2d.Batch) -> networks.Params:
    inputs = {name: rows.clone() for name, rows in data.inputs.items()}
    for name, present in data.present.items():
        inputs[name][~present] = 0.0
    return inputs


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_equations(name: str, kind: str, k: int, missing: bool) -> None:
    options, task = CASES[name], TASKS[kind]
    infonce = name == "infonce" or kind == "regression"
    if infonce and (k == 3 or options.get("match") == "js"):
        return  # three of the small encoders differ in width
    names = ("image", "gas") if infonce else NAMES[:k]
    model = student(names, task.outputs)
    epochs = [
        [batch(names, task, seed=10 * e + s, missing=missing) for s in range(BATCHES)]
        for e in range(EPOCHS)
    ]
    rule = options.get("alpha", "heuristic")
    by_rule = {"heuristic": paper.heuristic, "fitted": lambda e: paper.fitted(e, EPOCHS)}
    scale = task if isinstance(task, g2d.Regression) else None
    expected = paper.train(
        networks.Task(kind, scale.low, scale.high, scale.std) if scale else networks.Task(kind),
        weights(model),
        [key for key, _ in model.named_parameters()],
        names,
        [
            networks.Sample(
                e + 1, zeroed(b), b.target, {m: p.tolist() for m, p in b.present.items()}
            )
            for e, batches in enumerate(epochs)
            for b in batches
        ],
        networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
        alpha=by_rule.get(rule, lambda e: rule),
        match="infonce" if infonce else options.get("match", "rjs"),
        prefactor=options.get("prefactor", 2.0),
        temperature=options.get("temperature", 0.07),
    )
    method = started(model, task, **options)
    steps = iter(expected)
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            loss, params = next(steps)
            assert float(method.step(data)) == pytest.approx(loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value,
                    params[key].float(),
                    rtol=2e-3,
                    atol=2e-5,
                    msg=lambda m, k=key: f"{k} {m}",
                )


# --- the distances --------------------------------------------------------------------------------

numbers = st.lists(st.floats(-8, 8), min_size=4, max_size=4)


@given(one=numbers, other=numbers, several=st.booleans(), reversed_=st.booleans())
def test_a_divergence_is_symmetric_positive_and_zero_for_equals(
    one: list[float], other: list[float], several: bool, reversed_: bool
) -> None:
    task: g2d.Task = g2d.MultiLabel(4) if several else g2d.Classification(4)
    a, b = torch.tensor([one]), torch.tensor([other])
    found = matching_divergence(task, a, b, reversed_)
    torch.testing.assert_close(found, matching_divergence(task, b, a, reversed_))
    assert float(found) >= -1e-6
    assert float(matching_divergence(task, a, a, reversed_)) == pytest.approx(0, abs=1e-6)
    of = a.sigmoid() - b.sigmoid() if several else a.softmax(1) - b.softmax(1)
    if float(of.abs().max()) > 0.05:
        assert float(found) > 1e-5


def test_the_two_orders_of_the_arguments_differ() -> None:
    task = g2d.Classification(3)
    a, b = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[-1.0, 1.0, 0.5]])
    p, q = a.double().softmax(1)[0], b.double().softmax(1)[0]
    for kind in ("rjs", "js"):
        expected = paper.apart(p, q, kind).float()
        torch.testing.assert_close(matching_divergence(task, a, b, kind == "rjs")[0], expected)
    assert matching_divergence(task, a, b) > matching_divergence(task, a, b, reversed_=False)


def test_infonce_over_a_batch_and_over_those_who_have_both() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(5, 3), torch.randn(5, 3)
    everybody = info_nce(one, other, None, 0.2).mean()
    expected = paper.contrast(one.double(), other.double(), range(5), 0.2)
    torch.testing.assert_close(everybody, expected.float())
    both = torch.tensor([True, False, True, True, False])
    some = info_nce(one, other, both, 0.2)[both].mean()
    expected = paper.contrast(one.double(), other.double(), [0, 2, 3], 0.2)
    torch.testing.assert_close(some, expected.float())
    assert info_nce(one, other, torch.zeros(5, dtype=torch.bool), 0.2).isfinite().all()


# --- the weight of the labels ---------------------------------------------------------------------


def test_with_all_weight_on_the_labels_gradients_are_the_prefactor_times_those_of_joint() -> None:
    task, names = TASKS["classification"], NAMES[:3]
    data = batch(names, task)
    found = []
    for kind, options in ((g2d.JointTraining, {}), (DLMG, {"alpha": 1.0})):
        model = student(names, task.outputs)
        method = kind(model, task, **options)
        loss = method.loss(model(data), data)
        found.append(torch.autograd.grad(loss, list(model.parameters())))
    for joint, doubled in zip(*found, strict=True):
        assert torch.equal(2 * joint, doubled)


def test_the_heuristic_weight_grows_from_the_first_epoch_on() -> None:
    method = started(student(NAMES[:2], 4), TASKS["classification"])
    seen = []
    for epoch in range(40):
        method.on_epoch_start(epoch)
        seen.append(method.label_weight)
    assert seen[0] == pytest.approx(1 - 0.632, abs=1e-3)
    assert seen == sorted(seen)
    assert seen[-1] < 1


def test_the_fitted_curve_fits_any_run_and_stays_in_its_bounds() -> None:
    assert dlmg_alpha(50, 200) == dlmg_alpha(5, 20)
    grows = [dlmg_alpha(e, 200) for e in range(190)]
    assert grows == sorted(grows)
    assert all(LOWEST <= dlmg_alpha(e, 200) <= HIGHEST for e in range(2000))


# --- heads beside the fusion ----------------------------------------------------------------------


def test_heads_beside_a_fusion_learn_the_labels() -> None:
    task, names = TASKS["classification"], NAMES[:3]
    torch.manual_seed(0)
    fusion = FiLMFusion(dict.fromkeys(names, 5), task.outputs)
    model = g2d.MultimodalModel({n: nn.LazyLinear(5) for n in names}, fusion)
    data = batch(["sound", "depth", "gas"], task, missing=True)
    data.inputs["image"] = data.inputs.pop("gas")
    data.present["image"] = data.present.pop("gas")
    method = started(model, task, alpha=0.25, prefactor=1.0)
    assert isinstance(model.fusion, UnimodalHeads)
    outputs = model(data)
    alone = []
    for name, logits in outputs.unimodal.items():
        there = data.present.get(name, torch.ones(len(data), dtype=torch.bool))
        alone.append(task.loss(logits[there], data.target[there]))
    said = {name: logits.double() for name, logits in outputs.unimodal.items()}
    present = {m: p.tolist() for m, p in data.present.items()}
    close = paper.matching(networks.Task("classification"), "rjs", said, present, len(data))
    labels = task.loss(outputs.logits, data.target) + sum(alone) / 3
    torch.testing.assert_close(method.loss(outputs, data), 0.25 * labels + 0.75 * close.float())


def test_heads_are_beside_only_where_they_are_asked() -> None:
    for kind, options in (
        (FiLMFusion, {"match": "infonce"}),
        (FiLMFusion, {"alpha": 1.0}),
        (g2d.LateFusion, {"alpha": "heuristic"}),
    ):
        model = student(NAMES[:2], 4, kind)
        before = model.fusion
        DLMG(model, TASKS["classification"], **options)
        assert model.fusion is before


# --- the weight that is learned -------------------------------------------------------------------


def learner(**options: Any) -> tuple[DLMG, g2d.MultimodalModel, list[g2d.Batch]]:
    task, names = TASKS["classification"], NAMES[:3]
    model = student(names, task.outputs)
    batches = []
    for number in range(6):
        data = batch(names, task, size=8, seed=number, missing=True)
        data.index = torch.arange(8 * number, 8 * number + 8)
        batches.append(data)
    method = started(model, task, lambda fraction, seed: batches, alpha="learned", **options)
    return method, model, batches


def test_what_is_held_out_has_no_part_in_the_loss() -> None:
    method, model, batches = learner(held_out=7)
    method.on_epoch_start(0)
    assert method._unseen is not None
    assert method._seen is not None
    held = set(method._unseen.index.tolist())
    assert len(held) == 7
    assert not held & set(method._seen.index.tolist())
    model.eval()  # batch norm lets samples see each other
    for data in batches:
        before = method.loss(model(data), data)
        kept = [i for i in range(8) if int(data.index[i]) not in held]
        rest = g2d.Batch(
            {n: v[kept] for n, v in data.inputs.items()},
            data.target[kept],
            data.index[kept],
            {n: v[kept] for n, v in data.present.items()},
        )
        torch.testing.assert_close(before, method.loss(model(rest), rest))
        data.target = (data.target + torch.isin(data.index, method._unseen.index)) % 4
        assert torch.equal(method.loss(model(data), data), before)


def test_a_quarter_is_held_out_at_most() -> None:
    method, _, _ = learner(held_out=1000)
    method.on_epoch_start(0)
    assert method._rows is not None
    assert len(method._rows) == 12


def test_the_hypergradient_is_that_of_finite_differences() -> None:
    method, model, _ = learner()
    model.double()
    method.loop.optimizer.param_groups[0]["lr"] = 0.5  # far enough for θ' to differ from θ
    method.on_epoch_start(0)
    for kept in (method._seen, method._unseen):
        assert kept is not None
        kept.inputs = {name: value.double() for name, value in kept.inputs.items()}
    before = weights(model)
    found, cosine = method.hypergradient()
    assert same(before, weights(model))
    assert all(p.grad is None for p in model.parameters())

    def after_one_step(alpha: float) -> float:
        seen, unseen = method._seen, method._unseen
        assert seen is not None
        assert unseen is not None
        trial = started(model, method.task, alpha=alpha)
        model.load_state_dict(before)
        model.eval()
        loss = trial.loss(model(seen), seen)
        moves = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for weight, move in zip(model.parameters(), moves, strict=True):
                weight -= 0.5 * move
        return trial.task.loss(model(unseen).logits, unseen.target).item()

    h, at = 1e-2, method.label_weight
    slope = (after_one_step(at + h) - after_one_step(at - h)) / (2 * h)
    assert found == pytest.approx(slope, rel=2e-3)
    assert abs(found) > 1e-4
    assert -1 <= cosine <= 1
    assert math.copysign(1, cosine) == math.copysign(1, found)


def test_the_learned_weight_moves_and_stays_in_its_bounds() -> None:
    method, _, batches = learner(pace=100.0)
    seen = []
    for epoch in range(10 * EPOCHS):
        method.on_epoch_start(epoch)
        method.step(batches[epoch % 6])
        seen.append(method.label_weight)
    assert all(LOWEST <= value <= HIGHEST for value in seen)
    assert len(set(seen)) > 1
    again, _, _ = learner()
    again.load_state_dict(method.state_dict())
    assert again.label_weight == seen[-1]


def test_a_step_with_samples_held_out_does_not_wait() -> None:
    method, model, batches = learner()
    method.on_epoch_start(0)
    model.train()
    with Reads() as reads:
        for data in batches:
            method.step(data)
    assert not reads.seen


def test_modes_and_batch_norm_are_left_as_they_were() -> None:
    method, model, _ = learner()
    model.train()
    before = weights(model)
    method.on_epoch_start(0)
    method.on_epoch_start(1)
    assert same(before, weights(model))
    assert all(module.training for module in model.modules())


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"alpha": "guess"}, "alpha"),
        ({"alpha": 1.5}, "alpha"),
        ({"match": "l2"}, "match"),
        ({"prefactor": 0.0}, "prefactor"),
        ({"temperature": 0.0}, "temperature"),
        ({"held_out": 0}, "held_out"),
        ({"pace": -1.0}, "pace"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(g2d.UserError, match=word):
        DLMG(student(NAMES[:2], 4), TASKS["classification"], **options)


def test_numbers_are_no_distributions() -> None:
    with pytest.raises(g2d.UserError, match="infonce"):
        DLMG(student(NAMES[:2], 1), TASKS["regression"], match="rjs")


def test_features_of_two_widths_cannot_be_compared() -> None:
    assert WIDTHS["sound"] != WIDTHS["image"]
    task, names = TASKS["regression"], ("sound", "image")
    method = started(student(names, 1), task)
    with pytest.raises(g2d.UserError, match="width"):
        method.step(batch(names, task))
