"""Every number of the doctor against one that is computed by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import g2d
from monitor.watched import NAMES, TASK, attached, loop, net, samples

REGRESSION = g2d.Regression(low=-3.0, high=3.0, std=1.0)


class Sum(nn.Module):
    """Linear encoders and heads, so that gradients can be written down."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({name: nn.Linear(7, 4) for name in NAMES})
        self.heads = nn.ModuleDict({name: nn.Linear(4, outputs) for name in NAMES})

    def forward(self, **inputs: Tensor) -> Tensor:
        return torch.stack(list(self.unimodal(inputs).values())).sum(dim=0)

    def unimodal(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: self.heads[name](self.encoders[name](inputs[name])) for name in NAMES}


def sums(outputs: int = 3) -> tuple[Sum, g2d.Student]:
    torch.manual_seed(0)
    model = Sum(outputs)
    return model, g2d.attach(model, dict(model.encoders.items()), heads=dict(model.heads.items()))


def probabilities(logits: Tensor) -> np.ndarray:
    z = np.exp(logits.detach().double().numpy())
    return z / z.sum(axis=1, keepdims=True)


# --- predictions ----------------------------------------------------------------------------------


def test_accuracy_is_the_share_of_right_answers_of_all_batches() -> None:
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    data = [samples(size, seed) for seed, size in enumerate((8, 5, 2))]
    right = dict.fromkeys(("fused", *NAMES), 0)
    for inputs, target in data:
        fused = model(**inputs)
        TASK.loss(fused, target).backward()
        doctor.watch(target)
        for name, logits in {"fused": fused, **model.unimodal(inputs)}.items():
            right[name] += int((logits.detach().numpy().argmax(axis=1) == target.numpy()).sum())
        model.zero_grad()
    record = doctor.epoch()
    for name, count in right.items():
        assert record[f"{name}/accuracy"] == pytest.approx(count / 15)


@pytest.mark.parametrize("task", [REGRESSION, g2d.MultiLabel(4)], ids=["numbers", "labels"])
def test_the_metric_is_that_of_the_task(task: g2d.Task) -> None:
    model, student = sums(task.outputs)
    doctor = g2d.doctor(student, task)
    data = [samples(size, seed, task) for seed, size in enumerate((8, 5))]
    loop_free = [(model(**inputs), model.unimodal(inputs), y) for inputs, y in data]
    for inputs, target in data:
        task.loss(model(**inputs), target).backward()
        doctor.watch(target)
        model.zero_grad()
    record, target = doctor.epoch(), torch.cat([y for _, _, y in loop_free])
    for name in NAMES:
        logits = torch.cat([own[name] for _, own, _ in loop_free])
        expected = task.metrics(logits.detach(), target)[task.metric]
        assert record[f"{name}/{task.metric}"] == pytest.approx(expected, rel=1e-5)


def test_passes_in_eval_mode_are_counted_apart() -> None:
    model = net(heads=True)
    doctor = g2d.doctor(attached(model), TASK)
    loop(model, [samples()], doctor.watch)
    model.eval()
    inputs, target = samples(50, seed=9)
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            fused = model(**inputs)
            doctor.watch(target)
    record = doctor.epoch()
    right = (fused.argmax(dim=1) == target).float().mean().item()
    assert record["val/fused/accuracy"] == pytest.approx(right)
    assert "val/sound/accuracy" in record
    assert not [key for key in record if key.startswith("val") and "accuracy" not in key]
    assert not model.training


def test_an_absent_modality_does_not_count() -> None:
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    inputs, target = samples(8)
    there = torch.tensor([True, False, True, True, False, True, False, True])
    inputs["image"][~there] = 1e3
    fused = model(**inputs)
    own = model.unimodal(inputs)["image"]
    TASK.loss(fused, target).backward()
    doctor.watch(target, present={"image": there})
    record = doctor.epoch()
    right = own.argmax(dim=1) == target
    assert record["image/accuracy"] == pytest.approx(right[there].float().mean().item())
    p, q = (torch.from_numpy(probabilities(z)) for z in (fused, own))
    hot = nn.functional.one_hot(target, 3)
    weight = model.heads["image"].weight.detach().double()
    fused_gradient, own_gradient = (p - hot)[there] @ weight, (q - hot)[there] @ weight
    expected = nn.functional.cosine_similarity(
        fused_gradient.flatten(), own_gradient.flatten(), dim=0
    )
    assert record["image/cosine"] == pytest.approx(expected.item(), abs=1e-5)


