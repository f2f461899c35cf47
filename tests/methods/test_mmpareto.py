"""MMPareto against its equations, and what the paper promises of its gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.methods.mmpareto import MMPareto
from g2d.models.fusion import FiLMFusion, UnimodalHeads
from methods.small import TASKS, WIDTHS, batch, sgd, student, weights
from reference import g2d as paper
from reference import mmpareto as reference

TASK = TASKS["classification"]


def told(method: g2d.Method) -> g2d.Method:
    method.on_fit_start(g2d.Loop(sgd(method.student.net)))
    return method


def started(k: int, task: g2d.Task = TASK, **options: Any) -> tuple[MMPareto, g2d.MultimodalModel]:
    model = student(tuple(WIDTHS)[:k], task.outputs)
    torch.manual_seed(4)
    method = MMPareto(model.train(), task, **options)
    told(method)
    return method, model


def as_sample(b: g2d.Batch) -> paper.Sample:
    inputs = {name: b.input_of(name) for name in b.inputs}
    return paper.Sample(1, inputs, b.target, {m: p.tolist() for m, p in b.present.items()})


def reference_task(kind: str) -> paper.Task:
    task = TASKS[kind]
    if isinstance(task, g2d.Regression):
        return paper.Task(kind, task.low, task.high, task.std)
    return paper.Task(kind)


CASES = {
    "default": ("classification", {}, False),
    "per tensor": ("classification", {"rescale": "per_tensor"}, False),
    "weak and short": ("classification", {"gamma": 0.8, "weight": 0.4}, False),
    "no unimodal loss, yet longer": ("classification", {"weight": 0.0}, False),
    "some missing": ("classification", {}, True),
    "several labels": ("multilabel", {}, False),
    "regression": ("regression", {}, True),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_training_follows_the_equations(case: str, k: int) -> None:
    kind, options, missing = CASES[case]
    task, names = TASKS[kind], tuple(WIDTHS)[:k]
    method, model = started(k, task, **options)
    batches = [batch(names, task, size=8, seed=s, missing=missing) for s in range(8)]
    expected, conflicts = reference.train(
        reference_task(kind),
        reference.Plan(**options),
        weights(model),
        [key for key, _ in model.named_parameters()],
        names,
        [as_sample(b) for b in batches],
        paper.SGD(rate=0.05, momentum=0.9, decay=0.02),
    )
    for data, (loss, params) in zip(batches, expected, strict=True):
        assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
        for key, value in model.named_parameters():
            torch.testing.assert_close(
                value.detach().double(), params[key], rtol=2e-4, atol=5e-6, msg=key
            )
    if case == "default":  # or only half of the method were tried
        assert any(conflicts)
        assert not all(conflicts)


def pairs(conflict: bool, count: int = 200, size: int = 40) -> list[tuple[Tensor, Tensor]]:
    """Random gradients of very different lengths, at an angle of the wanted kind."""
    random = torch.Generator().manual_seed(3)
    found = []
    while len(found) < count:
        a, b = torch.randn(2, size, generator=random, dtype=torch.float64)
        b = b * 10 ** (4 * torch.rand((), generator=random) - 2)
        if (float(a @ b) < 0) == conflict:
            found.append((a, b))
    return found


@cache
def alone(rescale: Any = "per_encoder") -> MMPareto:
    """Only what it makes of two gradients is asked, γ = 1."""
    return started(2, gamma=1.0, rescale=rescale)[0]


def final(g_f: Tensor, g_u: Tensor) -> Tensor:
    """What an encoder of one tensor is given, γ = 1."""
    method = alone()
    return method._reconciled([torch.empty_like(g_f)], [g_f], [g_u])[0]


@pytest.mark.parametrize("rescale", ["per_encoder", "per_tensor"])
def test_how_the_weights_lie_in_memory_does_not_matter(rescale: Any) -> None:
    random = torch.Generator().manual_seed(0)
    shapes = [(4, 3, 3, 3), (4,), (5, 4, 1, 1), (2, 5), ()]
    fused, unimodal = ([torch.randn(s, generator=random) for s in shapes] for _ in range(2))
    expected = started(2, rescale=rescale)[0]._reconciled(fused, fused, unimodal)

    def lying(tensors: list[Tensor]) -> list[Tensor]:
        return [
            t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for t in tensors
        ]

    weights = lying(fused)
    for g_f, g_u in ((lying(fused), lying(unimodal)), (fused, lying(unimodal))):
        found = started(2, rescale=rescale)[0]._reconciled(weights, g_f, g_u)
        torch.testing.assert_close(found, expected)
        assert [g.stride() for g in found] == [p.stride() for p in weights]


def test_in_conflict_it_descends_on_both_losses_and_keeps_its_length() -> None:
    for g_f, g_u in pairs(conflict=True):
        found = final(g_f, g_u)
        shortest = 2 * reference.shortest(g_f, g_u) * (g_f - g_u) + 2 * g_u
        assert found @ g_f >= 0
        assert found @ g_u >= 0
        wanted = max(float((g_f + g_u).norm()), float(shortest.norm()))
        assert float(found.norm()) == pytest.approx(wanted)


def test_in_agreement_it_is_the_sum() -> None:
    for g_f, g_u in pairs(conflict=False):
        assert torch.equal(final(g_f, g_u), g_f + g_u)


def test_gradients_are_not_written_into() -> None:
    """Autograd may give two parameters one and the same gradient."""
    g_f, g_u = pairs(conflict=True, count=1)[0]
    before = g_f.clone(), g_u.clone()
    final(g_f, g_u)
    assert torch.equal(g_f, before[0])
    assert torch.equal(g_u, before[1])


@pytest.mark.parametrize("rescale", ["per_encoder", "per_tensor"])
@pytest.mark.parametrize("factor", [-1.0, -0.3, -7.0, 0.0])
def test_opposite_gradients_and_none_at_all_leave_the_encoder_alone(
    factor: float, rescale: Any
) -> None:
    """What is left of opposite gradients is rounding; it is not stretched to full length."""
    g = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    method, tensors = alone(rescale), [torch.empty(1000)]
    found = method._reconciled(tensors, [g], [factor * g])[0]
    torch.testing.assert_close(found, g if factor == 0 else torch.zeros(1000))
    assert torch.equal(method._reconciled(tensors, [g], [None])[0], g)
    assert torch.equal(method._reconciled(tensors, [0 * g], [0 * g])[0], 0 * g)


@pytest.mark.parametrize("k", [2, 3])
def test_off_is_joint_training_and_has_no_heads_beside(k: int) -> None:
    names = tuple(WIDTHS)[:k]
    joint = student(names, TASK.outputs)
    method, off = started(k, weight=0, gamma=1)
    assert not isinstance(off.fusion, UnimodalHeads)
    methods = told(g2d.JointTraining(joint, TASK)), method
    for s in range(3):
        data = batch(names, TASK, seed=s)
        assert torch.equal(*(method.step(data) for method in methods))
    for left, right in zip(joint.parameters(), off.parameters(), strict=True):
        assert torch.equal(left, right)


def test_heads_and_fusion_are_not_lengthened() -> None:
    """γ is the encoders': with twice the γ the rest takes the same step."""
    data, after = batch(tuple(WIDTHS)[:2], TASK), {}
    for gamma in (1.0, 2.0):
        method, model = started(2, gamma=gamma)
        method.step(data)
        after[gamma] = weights(model)
    for key, _ in model.named_parameters():
        same = torch.equal(after[1.0][key], after[2.0][key])
        # a bias before batch norm has no gradient to lengthen
        assert same == key.startswith("fusion.") or key.endswith(".bias"), key


