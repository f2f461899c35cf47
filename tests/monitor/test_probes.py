"""Probes learn what a linear model can read off features, and nobody else learns of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.models.fusion import Fusion
from g2d.monitor.probes import Probes
from monitor.watched import NAMES, TASK, attached, loop, net, samples

NOISE = {"sharp": 1.0, "blurred": 3.0}


class Frozen(nn.Module):
    """Features that stay: random projections, which a linear head fuses."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: nn.Linear(10, 12) for name in NOISE})
        self.head = nn.Linear(24, 4)
        self.parts.requires_grad_(False)

    def forward(self, **inputs: Tensor) -> Tensor:
        features = [part(inputs[name]) for name, part in self.parts.items()]
        logits: Tensor = self.head(torch.cat(features, dim=1))
        return logits


def clouds(size: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    random = torch.Generator().manual_seed(seed)
    centres = torch.Generator().manual_seed(0)
    target = torch.randint(4, (size,), generator=random)
    inputs = {}
    for name, noise in NOISE.items():
        means = torch.randn(4, 10, generator=centres)
        inputs[name] = means[target] + noise * torch.randn(size, 10, generator=random)
    return inputs, target


def best_linear(features: Tensor, target: Tensor) -> nn.Linear:
    """Softmax regression to convergence."""
    head = nn.Linear(features.shape[1], 4)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(features), target)
        loss.backward()
        return loss

    optimizer.step(closure)
    return head


def test_probes_come_near_the_best_linear_model() -> None:
    torch.manual_seed(0)
    model = Frozen()
    doctor = g2d.doctor(g2d.attach(model, dict(model.parts.items())), g2d.Classification(4))
    inputs, target = clouds(2000, seed=1)
    held, truth = clouds(2000, seed=2)
    rows = torch.arange(2000).split(50)
    for _ in range(5):
        loop(model, [({n: x[i] for n, x in inputs.items()}, target[i]) for i in rows], doctor.watch)
    model.eval()
    model(**held)
    doctor.watch(truth)
    record = doctor.epoch()
    for name, part in model.parts.items():
        head = best_linear(part(inputs[name]), target)
        best = (head(part(held[name])).argmax(dim=1) == truth).float().mean().item()
        assert record[f"val/{name}/accuracy"] == pytest.approx(best, abs=0.03)
    assert record["val/sharp/accuracy"] > record["val/blurred/accuracy"] + 0.2
    assert doctor.sentence().endswith("Read by linear probes: sharp and blurred.")


def test_a_batch_is_answered_before_it_is_learned() -> None:
    """On labels of pure chance a probe that had learned the batch would be right too often."""
    model = net()
    doctor = g2d.doctor(attached(model), TASK)
    for seed in range(100):
        inputs, target = samples(4, seed)
        TASK.loss(model(**inputs), target).backward()
        doctor.watch(target)
    record = doctor.epoch()
    assert all(record[f"{name}/accuracy"] < 0.42 for name in NAMES)


def test_probes_that_have_learned_nothing_say_nothing() -> None:
    model = net().eval()
    doctor = g2d.doctor(attached(model), TASK)
    inputs, target = samples()
    model(**inputs)
    doctor.watch(target)
    assert list(doctor.epoch()) == ["val/fused/accuracy"]


def test_first_weights_do_not_depend_on_the_order_of_modalities() -> None:
    one, other = (Probes(names, 3) for names in (("a", "b"), ("b", "a")))
    features = torch.ones(2, 5)
    for name in ("a", "b"):
        left, right = (p.logits({name: features}, learning=True)[name] for p in (one, other))
        assert torch.equal(left, right)


@pytest.mark.parametrize("fusion", [g2d.FiLMFusion, g2d.CrossAttentionFusion])
def test_a_fusion_without_unimodal_logits_in_training_is_probed(fusion: type[Fusion]) -> None:
    torch.manual_seed(0)
    widths = {"sound": 8, "image": 8}
    model = g2d.MultimodalModel({n: nn.Linear(7, 8) for n in widths}, fusion(widths, 3))
    doctor = g2d.doctor(model, TASK)
    inputs, target = samples()
    batch = g2d.Batch({n: inputs[n] for n in widths}, target, torch.arange(8))
    TASK.loss(model(batch).logits, target).backward()
    doctor.watch(batch)
    model.eval()(batch)
    doctor.watch(batch)
    record = doctor.epoch()
    assert {"sound/accuracy", "sound/cosine", "val/sound/accuracy"} <= set(record)


class Masking(nn.Module):
    """Fuses the features of the modalities that are there."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: nn.Linear(10, 12) for name in NOISE})
        self.head = nn.Linear(12, 4)

    def forward(self, there: Tensor, **inputs: Tensor) -> Tensor:
        sharp, blurred = (part(inputs[name]) for name, part in self.parts.items())
        logits: Tensor = self.head(sharp + torch.where(there[:, None], blurred, 0))
        return logits


def test_what_stands_in_the_place_of_an_absent_modality_is_not_read() -> None:
    found = []
    for junk in (0.0, float("nan")):
        torch.manual_seed(0)
        model = Masking()
        doctor = g2d.doctor(g2d.attach(model, dict(model.parts.items())), g2d.Classification(4))
        for seed in range(5):
            inputs, target = clouds(20, seed)
            there = torch.arange(20) % 3 > 0
            inputs["blurred"][~there] = junk
            nn.functional.cross_entropy(model(there, **inputs), target).backward()
            doctor.watch(target, present={"blurred": there})
            model.zero_grad()
        record = doctor.epoch()
        found.append({key: v for key, v in record.items() if "norm" not in key})
    assert found[0] == pytest.approx(found[1], abs=1e-6)
