"""Trains a late-fusion model with a method and by a reference's equations, and compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import g2d
from methods.small import NAMES, TASKS, batch, sgd, student
from reference.g2d import SGD, Params, encode

SIZE, BATCHES = 8, 2


@dataclass
class Seen:
    """A batch in the terms of a reference; what is absent is zero."""

    inputs: Mapping[str, Tensor]
    target: Sequence[int]
    rows: Sequence[int]
    present: Mapping[str, Sequence[bool]]

    def has(self, modality: str, sample: int) -> bool:
        return modality not in self.present or self.present[modality][sample]

    def features(self, p: Params, training: bool) -> dict[str, Tensor]:
        return {m: encode(p, f"encoders.{m}", x, training) for m, x in self.inputs.items()}


LossOf = Callable[[Params, Mapping[str, Tensor], Seen], Tensor]
Before = Callable[[int, Params, Sequence[Seen]], None]


def seen(data: g2d.Batch) -> Seen:
    inputs = {m: data.input_of(m).double() for m in data.inputs}
    present = {m: mask.tolist() for m, mask in data.present.items()}
    return Seen(inputs, data.target.tolist(), data.index.tolist(), present)


def batches(k: int, missing: bool = False) -> list[g2d.Batch]:
    """A small training set, each sample with a row of its own."""
    task = TASKS["classification"]
    found = []
    for s in range(BATCHES):
        data = batch(NAMES[:k], task, size=SIZE, seed=s, missing=missing)
        rows = SIZE * s + torch.arange(SIZE)
        found.append(g2d.Batch(data.inputs, data.target, rows, data.present))
    return found


def late(k: int) -> g2d.MultimodalModel:
    """A model for those batches."""
    return student(NAMES[:k], TASKS["classification"].outputs)


def begin(method: g2d.Method, data: Sequence[g2d.Batch], epochs: int) -> g2d.MultimodalModel:
    """Tells the method of its loop; its model."""
    model: g2d.MultimodalModel = method.student.net
    method.on_fit_start(g2d.Loop(sgd(model), epochs=epochs, iter_train=lambda fraction, seed: data))
    return model


def follow(
    method: g2d.Method,
    loss_of: LossOf,
    missing: bool = False,
    epochs: int = 3,
    before: Before = lambda epoch, params, data: None,
    after: Callable[[int], None] = lambda epoch: None,
) -> None:
    """Losses and weights after every step are those of the equations.

    Args:
        method: Of a model of `late`; told of its loop here.
        loss_of: The reference's loss from parameters, training features and a batch.
        before: What the reference does before an epoch; it may change the parameters.
        after: What the method is told after an epoch.
    """
    data = batches(len(method.student.modalities), missing)
    model = begin(method, data, epochs)
    params: Params = {key: value.double() for key, value in model.state_dict().items()}
    trainable = [key for key, _ in model.named_parameters()]
    optimizer = SGD(rate=0.05, momentum=0.9, decay=0.02)
    for epoch in range(epochs):
        params |= {key: value.double() for key, value in model.named_buffers()}
        before(epoch, params, [seen(each) for each in data])
        model.train()
        method.on_epoch_start(epoch)
        for each in data:
            loss = method.step(each)
            leaves = {key: params[key].detach().requires_grad_() for key in trainable}
            p, said = {**params, **leaves}, seen(each)
            expected = loss_of(p, said.features(p, training=True), said)
            gradients = torch.autograd.grad(expected, list(leaves.values()), allow_unused=True)
            filled = {
                key: torch.zeros_like(leaves[key]) if value is None else value
                for key, value in zip(leaves, gradients, strict=True)
            }
            optimizer.step(params, filled, dict.fromkeys(filled, 1.0))
            torch.testing.assert_close(loss.double(), expected.detach(), rtol=1e-4, atol=1e-5)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=1e-3, atol=1e-5
                )
        after(epoch)


def in_one_and_in_halves(
    make: Callable[[g2d.MultimodalModel], g2d.Method], steps: int = 3
) -> tuple[g2d.Method, g2d.Method]:
    """Two methods after the same steps: of one batch each, and of its halves.

    The model has no batch norm, so that a half is no other batch than a part of the whole.
    """
    whole = batch(NAMES[:2], TASKS["classification"], size=8)
    halves = [
        g2d.Batch({n: x[rows] for n, x in whole.inputs.items()}, whole.target[rows], whole.index)
        for rows in (slice(0, 4), slice(4, 8))
    ]

    def trained(parts: Sequence[g2d.Batch]) -> g2d.Method:
        torch.manual_seed(1)
        encoders = {
            name: nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 4))
            for name, x in whole.inputs.items()
        }
        method = make(g2d.MultimodalModel(encoders, g2d.LateFusion(dict.fromkeys(encoders, 4), 4)))
        begin(method, parts, epochs=1)
        method.on_epoch_start(0)
        for _ in range(steps):
            method.step(*parts)
        return method

    return trained([whole]), trained(halves)
