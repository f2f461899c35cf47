"""G²D once more, written from the equations of the paper alone, sample by sample.

Slow and plain on purpose: loops over samples, every network spelled out over a dictionary of
parameters, double precision. Nothing of the package is used here. Numbers of equations are those
of Rakib and Bagavathi, ICCV 2025 (arXiv 2506.21514).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Params = dict[str, Tensor]
Present = Mapping[str, Sequence[bool]]

# --- the task: Eq. 1, and what stands inside Eq. 3 and Eq. 5 ------------------------------------


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def softmax(row: Tensor) -> Tensor:
    powers = torch.exp(row - row.max().detach())
    return powers / powers.sum()


@dataclass(frozen=True)
class Task:
    """`kind` is classification, multilabel or regression; the scale is that of regression."""

    kind: str
    low: float = 0.0
    high: float = 1.0
    std: float = 1.0

    def loss_of(self, row: Tensor, target: Tensor) -> Tensor:
        if self.kind == "classification":
            return -torch.log(softmax(row)[int(target)])
        if self.kind == "multilabel":
            yes = sigmoid(row)
            return -(target * torch.log(yes) + (1 - target) * torch.log(1 - yes)).mean()
        unit = (float(target) - self.low) / (self.high - self.low)
        return (sigmoid(row[0]) - unit) ** 2

    def divergence_of(self, row: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        if self.kind == "regression":  # a softmax over one output says nothing
            return (sigmoid(row[0]) - sigmoid(teacher[0])) ** 2
        row, teacher = row / temperature, teacher / temperature
        if self.kind == "classification":
            p, q = softmax(teacher), softmax(row)
            return temperature**2 * (p * torch.log(p / q)).sum()
        p, q = sigmoid(teacher), sigmoid(row)
        bits = p * torch.log(p / q) + (1 - p) * torch.log((1 - p) / (1 - q))
        return temperature**2 * bits.mean()

    def confidence_of(self, row: Tensor, target: Tensor) -> float:
        """The addend of Eq. 5, in plain floats."""
        z = [float(value) for value in row]
        if self.kind == "classification":
            return math.exp(z[int(target)]) / sum(math.exp(value) for value in z)
        units = [1 / (1 + math.exp(-value)) for value in z]
        if self.kind == "multilabel":
            right = [p if bool(y) else 1 - p for p, y in zip(units, target, strict=True)]
            return sum(right) / len(right)
        predicted = self.low + units[0] * (self.high - self.low)
        return math.exp(-abs(predicted - float(target)) / self.std)


# --- the networks: a vector goes through linear layers, a picture through a convolution ---------


def batch_norm(p: Mapping[str, Tensor], key: str, x: Tensor, training: bool) -> Tensor:
    """Over all dimensions but the channels, with the biased variance of the batch."""
    others = [d for d in range(x.ndim) if d != 1]
    shape = [1, -1] + [1] * (x.ndim - 2)
    if training:
        mean = x.mean(dim=others)
        variance = ((x - mean.reshape(shape)) ** 2).mean(dim=others)
    else:
        mean, variance = p[f"{key}.running_mean"], p[f"{key}.running_var"]
    x = (x - mean.reshape(shape)) / torch.sqrt(variance.reshape(shape) + 1e-5)
    return x * p[f"{key}.weight"].reshape(shape) + p[f"{key}.bias"].reshape(shape)


def encode(p: Mapping[str, Tensor], prefix: str, x: Tensor, training: bool) -> Tensor:
    """Linear or convolution, batch norm, tanh, linear."""
    weight, bias = p[f"{prefix}.0.weight"], p[f"{prefix}.0.bias"]
    picture = weight.ndim == 4
    x = torch.nn.functional.conv2d(x, weight, bias) if picture else x @ weight.T + bias
    x = torch.tanh(batch_norm(p, f"{prefix}.1", x, training)).flatten(1)
    return x @ p[f"{prefix}.4.weight"].T + p[f"{prefix}.4.bias"]


def late(p: Params, features: Mapping[str, Tensor], present: Present, size: int) -> Tensor:
    """The mean of the heads of the modalities that are there, sample by sample."""
    rows = []
    for i in range(size):
        said = [
            p[f"fusion.heads.{m}.weight"] @ f[i] + p[f"fusion.heads.{m}.bias"]
            for m, f in features.items()
            if m not in present or present[m][i]
        ]
        rows.append(sum(said) / len(said))
    return torch.stack(rows)


# --- the loss, Eq. 1-4 ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """Features and logits of a teacher."""

    features: Tensor
    logits: Tensor


@dataclass(frozen=True)
class Weights:
    alpha: float = 0.0
    beta: float = 0.0
    temperature: float = 1.0
    reduction: str = "sum"
    gamma: float = 0.0
    target: str = "fused"


def g2d_loss(
    task: Task,
    weights: Weights,
    logits: Tensor,
    features: Mapping[str, Tensor],
    teachers: Mapping[str, Said],
    target: Tensor,
    present: Present | None = None,
    unimodal: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """L_S + α Σ_m L_feat^m + β Σ_m L_logit^m, Eq. 4, and γ Σ_m of the branches' own losses.

    The target of distillation may be another than that of Eq. 3: `branch` compares each modality's
    own logits with its teacher's, `ensemble` the fused ones with the mean of the teachers'.
    """
    size = len(target)
    loss = sum(task.loss_of(logits[i], target[i]) for i in range(size)) / size
    if weights.beta and weights.target == "ensemble":
        far, count = torch.zeros(()), 0
        for i in range(size):
            rows = [
                said.logits[i]
                for m, said in teachers.items()
                if m not in (present or {}) or (present or {})[m][i]
            ]
            if rows:
                mean = sum(rows[1:], rows[0]) / len(rows)
                far, count = (
                    far + task.divergence_of(logits[i], mean, weights.temperature),
                    count + 1,
                )
        loss = loss + weights.beta * far / max(count, 1)
    for name, said in teachers.items():
        mask = (present or {}).get(name, [True] * size)
        there = [i for i in range(size) if mask[i]]
        if not there:
            continue
        near, far, own = torch.zeros(()), torch.zeros(()), torch.zeros(())
        for i in there:
            squares = (features[name][i] - said.features[i]) ** 2
            near = near + (squares.sum() if weights.reduction == "sum" else squares.mean())
            if weights.target == "fused":
                far = far + task.divergence_of(logits[i], said.logits[i], weights.temperature)
            if weights.target == "branch":
                row = (unimodal or {})[name][i]
                far = far + task.divergence_of(row, said.logits[i], weights.temperature)
            if weights.gamma:
                own = own + task.loss_of((unimodal or {})[name][i], target[i])
        loss = loss + (weights.alpha * near + weights.beta * far + weights.gamma * own) / len(there)
    return loss


# --- the order, Eq. 5-7 --------------------------------------------------------------------------


def confidence(
    task: Task, logits: Tensor, target: Tensor, present: Sequence[bool] | None = None
) -> float:
    """ρ, Eq. 5: over the samples that have the modality; infinite where none has."""
    there = [i for i in range(len(target)) if present is None or present[i]]
    if not there:
        return math.inf
    return sum(task.confidence_of(logits[i], target[i]) for i in there) / len(there)


def ranking(rho: Mapping[str, float]) -> list[str]:
    """π: again and again the least confident of the rest, the first declared where equal."""
    rest, order = list(rho), []
    while rest:
        weakest = rest[0]
        for name in rest[1:]:
            if rho[name] < rho[weakest]:
                weakest = name
        order.append(weakest)
        rest.remove(weakest)
    return order


def active_set(epoch: int, tau: Sequence[int], order: Sequence[str]) -> set[str]:
    """M, Eq. 6 read line by line; epochs count from 1, the last case has no end."""
    for j in range(1, len(order)):
        if sum(tau[: j - 1]) < epoch <= sum(tau[:j]):
            return {order[j - 1]}
    return set(order)


def partial_kappa(rho: Mapping[str, float], name: str) -> float:
    """1 - tanh(r) where the modality's score is r > 1 times the mean of the others'."""
    others = [value for key, value in rho.items() if key != name]
    ratio = rho[name] / (sum(others) / len(others))
    return 1 - math.tanh(ratio) if ratio > 1 else 1.0


# --- the update, Eq. 8 ---------------------------------------------------------------------------


@dataclass
class SGD:
    """θ ← θ - η v, v ← μ v + κ g + λ θ; where κ = 0 nothing moves, the momentum neither."""

    rate: float
    momentum: float
    decay: float
    velocity: Params = field(default_factory=dict)

    def step(self, params: Params, gradients: Params, kappa: Mapping[str, float]) -> None:
        for key, gradient in gradients.items():
            if kappa[key] == 0:
                continue
            push = kappa[key] * gradient + self.decay * params[key]
            if key in self.velocity:
                push = push + self.momentum * self.velocity[key]
            self.velocity[key] = push
            params[key] = params[key] - self.rate * push


@dataclass
class Sample:
    """One training step's data: a batch, in the epoch it belongs to (from 1 on)."""

    epoch: int
    inputs: Mapping[str, Tensor]
    target: Tensor
    present: Present


