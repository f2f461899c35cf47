"""A loss is refused where what was recorded is not of the forward pass that it is asked of."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import g2d

TASK = g2d.Classification(3)


def as_it_is(part: nn.Module, x: Tensor) -> Tensor:
    return part(x)


def reentrant(part: nn.Module, x: Tensor) -> Tensor:
    return checkpoint(part, x.clone().requires_grad_(), use_reentrant=True)


def checkpointed(part: nn.Module, x: Tensor) -> Tensor:
    return checkpoint(part, x, use_reentrant=False)


def without_gradients(part: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return part(x)


class Net(nn.Module):
    def __init__(self, run: Callable[[nn.Module, Tensor], Tensor] = as_it_is) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.v = nn.Linear(4, 5), nn.Linear(4, 5)
        self.head = nn.Linear(10, 3)
        self.run, self.inplace = run, False

    def forward(self, a: Tensor, v: Tensor) -> Tensor:
        features = [self.run(self.a, a), self.run(self.v, v)]
        features = [nn.functional.relu(f, inplace=self.inplace) for f in features]
        return self.head(torch.cat(features, 1))

    def attached(self) -> g2d.Student:
        return g2d.attach(self, {"a": self.a, "v": self.v})


def samples(seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(3, (6,), generator=random)
    return torch.randn(6, 4, generator=random), torch.randn(6, 4, generator=random), target


def gradients(net: Net, whole: bool = False) -> list[Tensor]:
    """Of MMPareto, which uses features, in two steps."""
    method = g2d.MMPareto(net.attached(), TASK)
    for seed in (1, 2):
        net.zero_grad()
        a, v, target = samples(seed)
        logits = checkpoint(net, a, v, use_reentrant=False) if whole else net(a, v)
        method.loss(logits, target).backward()
        method.adjust_gradients()
    return [p.grad for p in net.parameters() if p.grad is not None]


def test_logits_of_an_earlier_pass_are_refused() -> None:
    net = Net()
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    first, last = net(a, v), net(*samples(2)[:2])
    with pytest.raises(g2d.UserError, match="right after its own forward pass"):
        method.loss(first, target)
    with pytest.raises(g2d.UserError, match="right after its own forward pass"):
        method.loss({"logits": first}, target)
    assert method.loss(last, target).isfinite()
    assert method.loss(last.double(), target.clone()).isfinite()  # what a cast makes is not known


def test_logits_from_before_a_validation_pass_are_refused() -> None:
    net = Net()
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    logits = net(a, v) * 1  # not known again
    with torch.no_grad():
        net(*samples(2)[:2])
    with pytest.raises(g2d.UserError, match="ran without gradients"):
        method.loss(logits, target)


def test_a_feature_changed_in_place_is_refused() -> None:
    net = Net()
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    assert method.loss(net(a, v), target).isfinite()
    net.inplace = True
    with pytest.raises(g2d.UserError, match=r"feature of 'a' was changed in place.*inplace=False"):
        method.loss(net(a, v), target)


def test_reentrant_checkpoints_are_refused_and_others_change_nothing() -> None:
    with pytest.raises(g2d.UserError, match="use_reentrant=False"):
        gradients(Net(reentrant))
    expected = gradients(Net())
    for found in (gradients(Net(checkpointed)), gradients(Net(), whole=True)):
        assert all(map(torch.equal, found, expected))


def test_a_model_that_is_checkpointed_as_a_whole_and_reentrantly_is_refused() -> None:
    net = Net()
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    logits = checkpoint(net, a.requires_grad_(), v, use_reentrant=True)
    with pytest.raises(g2d.UserError, match="use_reentrant=False"):
        method.loss(logits, target)


def test_what_backward_computes_again_is_no_pass() -> None:
    net = Net()
    student = net.attached()
    a, v, target = samples()
    logits = checkpoint(net, a, v, use_reentrant=False)
    before, _ = student.observe(logits, target)
    logits.sum().backward()
    after, _ = student.observe(logits, target)
    assert after.features["a"] is before.features["a"]


def test_a_frozen_encoder_may_run_without_gradients() -> None:
    net = Net(without_gradients)
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    with pytest.raises(g2d.UserError, match="ran without gradients"):
        method.loss(net(a, v), target)
    for encoder in (net.a, net.v):
        encoder.requires_grad_(False)
    assert method.loss(net(a, v), target).isfinite()


def test_a_feature_that_is_changed_on_its_way_is_refused_under_checkpoints() -> None:
    net = Net(checkpointed)
    student = net.attached()
    student.modulate(lambda widths, size, present: {"a": torch.full((size, widths["a"]), 2.0)})
    a, v, target = samples()
    student.observe(net(a, v), target)  # features are changed from the second pass on
    logits = net(a, v)
    with pytest.raises(g2d.UserError, match="take the checkpoint off"):
        logits.sum().backward()


def test_a_copy_of_the_model_runs_without_records() -> None:
    net = Net()
    net.attached()
    a, v, _ = samples()
    assert torch.equal(copy.deepcopy(net)(a, v), net(a, v))


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.uint8])
def test_masks_that_are_not_of_bools_are_refused(dtype: torch.dtype) -> None:
    net = Net()
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    mask = torch.tensor([1, 0, 1, 1, 0, 1])
    with pytest.raises(g2d.UserError, match=rf"is {dtype} \(6,\), expected a bool.*mask.bool"):
        method.loss(net(a, v), target, present={"a": mask.to(dtype)})
    assert method.loss(net(a, v), target, present={"a": mask.bool()}).isfinite()


def test_a_modality_whose_encoder_was_not_called_is_given_as_zeros() -> None:
    net = Net(lambda part, x: part(x) if x.any() else x.new_zeros(len(x), 5))
    method = g2d.MMPareto(net.attached(), TASK)
    a, v, target = samples()
    with pytest.raises(g2d.UserError, match=r"zeros for samples.*present=\{'v': mask\}"):
        method.loss(net(a, v * 0), target)


class Shifted(nn.Module):
    """An encoder that changes its input, or a copy of it; given a tensor or a keyword."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.layer, self.inplace = nn.Linear(4, 5), inplace

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.add_(1) if self.inplace else x + 1)


