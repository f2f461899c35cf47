"""Every method on a device beside the CPU: the same weights, exact gates, no copies to the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

import g2d
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.settings import TrainingSettings
from g2d.recipes.build import build_student
from g2d.recipes.catalog import METHODS
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe, recipe_from

SHAPES = {"image": (1, 28, 28), "audio": (1, 32, 32)}
TASK = g2d.Classification(4)
EPOCHS, BATCHES, BATCH, WIDTH = 4, 2, 16, 16
# How far weights may be apart, as a share of the way that they have gone.
TOLERANCE = 0.02
CONFIDENCE = {"image": 0.3, "audio": 0.8}


def check(device: torch.device, left: Callable[[], float], *, tiny: bool) -> dict[str, Any]:
    """All methods, as far as the time goes; then gates and host copies.

    Args:
        device: Compared with the CPU.
        left: Seconds that are left.
        tiny: Whether a few methods are enough.
    """
    exact = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        found: dict[str, Any] = {
            "gates": {name: gates(device, name) for name in ("complete", "released")},
            "host_copies": {name: host_copies(device, name) for name in ("joint", "umt", "g2d")},
            "methods": {},
        }
        names = [name for name in METHODS if name != "ume"]
        for name in names[:4] if tiny else names:
            if left() < 0:
                found["not_reached"] = names[len(found["methods"]) :]
                break
            found["methods"][name] = _method(name, device)
        found["all_right"] = all(row.get("right", False) for row in found["methods"].values())
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = exact
    return found


def _method(name: str, device: torch.device) -> dict[str, Any]:
    try:
        begun, here = _trained(name, torch.device("cpu"), "32")
        random = _draws(name)
        _, there = _trained(name, device, "32")
        _, half = _trained(name, device, "bf16")
    except Exception as error:  # the other methods are looked at all the same
        return {"right": False, "failed": f"{type(error).__name__}: {error}"}
    way = _norm(here[key] - begun[key] for key in begun)
    apart = _norm(here[key] - there[key] for key in begun) / way
    half_apart = _norm(here[key] - half[key] for key in begun) / way
    finite = all(bool(value.isfinite().all()) for value in half.values())
    # A generator of the card draws other numbers than one of the CPU.
    right = finite and (random or apart < TOLERANCE)
    return {"apart": apart, "bf16_apart": half_apart, "bf16_finite": finite} | {
        "draws_at_random": random,
        "right": right,
    }


def _draws(name: str) -> bool:
    """Whether a method draws random numbers of its own, or its model has dropout."""
    model, _, _ = _made(name, torch.device("cpu"), "32")
    dropped = any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in model.modules())
    return dropped or "seed" in plan_method(_recipe(name), tuple(SHAPES), EPOCHS).options


def gates(device: torch.device, suppression: str) -> dict[str, bool]:
    """What a step leaves as it was of the encoder that is suppressed, once there is momentum."""
    model, method, batches = _made("g2d", device, "32", gate=suppression)
    method.on_epoch_start(EPOCHS - 1)  # all learn
    for batch in batches:
        method.step(batch)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    method.on_epoch_start(0)  # the image leads
    method.step(batches[0])
    kept = {
        kind: all(torch.equal(value, before[key]) for key, value in _of_audio(model, kind))
        for kind in ("convolutions", "others")
    }
    moved = any(
        not torch.equal(value, before[key])
        for key, value in model.named_parameters()
        if key.startswith("encoders.image.")
    )
    return {"convolutions_kept": kept["convolutions"], "others_kept": kept["others"]} | {
        "leader_moved": moved,
        "right": moved and kept["convolutions"] == kept["others"] == (suppression == "complete"),
    }


def _of_audio(model: torch.nn.Module, kind: str) -> Iterable[tuple[str, Tensor]]:
    for key, value in model.named_parameters():
        if key.startswith("encoders.audio.") and (value.ndim == 4) == (kind == "convolutions"):
            yield key, value.detach()


def host_copies(device: torch.device, name: str) -> int | None:
    """Copies from the device to the host in three steps, by the profiler; `None` on a CPU."""
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    _, method, batches = _made(name, device, "32")
    method.on_epoch_start(0)
    method.step(batches[0])
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as watched:
        for _ in range(3):
            method.step(batches[1])
        torch.cuda.synchronize()
    return sum("Memcpy DtoH" in event.name for event in watched.events())


def _trained(name: str, device: torch.device, precision: str) -> tuple[Any, Any]:
    """Weights before and after a short training, on the CPU."""
    model, method, batches = _made(name, device, precision)
    begun = _weights(model)
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        for batch in batches:
            method.step(batch)
        value = {**dict.fromkeys(SHAPES, 0.5), "fused": 0.5}
        method.on_validation_end({"accuracy": value, "loss": value, "confidence": value})
        if method.finished():
            break
    return begun, _weights(model)


def _made(
    name: str, device: torch.device, precision: str, gate: str | None = None
) -> tuple[g2d.MultimodalModel, g2d.Method, list[g2d.Batch]]:
    """A model, a method told of its loop, and batches, all on the device."""
    recipe = _recipe(name, gate)
    names = tuple(SHAPES)
    random = torch.Generator().manual_seed(0)
    batches = [
        g2d.Batch(
            {m: torch.randn(BATCH, *shape, generator=random) for m, shape in SHAPES.items()},
            torch.randint(TASK.outputs, (BATCH,), generator=random),
            torch.arange(BATCH) + BATCH * place,
        ).to(device)
        for place in range(BATCHES)
    ]
    torch.manual_seed(1)
    encoders = build_student(recipe, names, TASK).encoders
    taught = {m: g2d.UnimodalModel(m, encoders[m], WIDTH, TASK.outputs).to(device) for m in names}
    plan = plan_method(recipe, names, EPOCHS)
    torch.manual_seed(0)
    model = build_student(recipe, names, TASK).to(device)
    bank = g2d.OnlineTeachers(taught, TASK) if plan.needs_teachers else None
    method = plan.make(model, TASK, bank, CONFIDENCE)
    settings = TrainingSettings(
        precision="bf16" if precision == "bf16" else "32",
        accelerator="gpu" if device.type == "cuda" else "cpu",
    )
    fabric = settings.make_fabric()
    optimizer = settings.make_optimizer(method.parameter_groups())
    wrapped, stepper = fabric.setup(model, optimizer)
    loop = FabricLoop(
        fabric, wrapped, stepper, epochs=EPOCHS, iter_train=lambda fraction, seed: batches
    )
    method.on_fit_start(loop)
    return model.train(), method, batches


def _recipe(name: str, gate: str | None = None) -> Recipe:
    encoder = {"name": "small_cnn", "width": WIDTH}
    staged = {"schedule": [1, EPOCHS - 1], "suppression": gate, "scope": "encoder"} if gate else {}
    method: dict[str, Any] = {"name": name, **staged}
    return recipe_from(
        {"data": "avdigits", "encoders": dict.fromkeys(SHAPES, encoder), "method": method}
    )


def _weights(model: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in model.named_parameters()}


def _norm(tensors: Iterable[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.double().square().sum()) for tensor in tensors))