@dataclass
class Plan:
    """How to train: `tau` is empty without prioritization, `fixed` is ρ measured beforehand."""

    weights: Weights
    tau: Sequence[int] = ()
    fixed: Mapping[str, float] | None = None
    suppression: str = "complete"
    scope: str = "encoder"


def train(
    task: Task,
    plan: Plan,
    student: Mapping[str, Tensor],
    trainable: Sequence[str],
    teachers: Mapping[str, Mapping[str, Tensor]],
    samples: Sequence[Sample],
    optimizer: SGD,
) -> list[tuple[float, set[str], Params]]:
    """Algorithm 1: the loss, the active set and the parameters after every step.

    Args:
        student: All its parameters and buffers; encoders under `encoders.<m>`, heads under
            `fusion.heads.<m>`.
        trainable: Which of them are parameters.
        teachers: For each modality the same, under `encoder` and `head`.
    """
    params: Params = {key: value.double() for key, value in student.items()}
    history = []
    for sample in samples:
        size = len(sample.target)
        said = {}
        for m, weights in teachers.items():
            p = {key: value.double() for key, value in weights.items()}
            feature = encode(p, "encoder", sample.inputs[m].double(), training=False)
            said[m] = Said(feature, feature @ p["head.weight"].T + p["head.bias"])
        leaves = {key: params[key].detach().requires_grad_() for key in trainable}
        p = {**params, **leaves}
        features = {
            m: encode(p, f"encoders.{m}", sample.inputs[m].double(), training=True)
            for m in teachers
        }
        logits = late(p, features, sample.present, size)
        alone = {
            m: f @ p[f"fusion.heads.{m}.weight"].T + p[f"fusion.heads.{m}.bias"]
            for m, f in features.items()
        }
        loss = g2d_loss(
            task, plan.weights, logits, features, said, sample.target, sample.present, alone
        )
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        gradients = {
            key: torch.zeros_like(leaves[key]) if value is None else value
            for key, value in zip(leaves, found, strict=True)
        }
        rho = plan.fixed or {
            m: confidence(task, said[m].logits, sample.target, sample.present.get(m)) for m in said
        }
        modal = dict.fromkeys(teachers, 1.0)
        active = set(teachers)
        if plan.tau:
            active = active_set(sample.epoch, plan.tau, ranking(rho))
            leads = active != set(teachers)
            if plan.suppression == "partial":
                modal = {m: partial_kappa(rho, m) if leads else 1.0 for m in teachers}
            else:
                modal = {m: 1.0 if m in active else 0.0 for m in teachers}
        kappa = dict.fromkeys(trainable, 1.0)
        for m, value in modal.items():
            for key in trainable:
                own = key.startswith(f"encoders.{m}.") or (
                    plan.scope == "branch" and key.startswith(f"fusion.heads.{m}.")
                )
                if own:
                    kappa[key] = value
        optimizer.step(params, gradients, kappa)
        history.append((loss.item(), active, {key: params[key] for key in trainable}))
    return history