class Shifting(nn.Module):
    def __init__(self, inplace: bool, keyword: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.v, self.head = Shifted(inplace), nn.Linear(4, 5), nn.Linear(10, 3)
        self.keyword = keyword

    def forward(self, a: Tensor, v: Tensor) -> Tensor:
        feature = self.a(x=a) if self.keyword else self.a(a)
        return self.head(torch.cat([feature, self.v(v)], 1))


@pytest.mark.parametrize("keyword", [False, True])
@pytest.mark.parametrize("name", ["umt", "agm"])
def test_an_encoder_that_changes_its_input_in_place_is_asked_again_of_the_input(
    name: str, keyword: bool
) -> None:
    """A teacher, and a method that encodes an input twice, were given what was left of it."""
    weights = []
    for inplace in (False, True):
        net = Shifting(inplace, keyword)
        student = g2d.attach(net, {"a": net.a, "v": net.v})
        method: g2d.Method
        if name == "agm":
            method = g2d.AGM(student, TASK, window=(0, 1), pad_mode="eval")
        else:
            torch.manual_seed(1)
            models = {m: nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)) for m in ("a", "v")}
            if keyword:
                models["a"] = nn.Sequential(Shifted(inplace=False), nn.Linear(5, 3))
                models["a"].forward = lambda x, whole=models["a"]: whole[1](whole[0](x))  # type: ignore[method-assign]
            taught = {m: g2d.attach(model, {m: model[0]}) for m, model in models.items()}
            method = g2d.UMT(student, TASK, g2d.OnlineTeachers(taught, TASK))
        optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        method.on_fit_start(g2d.Loop(optimizer, epochs=1))
        method.on_epoch_start(0)
        for seed in range(3):
            a, v, target = samples(seed)
            method.loss(net(a, v), target).backward()
            if not keyword:
                given = student.batch_of(target).inputs["a"]
                assert torch.equal(student.encode("a", given), student.encode("a", given))
            method.adjust_gradients()
            optimizer.step()
            optimizer.zero_grad()
        weights.append([p.detach() for p in net.parameters()])
    assert all(torch.equal(p, q) for p, q in zip(*weights, strict=True))
