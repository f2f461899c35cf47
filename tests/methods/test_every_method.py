"""What has to hold for every method: symmetry in the modalities, and batches at the edge."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.models.fusion import ConcatFusion, Fusion, LateFusion, SumFusion
from methods.small import NAMES, OPTIMIZERS, TASKS, WIDTHS, batch, sgd, teacher_models, train

Make = Callable[[g2d.MultimodalModel, g2d.Task, g2d.OnlineTeachers], g2d.Method]


def stages(model: g2d.MultimodalModel) -> tuple[int, ...]:
    return (1,) * len(model.modalities)


METHODS: dict[str, Make] = {
    "joint": lambda model, task, _: g2d.JointTraining(model, task),
    "umt": g2d.UMT,
    "g2d loss": g2d.G2DLoss,
    "smp": lambda model, task, teachers: g2d.SequentialPrioritization(
        g2d.JointTraining(model, task), teachers, stages(model), scope="encoder"
    ),
    "g2d": lambda model, task, teachers: g2d.G2D(
        model, task, teachers, stages(model), scope="encoder"
    ),
    "g2d, partial": lambda model, task, teachers: g2d.G2D(
        model, task, teachers, stages(model), scope="encoder", suppression="partial"
    ),
}
CLASSES = TASKS["classification"]


def assemble(
    parts: dict[str, g2d.UnimodalModel], fusion: type[Fusion], task: g2d.Task
) -> g2d.MultimodalModel:
    """A student whose parts are known by name, so that order is all that differs."""
    model = g2d.MultimodalModel(
        {name: part.encoder for name, part in parts.items()},
        fusion({name: part.head.in_features for name, part in parts.items()}, task.outputs),
    )
    with torch.no_grad():
        for name, part in parts.items():
            if isinstance(model.fusion, ConcatFusion):
                widths = list(model.fusion.widths)
                start = sum(model.fusion.widths[n] for n in widths[: widths.index(name)])
                columns = slice(start, start + part.head.in_features)
                model.fusion.head.weight[:, columns] = part.head.weight
                model.fusion.head.bias.zero_()
            else:
                model.fusion.heads[name].load_state_dict(part.head.state_dict())
    return model


def trained(
    order: tuple[str, ...],
    called: dict[str, str],
    make: Make,
    fusion: type[Fusion],
    k: int = 3,
) -> tuple[list[float], dict[str, dict[str, Tensor]]]:
    """Losses, and weights of every encoder under its original name."""

    def renamed(models: dict[str, g2d.UnimodalModel]) -> dict[str, g2d.UnimodalModel]:
        for name, model in models.items():
            model.modality = called[name]
        return {called[name]: models[name] for name in order}

    origin = NAMES[:k]
    teachers = g2d.OnlineTeachers(renamed(teacher_models(origin, CLASSES)), CLASSES)
    model = assemble(renamed(teacher_models(origin, CLASSES, seed=5)), fusion, CLASSES).train()
    epochs = []
    for epoch in range(k + 1):
        data = batch(origin, CLASSES, seed=epoch, missing=epoch == 1)
        inputs = {called[name]: data.inputs[name] for name in order}
        present = {called[name]: mask for name, mask in data.present.items()}
        epochs.append([g2d.Batch(inputs, data.target, data.index, present)])
    losses = train(make(model, CLASSES, teachers), sgd(model), epochs)
    return losses, {name: model.encoders[called[name]].state_dict() for name in origin}


@pytest.mark.parametrize("fusion", [LateFusion, SumFusion, ConcatFusion])
@pytest.mark.parametrize("name", METHODS)
def test_the_order_of_modalities_does_not_matter(name: str, fusion: type[Fusion]) -> None:
    same_names = {n: n for n in NAMES}
    losses, encoders = trained(NAMES[:3], same_names, METHODS[name], fusion)
    for order in (("depth", "sound", "image"), ("image", "sound", "depth")):
        again, permuted = trained(order, same_names, METHODS[name], fusion)
        assert again == pytest.approx(losses, rel=1e-5)
        for modality, expected in encoders.items():
            torch.testing.assert_close(permuted[modality], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_names_do_not_matter(name: str) -> None:
    """Bit for bit, also under names that look like module paths or like each other."""
    same_names = {n: n for n in NAMES}
    called = {"sound": "encoders", "image": "a b", "depth": "a", "gas": "head"}
    losses, encoders = trained(NAMES[:3], same_names, METHODS[name], LateFusion)
    again, renamed = trained(NAMES[:3], called, METHODS[name], LateFusion)
    assert again == losses
    for modality, expected in encoders.items():
        assert all(torch.equal(renamed[modality][key], value) for key, value in expected.items())


def linear_parts(task: g2d.Task, names: tuple[str, ...]) -> dict[str, g2d.UnimodalModel]:
    """Without batch norm, which a single sample cannot train."""
    parts = {}
    for name in names:
        size = 25 if name == "image" else 6
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, WIDTHS[name]), nn.Tanh())
        parts[name] = g2d.UnimodalModel(name, encoder, WIDTHS[name], task.outputs)
    return parts


def one_class(data: g2d.Batch) -> g2d.Batch:
    data.target = data.target[:1].repeat(len(data), *[1] * (data.target.ndim - 1))
    return data


def silent(data: g2d.Batch) -> g2d.Batch:
    data.inputs["image"] = torch.zeros_like(data.inputs["image"])
    return data


def nobody(data: g2d.Batch) -> g2d.Batch:
    data.present = {"image": torch.zeros(len(data), dtype=torch.bool)}
    return data


EDGES: dict[str, tuple[int, Callable[[g2d.Batch], g2d.Batch]]] = {
    "one sample": (1, lambda data: data),
    "one target only": (6, one_class),
    "a modality of zeros": (6, silent),
    "a modality that nobody has": (6, nobody),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", METHODS)
def test_batches_at_the_edge_train(name: str, kind: str, edge: str) -> None:
    size, change = EDGES[edge]
    task, names = TASKS[kind], NAMES[:3]
    torch.manual_seed(0)
    teachers = g2d.OnlineTeachers(linear_parts(task, names), task)
    model = assemble(linear_parts(task, names), LateFusion, task)
    method = METHODS[name](model, task, teachers)
    epochs = [[change(batch(names, task, size=size, seed=s))] for s in range(3)]
    losses = train(method, OPTIMIZERS["adamw"](model), epochs)
    assert all(torch.isfinite(torch.tensor(losses)))
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_teachers_that_all_say_the_same_train(name: str) -> None:
    """Equal confidence is a tie: the first declared leads, partial suppression does nothing."""
    names = NAMES[:3]
    parts = linear_parts(CLASSES, names)
    for part in parts.values():
        nn.init.zeros_(part.head.weight)
        nn.init.zeros_(part.head.bias)
    teachers = g2d.OnlineTeachers(parts, CLASSES)
    torch.manual_seed(0)
    model = assemble(linear_parts(CLASSES, names), LateFusion, CLASSES)
    method = METHODS[name](model, CLASSES, teachers)
    data = batch(names, CLASSES)
    if name in ("smp", "g2d"):
        method.on_step_start(data)
        assert method.active() == {names[0]}
    losses = train(method, sgd(model), [[data]] * 3)
    assert all(torch.isfinite(torch.tensor(losses)))


def test_three_modalities_learn_end_to_end() -> None:
    """G²D on a task that a linear model can learn, through all stages: the loss falls."""
    names, generator = NAMES[:3], torch.Generator().manual_seed(0)
    target = torch.arange(48) % 4
    data = batch(names, CLASSES, size=48)
    for name in names:
        flat = data.inputs[name].flatten(1)
        flat += 2 * torch.randn(4, flat.shape[1], generator=generator)[target]
    data.target = target
    torch.manual_seed(0)
    parts = linear_parts(CLASSES, names)
    for part in parts.values():
        optimizer = torch.optim.SGD(part.parameters(), lr=0.1, momentum=0.9)
        for _ in range(40):
            CLASSES.loss(part(data).logits, target).backward()
            optimizer.step()
            optimizer.zero_grad()
    teachers = g2d.OnlineTeachers(parts, CLASSES)
    torch.manual_seed(1)
    model = assemble(linear_parts(CLASSES, names), LateFusion, CLASSES)
    method = g2d.G2D(
        model, CLASSES, teachers, (6, 6, 18), confidence=g2d.mean_confidence(teachers, [data])
    )
    train(method, sgd(model), [[data]] * 30)
    assert CLASSES.metrics(model(data).logits, target)["accuracy"] > 0.9
