"""A loop that leaves out a hook is told so, and one that does not is left in peace."""

from __future__ import annotations

import logging

import pytest
import torch

import g2d
from integrations.plain import METHODS, data, net, sgd


def loop_of(name, *, epochs=True, adjust=1, steps=4):
    """A loop that tells a method of epochs or not, and asks it so often to change gradients."""
    model = net()
    encoders = {"audio": model.audio_net, "video": model.video_net}
    method = METHODS[name](g2d.attach(model, encoders))
    optimizer = sgd(method)
    method.on_fit_start(g2d.Loop(optimizer, epochs=4))
    audio, video, target = data()[:16]
    if epochs:
        method.on_epoch_start(0)
    for _ in range(steps):
        optimizer.zero_grad()
        method.loss(model(audio, video), target).backward()
        for _ in range(adjust):
            method.adjust_gradients()
        optimizer.step()


def said(caplog):
    return [one.getMessage() for one in caplog.records if one.name == "g2d.methods.calls"]


@pytest.mark.parametrize("name", METHODS)
def test_a_whole_loop_is_not_warned(name, caplog):
    with caplog.at_level(logging.WARNING):
        loop_of(name)
    assert said(caplog) == []


@pytest.mark.parametrize("name", sorted({"mmpareto", "ogm"} & set(METHODS)))
def test_gradients_that_are_not_changed_are_said_once(name, caplog):
    with caplog.at_level(logging.WARNING):
        loop_of(name, adjust=0)
    (about,) = said(caplog)
    assert "call method.adjust_gradients() after backward, before optimizer.step()" in about


@pytest.mark.parametrize("name", sorted({"g2d", "amco"} & set(METHODS)))
def test_epochs_that_are_not_told_of_are_said_once(name, caplog):
    with caplog.at_level(logging.WARNING):
        loop_of(name, epochs=False)
    (about,) = said(caplog)
    assert "acts by epochs and was not told of one: call method.on_epoch_start(epoch)" in about


def test_gradients_that_are_changed_by_part_are_said_once(caplog):
    with caplog.at_level(logging.WARNING):
        loop_of("ogm" if "ogm" in METHODS else "g2d", adjust=2)
    (about,) = said(caplog)
    assert "once for each optimizer step, not for each part of it" in about


def test_a_step_that_a_scaler_leaves_out_is_no_fault(caplog):
    """Adjusted, not taken, cleared, and adjusted again."""
    model = net()
    method = g2d.OGM(model.attached(), g2d.Classification(3), window=(0, 9))
    optimizer = sgd(method)
    method.on_fit_start(g2d.Loop(optimizer, epochs=4))
    method.on_epoch_start(0)
    audio, video, target = data()[:16]
    with caplog.at_level(logging.WARNING):
        for step in range(6):
            method.loss(model(audio, video), target).backward()
            method.adjust_gradients()
            if step % 2:
                optimizer.step()
            optimizer.zero_grad()
    assert said(caplog) == []
    assert all(torch.isfinite(p).all() for p in model.parameters())