def test_a_modality_that_no_sample_has_is_left_out() -> None:
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    inputs, target = samples(8)
    nowhere = torch.zeros(8, dtype=torch.bool)
    TASK.loss(model(**inputs), target).backward()
    doctor.watch(target, present={"image": nowhere})
    record = doctor.epoch()
    assert "image/accuracy" not in record
    assert "image/cosine" not in record
    assert "image is not known" in doctor.sentence()


def test_teachers_are_asked_on_the_same_samples() -> None:
    model, student = sums()
    torch.manual_seed(3)
    alone = nn.Sequential(nn.Linear(7, 4), nn.Linear(4, 3))
    bank = g2d.OnlineTeachers({"image": g2d.attach(alone, {"image": alone[0]})}, TASK)
    doctor = g2d.doctor(student, TASK, bank)
    data = [samples(size, seed) for seed, size in enumerate((8, 5))]
    own, taught, right = [], [], []
    for inputs, target in data:
        TASK.loss(model(**inputs), target).backward()
        doctor.watch(target)
        rows = np.arange(len(target)), target.numpy()
        own.append(probabilities(model.unimodal(inputs)["image"])[rows])
        said = alone(inputs["image"])
        taught.append(probabilities(said)[rows])
        right.append(said.detach().numpy().argmax(axis=1) == target.numpy())
        model.zero_grad()
    record = doctor.epoch()
    ratio = np.concatenate(own).mean() / np.concatenate(taught).mean()
    assert record["image/confidence_ratio"] == pytest.approx(ratio, rel=1e-5)
    assert record["image/teacher_accuracy"] == pytest.approx(np.concatenate(right).mean())
    assert "sound/confidence_ratio" not in record


# --- gradients ------------------------------------------------------------------------------------


def test_gradient_norm_is_the_mean_over_steps() -> None:
    """Of a linear encoder: ∂L/∂W = Σ_i (W_hᵀ (p_i - y_i) / B) x_iᵀ."""
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    lengths = []
    for seed in range(3):
        inputs, target = samples(6, seed)
        fused = model(**inputs)
        TASK.loss(fused, target).backward()
        doctor.watch(target)
        model.zero_grad()
        hot = np.eye(3)[target.numpy()]
        head = model.heads["depth"].weight.detach().double().numpy()
        at_feature = (probabilities(fused) - hot) / 6 @ head
        weight = at_feature.T @ inputs["depth"].double().numpy()
        lengths.append(np.sqrt((weight**2).sum() + (at_feature.sum(axis=0) ** 2).sum()))
    assert doctor.epoch()["depth/gradient_norm"] == pytest.approx(np.mean(lengths), rel=1e-5)


def test_cosine_and_conflict_of_what_the_loop_backpropagates() -> None:
    """The second loss pulls one feature away from where its own loss would move it."""
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    angles: list[float] = []
    for seed, sign in enumerate((1.0, -1.0, 1.0)):
        inputs, target = samples(6, seed)
        loss = sign * TASK.loss(model(**inputs), target)
        features = {n: model.encoders[n](inputs[n]).detach().requires_grad_() for n in NAMES}
        said = {n: model.heads[n](features[n]) for n in NAMES}
        whole = sign * TASK.loss(torch.stack(list(said.values())).sum(dim=0), target)
        (fused,) = torch.autograd.grad(whole, [features["sound"]], retain_graph=True)
        (own,) = torch.autograd.grad(TASK.loss(said["sound"], target), [features["sound"]])
        a, b = fused.double().flatten(), own.double().flatten()
        angles.append((a @ b / (a.norm() * b.norm())).item())
        loss.backward()
        doctor.watch(target)
        model.zero_grad()
    record = doctor.epoch()
    assert record["sound/cosine"] == pytest.approx(np.mean(angles), abs=1e-5)
    assert record["sound/conflict"] == pytest.approx(np.mean(np.array(angles) < 0))
    assert record["sound/conflict"] > 0


def test_two_backward_passes_make_one_gradient() -> None:
    found = []
    for halves in (False, True):
        model, student = sums()
        doctor = g2d.doctor(student, TASK)
        inputs, target = samples()
        loss = TASK.losses(model(**inputs), target)
        if halves:
            loss[:3].sum().backward(retain_graph=True)
            loss[3:].sum().backward()
        else:
            loss.sum().backward()
        doctor.watch(target)
        found.append(doctor.epoch())
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_frozen_encoder_has_norm_zero_and_no_direction() -> None:
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    student.train_only({"sound"})
    inputs, target = samples()
    TASK.loss(model(**inputs), target).backward()
    doctor.watch(target)
    record = doctor.epoch()
    assert record["image/gradient_norm"] == 0
    assert record["sound/gradient_norm"] > 0
    assert "image/cosine" not in record
    assert "image/accuracy" in record