@pytest.mark.parametrize("rescale", ["per_encoder", "per_tensor"])
def test_a_step_of_several_batches_is_that_of_one(rescale: Any) -> None:
    """Without batch norm; the gradients are summed first and weighed once."""
    names, after = ("sound", "depth"), []
    data = batch(names, TASK, size=9)
    parts = [
        g2d.Batch({n: x[rows] for n, x in data.inputs.items()}, data.target[rows], data.index[rows])
        for rows in (slice(0, 4), slice(4, 9))
    ]
    for batches in ([data], parts):
        torch.manual_seed(0)
        encoders = {n: nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)) for n in names}
        fusion = g2d.LateFusion(dict.fromkeys(names, 3), TASK.outputs)
        model = g2d.MultimodalModel(encoders, fusion)
        loss = told(MMPareto(model, TASK, rescale=rescale)).step(*batches)
        after.append((loss, weights(model)))
    torch.testing.assert_close(*after)


def test_parameters_that_are_fixed_stay_fixed() -> None:
    model = student(tuple(WIDTHS)[:2], TASK.outputs)
    fixed = model.encoder_parameters("sound")[0].requires_grad_(False)
    before = fixed.clone()
    told(MMPareto(model, TASK)).step(batch(tuple(WIDTHS)[:2], TASK))
    assert torch.equal(fixed, before)


