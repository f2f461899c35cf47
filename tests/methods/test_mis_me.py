"""MIS-ME by its equations, what predicts, what each option leaves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import g2d
from g2d.methods.heads.mis_me import BranchHeads, DeepConcatFusion, WeightedBranches
from g2d.methods.mis_me import MISME
from g2d.models.fusion import FiLMFusion, LateFusion, UnimodalHeads
from methods import small
from methods.small import NAMES, TASKS, batch, sgd, weights
from reference import g2d as networks
from reference import mis_me as paper

TASK = TASKS["classification"]
# One of them is wide enough for hidden layers of its own.
WIDTHS = {"sound": 5, "image": 70, "depth": 3}


def encoder(name: str) -> nn.Module:
    made = small.encoder(name)
    assert isinstance(made, nn.Sequential)
    made[-1] = nn.Linear(made[-1].in_features, WIDTHS[name])
    return made


def student(
    k: int, task: g2d.Task = TASK, inner: type[g2d.Fusion] = LateFusion
) -> g2d.MultimodalModel:
    names = NAMES[:k]
    torch.manual_seed(0)
    encoders = {name: encoder(name) for name in names}
    fusion = inner({name: WIDTHS[name] for name in names}, task.outputs)
    return g2d.MultimodalModel(encoders, fusion).train()


def told(method: g2d.Method) -> g2d.Method:
    method.on_fit_start(g2d.Loop(sgd(method.student.net)))
    return method


def started(
    k: int,
    task: g2d.Task = TASK,
    dropout: bool = False,
    inner: type[g2d.Fusion] = LateFusion,
    **options: Any,
) -> tuple[MISME, g2d.MultimodalModel]:
    """In train mode; the heads' dropout is set to 0 unless asked for."""
    model = student(k, task, inner)
    method = MISME(model, task, **options)
    if not dropout:
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
    told(method)
    return method, model


def as_sample(b: g2d.Batch) -> networks.Sample:
    inputs = {name: b.input_of(name) for name in b.inputs}
    return networks.Sample(1, inputs, b.target, {m: p.tolist() for m, p in b.present.items()})


def reference_task(kind: str) -> networks.Task:
    task = TASKS[kind]
    if isinstance(task, g2d.Regression):
        return networks.Task(kind, task.low, task.high, task.std)
    return networks.Task(kind)