def test_with_accumulation_the_norm_is_that_of_the_step() -> None:
    model, student = sums()
    doctor = g2d.doctor(student, TASK)
    for part, accumulating in ((0, True), (1, False)):
        inputs, target = samples(seed=part)
        (TASK.loss(model(**inputs), target) / 2).backward()
        doctor.watch(target, accumulating=accumulating)
    parameters = list(model.encoders["image"].parameters())
    expected = torch.cat([p.grad.flatten() for p in parameters]).norm()
    assert doctor.epoch()["image/gradient_norm"] == pytest.approx(expected.item())


class Pooling(nn.Module):
    """Encoders that answer with a map and with a tuple, whose features are parts of those."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.pairs = nn.Conv1d(1, 4, 3), Pair()
        self.head = nn.Linear(8, 3)

    def forward(self, sound: Tensor, image: Tensor) -> Tensor:
        maps, pair = self.maps(sound[:, None]), self.pairs(image)
        logits: Tensor = self.head(torch.cat([maps.mean(dim=2), pair[0]], dim=1))
        return logits


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(7, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.layer(x), None


def test_features_that_are_parts_of_an_answer_have_directions() -> None:
    torch.manual_seed(0)
    model = Pooling()
    reads = {"sound": lambda out: out.mean(dim=2), "image": lambda out: out[0]}
    student = g2d.attach(model, {"sound": model.maps, "image": model.pairs}, features=reads)
    doctor = g2d.doctor(student, TASK)
    inputs, target = samples()
    TASK.loss(model(inputs["sound"], inputs["image"]), target).backward()
    doctor.watch(target)
    record = doctor.epoch()
    assert {"sound/cosine", "image/cosine"} <= set(record)


# --- models of g2d --------------------------------------------------------------------------------


def widths() -> dict[str, int]:
    return dict.fromkeys(NAMES, 4)


@pytest.mark.parametrize(
    "fusion", [g2d.LateFusion, g2d.SumFusion, g2d.ConcatFusion], ids=lambda f: f.__name__
)
def test_the_terms_of_a_sum_are_read(fusion: Callable[..., g2d.Fusion]) -> None:
    torch.manual_seed(0)
    model = g2d.MultimodalModel({n: nn.Linear(7, 4) for n in NAMES}, fusion(widths(), 3))
    doctor = g2d.doctor(model, TASK)
    inputs, target = samples()
    there = torch.tensor([True, True, False, True, True, True, False, True])
    batch = g2d.Batch(inputs, target, torch.arange(8), {"depth": there})
    outputs = model(batch)
    TASK.loss(outputs.logits, target).backward()
    doctor.watch(batch)
    record = doctor.epoch()
    for name, logits in outputs.unimodal.items():
        mask = there if name == "depth" else torch.ones(8, dtype=torch.bool)
        right = (logits.argmax(dim=1) == target)[mask].float().mean().item()
        assert record[f"{name}/accuracy"] == pytest.approx(right)
        assert f"{name}/cosine" in record
    assert "probes" not in doctor.sentence()


def test_added_heads_of_a_method_are_read_and_share_its_answers() -> None:
    model = net()
    method = g2d.MMPareto(attached(model), TASK)
    doctor = g2d.doctor(method.student, TASK)
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
    for seed in range(2):
        inputs, target = samples(seed=seed)
        logits = model(**inputs)
        method.loss(logits, target).backward()
        outputs, _ = method.student.observe(logits, target)
        method.adjust_gradients()
        doctor.watch(target)
        optimizer.step()
        optimizer.zero_grad()
        right = {n: (z.argmax(1) == target).float().mean() for n, z in outputs.unimodal.items()}
        record = doctor.epoch()
        for name in NAMES:
            assert record[f"{name}/accuracy"] == pytest.approx(right[name].item())
    assert "probes" not in doctor.sentence()


# --- precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize("heads", [False, True])
def test_half_precision_of_the_loop(heads: bool) -> None:
    records = []
    for lower in (False, True):
        model = net(heads)
        doctor = g2d.doctor(attached(model), TASK)
        inputs, target = samples(32)
        torch.manual_seed(5)
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            loss = TASK.loss(model(**inputs), target)
        loss.backward()
        doctor.watch(target)
        records.append(doctor.epoch())
    assert records[0].keys() == records[1].keys()
    assert records[1]["sound/gradient_norm"] == pytest.approx(
        records[0]["sound/gradient_norm"], rel=0.1
    )


def test_a_model_in_double_precision() -> None:
    model = net(heads=True).double()
    doctor = g2d.doctor(attached(model), TASK)
    inputs, target = samples()
    TASK.loss(model(**{n: x.double() for n, x in inputs.items()}), target).backward()
    doctor.watch(target)
    assert "image/cosine" in doctor.epoch()