@pytest.mark.parametrize(
    "options", [{"gamma": 0.0}, {"gamma": float("nan")}, {"weight": -1.0}, {"rescale": "both"}]
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(g2d.UserError, match=next(iter(options))):
        started(2, **options)


@pytest.mark.parametrize("fusion", [g2d.LateFusion, FiLMFusion])
def test_it_puts_heads_of_its_own_beside_any_fusion(fusion: type[g2d.Fusion]) -> None:
    model = student(("sound", "depth"), TASK.outputs, fusion)
    method = told(MMPareto(model, TASK))
    assert isinstance(model.fusion, UnimodalHeads)
    assert isinstance(model.fusion.fusion, fusion)
    before = weights(model.fusion.heads)
    assert method.step(batch(("sound", "depth"), TASK)).isfinite()
    assert all(not torch.equal(weights(model.fusion.heads)[key], w) for key, w in before.items())


def test_a_pass_whose_gradients_were_thrown_away_leaves_nothing() -> None:
    """As the first pass of SAM, or a step that a loop leaves out."""
    found = []
    for thrown in (False, True):
        method, model = started(2)
        data, other = (batch(tuple(WIDTHS)[:2], TASK, seed=seed) for seed in (0, 1))
        if thrown:
            with torch.no_grad():
                before = weights(model)
            method.loss(model(other), other).backward()
            model.zero_grad()
            model.load_state_dict(before)
        method.loss(model(data), data).backward()
        method.adjust_gradients()
        found.append([p.grad.clone() for p in method.student.parameters()])
    for plain, after in zip(*found, strict=True):
        torch.testing.assert_close(after, plain, rtol=0, atol=0)


@pytest.mark.parametrize("rescale", ["per_encoder", "per_tensor"])
def test_gradients_that_are_set_to_zero_and_not_removed_train_the_same(rescale: Any) -> None:
    """The tensors of the last step are then those that the next backward adds to."""
    found = []
    for removed in (True, False):
        method, model = started(2, rescale=rescale)
        optimizer = sgd(model)
        for seed in range(3):
            data = batch(model.modalities, TASK, seed=seed)
            optimizer.zero_grad(set_to_none=removed)
            method.loss(model(data), data).backward()
            method.adjust_gradients()
            optimizer.step()
        found.append(weights(model))
    assert all(torch.allclose(found[0][key], found[1][key]) for key in found[0])


@pytest.mark.parametrize("enabled", [False, True])
def test_a_scaled_loss_is_refused(enabled: bool) -> None:
    method, model = started(2)
    data = batch(tuple(WIDTHS)[:2], TASK)
    scaler = torch.amp.GradScaler("cpu", enabled=enabled)
    scaler.scale(method.loss(model(data), data)).backward()
    if not enabled:
        method.adjust_gradients()
        return
    with pytest.raises(g2d.UserError, match=r"got a loss multiplied by 65536, .* leave the scaler"):
        method.adjust_gradients()


@pytest.mark.parametrize("none", [True, False])
def test_gradients_that_somebody_keeps_stay_as_they_are(none: bool) -> None:
    """And cleared by zeros they are no memory that the next step's are written into."""
    weights = []
    for cleared in (True, none):
        torch.manual_seed(0)
        net = nn.ModuleDict({"sound": nn.Linear(3, 4), "image": nn.Linear(5, 4)})
        net["head"] = nn.Linear(8, 2)
        net.forward = lambda s, i, net=net: net["head"](  # type: ignore[method-assign]
            torch.cat([net["sound"](s), net["image"](i)], 1)
        )
        student = g2d.attach(net, {"sound": net["sound"], "image": net["image"]})
        method = g2d.MMPareto(student, g2d.Classification(2))
        optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        kept = []
        for _ in range(3):
            logits = net(torch.randn(6, 3), torch.randn(6, 5))
            method.loss(logits, torch.tensor([0, 1, 0, 1, 0, 1])).backward()
            method.adjust_gradients()
            kept.append((net["sound"].weight.grad, net["sound"].weight.grad.clone()))
            optimizer.step()
            optimizer.zero_grad(set_to_none=cleared)
        if cleared:
            assert all(torch.equal(held, then) for held, then in kept)
        weights.append(list(net.parameters()))
    assert all(torch.equal(p, q) for p, q in zip(*weights, strict=True))
