"""A loop on Accelerate ends in the weights of a plain loop, bit for bit."""

from __future__ import annotations

import pytest
from torch.utils.data import DataLoader

import g2d

pytest.importorskip("accelerate")

from accelerate import Accelerator

from g2d.integrations.accelerate import AcceleratedLoop
from integrations.plain import BATCH, EPOCHS, METHODS, data, equal, net, sgd, trained


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", METHODS)
def test_it_ends_in_the_weights_of_a_plain_loop(name, accumulate):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model = net()
    method = METHODS[name](model.attached())
    loader = DataLoader(data(), BATCH // accumulate)
    prepared, optimizer, loader = accelerator.prepare(model, sgd(method), loader)
    loop = AcceleratedLoop(accelerator, optimizer, epochs=EPOCHS)
    method.on_fit_start(loop)
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)
        for audio, video, target in loader:
            with accelerator.accumulate(prepared):
                loop.finish_step(method, method.loss(prepared(audio, video), target))
    equal(model.state_dict(), trained(name, accumulate))


def test_clipping_comes_after_the_methods_gradients():
    """The norm of what is stepped with is the bound, though OGM-GE adds noise before it."""
    accelerator, model = Accelerator(cpu=True), net()
    method = g2d.OGM(model.attached(), g2d.Classification(3), noise=True, window=(0, 1))
    prepared, optimizer = accelerator.prepare(model, sgd(method))
    loop = AcceleratedLoop(accelerator, optimizer, epochs=EPOCHS, clip_norm=1e-3)
    method.on_fit_start(loop)
    method.on_epoch_start(0)
    norms = []
    step = optimizer.optimizer.step

    def stepping(*args, **kwargs):
        parameters = method.student.parameters()
        squares = [p.grad.square().sum() for p in parameters if p.grad is not None]
        norms.append(float(sum(squares) ** 0.5))
        return step(*args, **kwargs)

    optimizer.optimizer.step = stepping
    audio, video, target = data().tensors
    loop.finish_step(method, method.loss(prepared(audio, video), target))
    assert norms == pytest.approx([1e-3], rel=1e-3)
