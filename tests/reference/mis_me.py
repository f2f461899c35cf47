"""MIS-ME once more, from its equations: the joint head over one concatenated vector.

Nothing of the package is used here; encoders are those of `reference.g2d`, in double precision.
Dropout is left out: a caller sets its rates to 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reference.g2d import SGD, Params, Present, Sample, Task, batch_norm, encode


@dataclass(frozen=True)
class Plan:
    """δ under `fused`, γ_m under the modality's name; 1 where there is none."""

    approach: str = "hybrid"
    complementary: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)


def linear(p: Params, key: str, x: Tensor) -> Tensor:
    return x @ p[f"{key}.weight"].T + p[f"{key}.bias"]


def silenced(x: Tensor, there: Sequence[bool] | None) -> Tensor:
    """Zero rows where the modality is absent."""
    return x if there is None else x * torch.tensor(there, dtype=x.dtype)[:, None]


def after_the_first_layer(p: Params, key: str, x: Tensor, training: bool) -> Tensor:
    x = torch.clamp(batch_norm(p, f"{key}.0", x, training), min=0)
    x = linear(p, f"{key}.3", x)
    x = torch.clamp(batch_norm(p, f"{key}.4", x, training), min=0)
    return linear(p, f"{key}.7", x)


def joint_head(
    p: Params, key: str, features: Mapping[str, Tensor], present: Present, training: bool
) -> Tensor:
    names = list(features)
    side_by_side = torch.cat([silenced(features[m], present.get(m)) for m in names], dim=1)
    norm = {
        f"n.{part}": torch.cat([p[f"{key}.norms.{m}.{part}"] for m in names])
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    x = batch_norm(norm, "n", side_by_side, training)
    parts = x.split([features[m].shape[1] for m in names], dim=1)
    x = torch.cat([silenced(v, present.get(m)) for m, v in zip(names, parts, strict=True)], dim=1)
    first = torch.cat([p[f"{key}.blocks.{m}.weight"] for m in names], dim=1)
    return after_the_first_layer(p, f"{key}.rest", x @ first.T + p[f"{key}.bias"], training)


def branch_head(p: Params, key: str, x: Tensor, training: bool) -> Tensor:
    if x.shape[1] <= 64:
        return linear(p, key, x)
    return after_the_first_layer(p, f"{key}.rest", linear(p, f"{key}.first", x), training)


def scalars(p: Params, names: Sequence[str], complementary: bool) -> dict[str, Tensor]:
    if complementary:
        a = p["fusion.share"]
        return {names[0]: a, names[1]: 1 - a}
    return {m: p[f"fusion.scales.{m}.value"] for m in names}


def predict(
    p: Params, plan: Plan, features: Mapping[str, Tensor], present: Present, training: bool
) -> Tensor:
    """y_c, and with `learnable` the weighted sum of the branches."""
    if plan.approach == "concat":
        return joint_head(p, "fusion", features, present, training)
    if plan.approach == "hybrid":
        return joint_head(p, "fusion.fusion", features, present, training)
    a = scalars(p, list(features), plan.complementary)
    terms = []
    for m, f in features.items():
        x = a[m] * silenced(f, present.get(m))
        said = a[m] * branch_head(p, f"fusion.heads.{m}", x, training)
        terms.append(silenced(said, present.get(m)))
    return sum(terms[1:], terms[0])


def mean(task: Task, logits: Tensor, target: Tensor, there: Sequence[bool]) -> Tensor:
    rows = [task.loss_of(logits[i], target[i]) for i in range(len(target)) if there[i]]
    return sum(rows, torch.zeros((), dtype=logits.dtype)) / max(1, len(rows))


def loss(p: Params, plan: Plan, task: Task, features: Mapping[str, Tensor], s: Sample) -> Tensor:
    everyone = [True] * len(s.target)
    z = predict(p, plan, features, s.present, training=True)
    total = mean(task, z, s.target, everyone)
    if plan.approach != "hybrid":
        return total
    total = plan.weights.get("fused", 1.0) * total
    for m, f in features.items():
        x = silenced(f, s.present.get(m))
        alone = branch_head(p, f"fusion.heads.{m}", x, training=True)
        own = mean(task, alone, s.target, s.present.get(m, everyone))
        total = total + plan.weights.get(m, 1.0) * own
    return total


def train(
    task: Task,
    plan: Plan,
    student: Mapping[str, Tensor],
    trainable: Sequence[str],
    names: Sequence[str],
    samples: Sequence[Sample],
    optimizer: SGD,
) -> list[tuple[float, Params]]:
    """Loss and parameters after every step.

    Args:
        student: All parameters and buffers: encoders under `encoders.<m>`, the rest under
            `fusion`.
        trainable: Which of them are parameters.
    """
    params: Params = {key: value.double() for key, value in student.items()}
    history = []
    for sample in samples:
        leaves = {key: params[key].detach().requires_grad_() for key in trainable}
        p = {**params, **leaves}
        features = {
            m: encode(p, f"encoders.{m}", sample.inputs[m].double(), training=True) for m in names
        }
        total = loss(p, plan, task, features, sample)
        found = torch.autograd.grad(total, list(leaves.values()))
        gradients = dict(zip(leaves, found, strict=True))
        optimizer.step(params, gradients, dict.fromkeys(trainable, 1.0))
        history.append((total.item(), {key: params[key] for key in trainable}))
    return history