CASES: dict[str, tuple[str, int, dict[str, Any], bool]] = {
    "hybrid": ("regression", 2, {}, False),
    "hybrid, classes, some missing": ("classification", 3, {}, True),
    "hybrid, labels": ("multilabel", 2, {}, False),
    "hybrid, weighed": ("regression", 3, {"weights": {"fused": 0.5, "image": 2.0}}, True),
    "concat": ("regression", 2, {"approach": "concat"}, False),
    "concat, classes, some missing": ("classification", 3, {"approach": "concat"}, True),
    "learnable": ("regression", 2, {"approach": "learnable"}, False),
    "learnable, classes, some missing": ("classification", 3, {"approach": "learnable"}, True),
    "one scalar": (
        "regression",
        2,
        {"approach": "learnable", "scalars": "complementary"},
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_training_and_prediction_follow_the_equations(case: str) -> None:
    kind, k, options, missing = CASES[case]
    task, names = TASKS[kind], NAMES[:k]
    method, model = started(k, task, **options)
    batches = [batch(names, task, size=8, seed=s, missing=missing) for s in range(5)]
    plan = paper.Plan(
        options.get("approach", "hybrid"), "scalars" in options, options.get("weights", {})
    )
    expected = paper.train(
        reference_task(kind),
        plan,
        weights(model),
        [key for key, _ in model.named_parameters()],
        names,
        [as_sample(b) for b in batches],
        networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
    )
    for data, (loss, params) in zip(batches, expected, strict=True):
        assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
        for key, value in model.named_parameters():
            torch.testing.assert_close(
                value.detach().double(), params[key], rtol=1e-3, atol=2e-5, msg=key
            )
    p = {key: value.double() for key, value in weights(model).items()}
    seen = as_sample(batches[0])
    features = {
        m: networks.encode(p, f"encoders.{m}", x.double(), training=False)
        for m, x in seen.inputs.items()
    }
    z = paper.predict(p, plan, features, seen.present, training=False)
    torch.testing.assert_close(model.eval()(batches[0]).logits, z.float(), rtol=1e-4, atol=1e-5)


def test_the_branches_have_no_part_in_the_prediction() -> None:
    model, data = started(2)[1].eval(), batch(NAMES[:2], TASK)
    before = model(data)
    with torch.no_grad():
        for parameter in model.fusion.heads.parameters():
            parameter.add_(1.0)
    after = model(data)
    assert torch.equal(before.logits, after.logits)
    for name in NAMES[:2]:
        assert not torch.allclose(before.unimodal[name], after.unimodal[name])


def test_with_no_weight_on_the_branches_hybrid_is_concat() -> None:
    none = dict.fromkeys(NAMES[:3], 0.0)
    first, concat = started(3, dropout=True, approach="concat")
    second, hybrid = started(3, dropout=True, weights=none)
    hybrid.encoders.load_state_dict(concat.encoders.state_dict())
    hybrid.fusion.fusion.load_state_dict(concat.fusion.state_dict())
    for part in hybrid.fusion.heads.modules():  # so that both draw the same random numbers
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    for s in range(3):
        losses = []
        for method in (first, second):
            torch.manual_seed(s)
            losses.append(method.step(batch(NAMES[:3], TASK, seed=s)))
        assert torch.equal(*losses)
    pairs = zip(concat.encoders.parameters(), hybrid.encoders.parameters(), strict=True)
    assert all(torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("k", [2, 3])
def test_off_is_joint_training_of_the_chosen_fusion(k: int) -> None:
    joint = student(k)
    method, off = started(k, **MISME.presets["off"])
    assert type(off.fusion) is LateFusion
    methods = told(g2d.JointTraining(joint, TASK)), method
    for s in range(3):
        data = batch(NAMES[:k], TASK, seed=s)
        assert torch.equal(*(method.step(data) for method in methods))
    for left, right in zip(joint.parameters(), off.parameters(), strict=True):
        assert torch.equal(left, right)


def test_the_chosen_fusion_can_be_the_joint_head_of_hybrid() -> None:
    method, model = started(2, inner=FiLMFusion, joint_head="chosen")
    assert isinstance(model.fusion, UnimodalHeads)
    assert isinstance(model.fusion.fusion, FiLMFusion)
    data = batch(NAMES[:2], TASK)
    said = model(data)
    losses = [TASK.loss(z, data.target).item() for z in (said.logits, *said.unimodal.values())]
    found = method.step(data)
    assert found.item() == pytest.approx(sum(losses), rel=1e-5)


@pytest.mark.parametrize("complementary", [False, True])
def test_scalars_are_learned_from_one_or_one_half_on(complementary: bool) -> None:
    options = {"approach": "learnable", "scalars": "complementary" if complementary else "free"}
    method, model = started(2, **options)
    assert isinstance(model.fusion, WeightedBranches)
    begin = [a.item() for a in model.fusion.scalars().values()]
    assert begin == ([0.5, 0.5] if complementary else [1.0, 1.0])
    for s in range(3):
        method.step(batch(NAMES[:2], TASK, seed=s))
    end = [a.item() for a in model.fusion.scalars().values()]
    assert all(a != b for a, b in zip(begin, end, strict=True))
    assert (sum(end) == pytest.approx(1.0)) == complementary


def nobody(data: g2d.Batch) -> None:
    data.present["image"] = torch.zeros(len(data), dtype=torch.bool)


def some(data: g2d.Batch) -> None:
    data.present["image"] = torch.arange(len(data)) % 2 == 0


def silent(data: g2d.Batch) -> None:
    data.inputs["image"] = torch.zeros_like(data.inputs["image"])


@pytest.mark.parametrize("edge", [nobody, some, silent])
@pytest.mark.parametrize("approach", ["hybrid", "concat", "learnable"])
@pytest.mark.parametrize("kind", TASKS)
def test_batches_at_the_edge_leave_all_finite(kind: str, approach: Any, edge: Any) -> None:
    task = TASKS[kind]
    method, model = started(3, task, dropout=True, approach=approach)
    for s in range(2):
        data = batch(NAMES[:3], task, seed=s)
        edge(data)
        assert torch.isfinite(method.step(data))
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("approach", ["hybrid", "concat", "learnable"])
def test_one_sample_is_refused_in_words(approach: Any) -> None:
    method, model = started(2, approach=approach)
    for part in model.encoders.values():
        part.eval()  # whose own batch norm takes no single sample either
    with pytest.raises(g2d.UserError, match="one sample to train on, expected 2 or more"):
        method.step(batch(NAMES[:2], TASK, size=1))


def test_each_approach_brings_its_own() -> None:
    kinds = {"hybrid": BranchHeads, "concat": DeepConcatFusion, "learnable": WeightedBranches}
    for approach, kind in kinds.items():
        assert type(started(2, approach=approach)[1].fusion) is kind
    _, hybrid = started(2)
    assert type(hybrid.fusion.fusion) is DeepConcatFusion


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"approach": "multiply"}, "approach"),
        ({"joint_head": "none"}, "joint_head"),
        ({"scalars": "three"}, "scalars"),
        ({"weights": {"fused": -1.0}}, r"weights\.fused"),
        ({"approach": "concat", "weights": {}}, "weights is an option of approach hybrid"),
        ({"approach": "learnable", "joint_head": "chosen"}, "hybrid and concat"),
        ({"scalars": "complementary"}, "scalars is an option of approach learnable"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(g2d.UserError, match=word):
        MISME(student(2), TASK, **options)


def test_a_weight_for_nobody_is_refused() -> None:
    with pytest.raises(g2d.UserError, match=r"\['gas'\], expected some of"):
        MISME(student(2), TASK, weights={"gas": 1.0})


def test_one_scalar_is_for_two() -> None:
    with pytest.raises(g2d.UserError, match="got 3 modalities, expected 2"):
        started(3, approach="learnable", scalars="complementary")
