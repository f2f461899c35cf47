"""A student of g2d's own parts: frozen encoders, branches, and what methods put into the model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import g2d
from g2d.errors import UserError
from g2d.models.fusion import (
    BiGatedFusion,
    ConcatFusion,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    LateFusion,
    SumFusion,
    UnimodalHeads,
)
from methods.small import NAMES, TASKS, bank, batch, student

TASK = TASKS["classification"]
NAMES = NAMES[:3]
ADDITIVE = [LateFusion, SumFusion, ConcatFusion]
OTHERS = [FiLMFusion, BiGatedFusion, CrossAttentionFusion]


def build(fusion: type[Fusion] = LateFusion) -> g2d.MultimodalModel:
    return student(NAMES, TASK.outputs, fusion)


def running_means(model: g2d.MultimodalModel) -> dict[str, Tensor]:
    return {
        key: value.clone()
        for key, value in model.encoders.state_dict().items()
        if key.endswith("running_mean")
    }


# --- frozen encoders ------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", ADDITIVE + OTHERS)
def test_only_trainable_encoders_get_a_graph(fusion: type[Fusion]) -> None:
    model, twin = build(fusion), build(fusion)
    data, before = batch(NAMES, TASK), running_means(model)
    g2d.attach(model).train_only({"image"})
    outputs, full = model(data), twin(data)
    assert torch.equal(outputs.logits, full.logits)  # the prediction does not depend on it
    assert {name: f.requires_grad for name, f in outputs.features.items()} == {
        "sound": False,
        "image": True,
        "depth": False,
    }
    outputs.logits.square().sum().backward()
    full.logits.square().sum().backward()
    twins, reached = dict(twin.named_parameters()), set()
    for key, parameter in model.named_parameters():
        if parameter.grad is None:
            continue
        reached.add(key.split(".")[1] if key.startswith("encoders.") else "fusion")
        torch.testing.assert_close(parameter.grad, twins[key].grad)
    assert reached == {"image", "fusion"}
    after, full_after = running_means(model), running_means(twin)
    for key, old in before.items():  # batch norm follows all of them, frozen or not
        assert not torch.equal(old, after[key])
        assert torch.equal(after[key], full_after[key])


def test_batch_norm_of_frozen_encoders_stands_still_in_eval_mode() -> None:
    model = build().eval()
    before = running_means(model)
    g2d.attach(model).train_only({"image"})
    model(batch(NAMES, TASK))
    assert all(torch.equal(value, before[key]) for key, value in running_means(model).items())


# --- branches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", [LateFusion, SumFusion])
def test_branches_share_everything_out(fusion: type[Fusion]) -> None:
    model = build(fusion)
    attached = g2d.attach(model)
    assert attached.has_branches
    owned = [id(p) for name in NAMES for p in attached.branch_parameters(name)]
    assert sorted(owned) == sorted(id(parameter) for parameter in model.parameters())
    head = attached.branch_parameters("depth")[-2:]
    assert [tuple(parameter.shape) for parameter in head] == [(4, 3), (4,)]


@pytest.mark.parametrize("fusion", [ConcatFusion, *OTHERS])
def test_shared_heads_belong_to_no_branch(fusion: type[Fusion]) -> None:
    attached = g2d.attach(build(fusion))
    assert not attached.has_branches
    with pytest.raises(UserError, match=f"{fusion.__name__} has no head of its own for 'image'"):
        attached.branch_parameters("image")


# --- unimodal logits ------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", ADDITIVE)
def test_a_sum_over_modalities_gets_no_heads(fusion: type[Fusion]) -> None:
    model = build(fusion)
    attached, before = g2d.attach(model), model.fusion
    attached.need_unimodal_logits(TASK.outputs)
    assert model.fusion is before
    assert attached.added_heads is None
    assert model(batch(NAMES, TASK)).unimodal.keys() == set(NAMES)
    attached.need_unimodal_logits(TASK.outputs, own=True)
    assert isinstance(model.fusion, UnimodalHeads)


@pytest.mark.parametrize("fusion", OTHERS)
def test_other_fusions_get_heads_once(fusion: type[Fusion]) -> None:
    model = build(fusion)
    attached = g2d.attach(model)
    assert not model(batch(NAMES, TASK)).unimodal
    for _ in range(2):
        attached.need_unimodal_logits(TASK.outputs)
    assert isinstance(model.fusion, UnimodalHeads)
    assert type(model.fusion.fusion) is fusion
    assert attached.added_heads is model.fusion.heads
    assert model(batch(NAMES, TASK)).unimodal.keys() == set(NAMES)


# --- one model, one method after the other --------------------------------------------------------


def test_a_model_given_to_another_method_is_no_longer_modulated() -> None:
    model, plain, data = build(), build(), batch(NAMES, TASK)
    for _ in range(2):
        dropping = g2d.OPM(model, TASK, step_rate=1.0, drop_rate=1.0, warmup=0, rescale=False)
        dropping.on_epoch_start(0)
        dropping.rates = {name: torch.tensor(float(name == "sound")) for name in NAMES}
    kept = g2d.attach(plain).fuse(
        plain(data), {**(f := plain(data).features), "sound": 0 * f["sound"]}
    )
    assert torch.equal(model(data).logits, kept)
    g2d.JointTraining(model, TASK)
    assert torch.equal(model(data).logits, plain(data).logits)


def test_a_student_given_to_another_method_is_not_modulated_in_its_epochs() -> None:
    plain, data = build(), batch(NAMES, TASK)
    attached = g2d.attach(build())
    dropping = g2d.OPM(attached, TASK, step_rate=1.0, drop_rate=1.0, warmup=0)
    dropping.rates = {name: torch.tensor(float(name == "sound")) for name in NAMES}
    around = g2d.SequentialPrioritization(dropping, bank(NAMES, TASK), (0, 0, 1))
    joint = g2d.JointTraining(attached, TASK)
    for method, unchanged in ((around, False), (joint, True), (dropping, False), (joint, True)):
        method.on_epoch_start(0)
        logits = attached.net(data).logits
        assert torch.equal(logits, plain(data).logits) == unchanged


def test_a_model_given_to_another_method_is_trainable_again() -> None:
    model = build()
    first = g2d.ReconBoost(model, TASK, boost_epochs=1)
    first.on_fit_start(g2d.Loop(torch.optim.SGD(model.parameters(), lr=0.1), epochs=8))
    first.on_epoch_start(0)
    assert not all(p.requires_grad for p in model.parameters())
    joint = g2d.JointTraining(model, TASK)
    joint.on_epoch_start(0)
    assert all(p.requires_grad for p in model.parameters())
    assert all(joint.student.encoder_parameters(name) for name in NAMES)


def test_what_its_owner_froze_in_the_meantime_stays_frozen() -> None:
    model = build()
    g2d.JointTraining(model, TASK).on_epoch_start(0)
    for parameter in model.encoders["image"].parameters():
        parameter.requires_grad_(False)
    joint = g2d.JointTraining(model, TASK)
    joint.on_epoch_start(0)
    assert not any(p.requires_grad for p in model.encoders["image"].parameters())
    assert joint.student.encoder_parameters("image") == []
