"""AGM against its equations, and what they promise of contributions and coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.functional.agm import agm_lead
from g2d.methods.agm import AGM
from g2d.methods.contributions import contributions
from g2d.models.fusion import ConcatFusion, FiLMFusion, Fusion, LateFusion, SumFusion
from methods.small import TASKS, WIDTHS, batch, sgd, student, weights
from reference import agm as reference
from reference import g2d as paper

TASK = TASKS["classification"]
FUSIONS: dict[str, type[Fusion]] = {"late": LateFusion, "concat": ConcatFusion, "film": FiLMFusion}


def started(model: g2d.MultimodalModel, task: g2d.Task = TASK, **options: Any) -> AGM:
    method = AGM(model.train(), task, **{"window": (0, 1), **options})
    method.on_fit_start(g2d.Loop(sgd(model), epochs=3))
    return method


def as_sample(b: g2d.Batch, epoch: int) -> paper.Sample:
    inputs = {name: b.input_of(name) for name in b.inputs}
    return paper.Sample(epoch, inputs, b.target, {m: p.tolist() for m, p in b.present.items()})


def reference_task(kind: str) -> paper.Task:
    task = TASKS[kind]
    if isinstance(task, g2d.Regression):
        return paper.Task(kind, task.low, task.high, task.std)
    return paper.Task(kind)


CASES: dict[str, tuple[str, str, dict[str, Any], bool]] = {
    "late": ("classification", "late", {}, False),
    "late, some missing": ("classification", "late", {}, True),
    "late, eval, some missing": ("classification", "late", {"pad_mode": "eval"}, True),
    "concat, strong, capped": ("classification", "concat", {"alpha": 3.0, "cap": 0.01}, False),
    "concat, eval": ("classification", "concat", {"pad_mode": "eval"}, False),
    "concat, some missing": ("classification", "concat", {}, True),
    "film": ("classification", "film", {}, False),
    "film, eval": ("classification", "film", {"pad_mode": "eval"}, False),
    "encoder": ("classification", "late", {"modulated": "encoder"}, False),
    "film, encoder, eval": (
        "classification",
        "film",
        {"modulated": "encoder", "pad_mode": "eval"},
        False,
    ),
    "window": ("classification", "late", {"window": (1, 2)}, False),
    "window, encoder": (
        "classification",
        "concat",
        {"window": (1, 2), "modulated": "encoder"},
        False,
    ),
    "several labels": ("multilabel", "late", {}, False),
    "regression": ("regression", "concat", {}, True),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_training_follows_the_equations(case: str, k: int) -> None:
    kind, fusion, options, missing = CASES[case]
    task, names = TASKS[kind], tuple(WIDTHS)[:k]
    model = student(names, task.outputs, FUSIONS[fusion])
    epochs = [
        [batch(names, task, size=8, seed=10 * e + s, missing=missing) for s in range(3)]
        for e in range(3)
    ]
    expected = iter(
        reference.train(
            reference_task(kind),
            reference.Plan(**options),
            fusion,
            weights(model),
            [key for key, _ in model.named_parameters()],
            names,
            [as_sample(b, epoch) for epoch, batches in enumerate(epochs) for b in batches],
            paper.SGD(rate=0.05, momentum=0.9, decay=0.02),
        )
    )
    method = started(model, task, **options)
    furthest = 0.0
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            loss, params, kappa = next(expected)
            assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=3e-4, atol=1e-5, msg=key
                )
            furthest = max(furthest, *(abs(value - 1) for value in kappa.values()))
    assert furthest > 0.02  # or the coefficients would not have mattered


# --- contributions -------------------------------------------------------------------------------


class NotAdditive(nn.Module):
    """Hides that a fusion is a sum, so that coalitions are evaluated."""

    additive = False
    needs_tokens = False

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.fusion = fusion
        self.modalities, self.widths = fusion.modalities, fusion.widths

    def forward(self, *given: Any) -> Any:
        return self.fusion(*given)


class LearnedConcat(ConcatFusion):
    def __init__(self, widths: Mapping[str, int], outputs: int) -> None:
        super().__init__(widths, outputs, absent="learned")
        assert self.absent is not None
        nn.init.normal_(self.absent)


@pytest.mark.parametrize("pad_mode", ["train", "eval"])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", [LateFusion, SumFusion, ConcatFusion, LearnedConcat])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_closed_form_is_what_the_coalitions_give(
    k: int, kind: type[Fusion], missing: bool, pad_mode: Any
) -> None:
    names = tuple(WIDTHS)[:k]
    model = student(names, TASK.outputs, kind).train()
    data = batch(names, TASK, missing=missing)
    outputs = model(data)
    closed = contributions(g2d.attach(model), outputs, data, pad_mode)
    model.fusion = NotAdditive(model.fusion)  # type: ignore[assignment]
    brute = contributions(g2d.attach(model), outputs, data, pad_mode)
    torch.testing.assert_close(closed, brute)
    torch.testing.assert_close(closed.sum(dim=0), outputs.logits)


@pytest.mark.parametrize("pad_mode", ["train", "eval"])
@pytest.mark.parametrize("k", [2, 3])
def test_contributions_to_a_fusion_that_is_no_sum_add_up(k: int, pad_mode: Any) -> None:
    names = tuple(WIDTHS)[:k]
    model = student(names, TASK.outputs, FiLMFusion).train()
    data = batch(names, TASK, missing=True)
    outputs = model(data)
    torch.testing.assert_close(
        contributions(g2d.attach(model), outputs, data, pad_mode).sum(dim=0), outputs.logits
    )


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("pad_mode", ["train", "eval"])
def test_looking_at_coalitions_leaves_all_statistics_and_modes_alone(
    fusion: str, pad_mode: Any
) -> None:
    names = ("sound", "depth")
    model = student(names, TASK.outputs, FUSIONS[fusion]).train()
    model.encoders["sound"][1].eval()  # a batch norm that its owner holds fixed
    data = batch(names, TASK)
    outputs = model(data)
    before, modes = weights(model), [part.training for part in model.modules()]
    contributions(g2d.attach(model), outputs, data, pad_mode)
    assert all(torch.equal(value, before[key]) for key, value in weights(model).items())
    assert [part.training for part in model.modules()] == modes


def test_a_frozen_encoder_gets_nothing_through_its_zero_input() -> None:
    names, found = ("sound", "depth"), []
    data = batch(names, TASK)
    for active in (names, {"depth"}):
        model = student(names, TASK.outputs)
        method = started(model)
        method.student.train_only(active)
        for _ in range(2):  # at the second the coefficients differ from 1
            method.loss(model(data), data).backward()
        found.append([p.grad for p in model.encoder_parameters("depth")])
    assert all(p.grad is None for p in model.encoders["sound"].parameters())
    assert all(torch.equal(left, right) for left, right in zip(*found, strict=True))


# --- coefficients --------------------------------------------------------------------------------


def sums(*scores: float) -> Tensor:
    """Of one sample; `nan` is a modality that nobody has."""
    values = torch.tensor(scores)
    return torch.stack([values.nan_to_num(), values.isfinite().float()])


def fresh(k: int = 2, **options: Any) -> AGM:
    return started(student(tuple(WIDTHS)[:k], TASK.outputs), **options)


def test_who_does_better_than_usual_is_held_back() -> None:
    method = fresh()
    method._factors(sums(1.0, 1.0))
    first, second = method._factors(sums(0.6, 1.0))
    assert first < 1 < second


@pytest.mark.parametrize("k", [2, 3])
def test_where_nothing_changes_nothing_is_scaled(k: int) -> None:
    method = fresh(k)
    scores = (0.4, 1.3, 2.0)[:k]
    assert not torch.allclose(method._factors(sums(*scores)), torch.ones(k))
    for _ in range(3):
        torch.testing.assert_close(method._factors(sums(*scores)), torch.ones(k))


def test_a_modality_that_nobody_has_takes_no_part() -> None:
    nan = torch.nan
    three, two = fresh(3), fresh(2)
    for pair in ((0.5, 1.0), (0.7, 0.8), (0.2, 1.1)):
        found = three._factors(sums(pair[0], nan, pair[1]))
        torch.testing.assert_close(found[[0, 2]], two._factors(sums(*pair)))
        assert found[1] == 1
    assert three._counts.tolist() == [3, 0, 3]
    assert fresh(2)._factors(sums(0.5, nan)).tolist() == [1, 1]
    assert fresh(2)._factors(sums(nan, nan)).tolist() == [1, 1]


def test_the_cap_bounds_the_coefficient() -> None:
    for cap, bound in ((0.5, 2.7183), (None, torch.inf)):
        method = fresh(alpha=2.0, cap=cap)
        method._factors(sums(0.1, 3.0))
        found = method._factors(sums(3.0, 0.1))
        assert found.isfinite().all()
        assert found[0] <= bound * 1.001
        assert (found[0] > 1e3) == (cap is None)


def test_scores_are_bounded_so_that_nothing_overflows() -> None:
    names = ("sound", "depth")
    model = student(names, TASK.outputs, ConcatFusion)
    with torch.no_grad():
        for p in model.fusion.parameters():
            p.mul_(1e6)
    method = started(model)
    for seed in range(3):
        assert torch.isfinite(method.step(batch(names, TASK, seed=seed)))
    assert all(p.isfinite().all() for p in model.parameters())
    assert agm_lead(torch.tensor([0.0, 18.5])).isfinite().all()


# --- windows, micro-batches, options -------------------------------------------------------------


@pytest.mark.parametrize("modulated", ["output", "encoder"])
def test_outside_its_window_it_is_joint_training_bit_for_bit(modulated: Any) -> None:
    names = ("sound", "image")
    runs = []
    for kind, options in (
        (g2d.JointTraining, {}),
        (AGM, {"window": (1, 2), "modulated": modulated}),
    ):
        model = student(names, TASK.outputs, FiLMFusion).train()
        method = kind(model, TASK, **options)
        method.on_fit_start(g2d.Loop(sgd(model), epochs=3))
        states = []
        for epoch in range(4):
            method.on_epoch_start(epoch)
            if epoch == 2:  # begin anew from the same weights, to compare what comes after
                model.load_state_dict(student(names, TASK.outputs, FiLMFusion).state_dict())
                method.loop.optimizer = sgd(model)
            for seed in range(2):
                method.step(batch(names, TASK, seed=seed))
            states.append((method.stage(), weights(model)))
        runs.append(states)
    for epoch, ((_, joint), (stage, agm)) in enumerate(zip(*runs, strict=True)):
        same = all(torch.equal(value, joint[key]) for key, value in agm.items())
        assert same == (epoch != 1)
        assert stage == ("modulated" if epoch == 1 else "joint")


def test_scores_of_micro_batches_make_one_coefficient_for_the_encoders() -> None:
    names, found = ("sound", "depth"), []
    data = batch(names, TASK, size=9)
    parts = [
        g2d.Batch({n: x[rows] for n, x in data.inputs.items()}, data.target[rows], data.index[rows])
        for rows in (slice(0, 4), slice(4, 9))
    ]
    for batches in ([data], parts):
        torch.manual_seed(0)
        encoders = {n: nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)) for n in names}
        model = g2d.MultimodalModel(encoders, LateFusion(dict.fromkeys(names, 3), TASK.outputs))
        method = started(model, modulated="encoder")
        losses = [method.step(*batches) for _ in range(3)]
        found.append((losses, weights(model), method.state_dict()))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": -1.0},
        {"cap": float("nan")},
        {"window": (-1, 3)},
        {"modulated": "head"},
        {"pad_mode": "zero"},
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(g2d.UserError, match=next(iter(options))):
        AGM(student(tuple(WIDTHS)[:2], TASK.outputs), TASK, **options)
