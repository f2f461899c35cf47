"""A loop that leaves out a hook is told so, and one that does not is left in peace."""

from __future__ import annotations

import logging

import pytest
import torch

import g2d
from integrations.plain import METHODS, data, net, sgd


def loop_of(name, *, epochs=True, adjust=1, steps=4, fit=True):
    """A loop that tells a method of itself and of epochs or not, and asks it for gradients."""
    model = net()
    encoders = {"audio": model.audio_net, "video": model.video_net}
    method = METHODS[name](g2d.attach(model, encoders))
    optimizer = sgd(method)
    if fit:
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


@pytest.mark.parametrize("sharp", [False, True])
def test_a_loop_without_on_fit_start_is_left_in_peace_where_nothing_needs_it(sharp, caplog):
    """Of steps in several parts, and of steps that move the weights once more on their way."""
    model = net()
    method = g2d.MMPareto(model.attached(), g2d.Classification(3))
    optimizer = sgd(method)
    audio, video, target = data()[:16]
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            for part in range(2):
                method.loss(model(audio, video), target).backward()
                if sharp and not part:
                    optimizer.step()
                    optimizer.zero_grad()
            method.adjust_gradients()
            optimizer.step()
            optimizer.zero_grad()
    assert said(caplog) == []


@pytest.mark.parametrize("name", METHODS)
def test_a_whole_loop_is_not_warned(name, caplog):
    with caplog.at_level(logging.WARNING):
        loop_of(name)
    assert said(caplog) == []


@pytest.mark.parametrize("fit", [True, False])
def test_gradients_that_are_not_changed_are_said_once(fit, caplog):
    with caplog.at_level(logging.WARNING):
        loop_of("mmpareto", adjust=0, fit=fit)
    (about,) = said(caplog)
    assert "call method.adjust_gradients() after backward, before optimizer.step()" in about


@pytest.mark.parametrize("fit", [True, False])
@pytest.mark.parametrize("name", ["g2d", "amco", "ogm_ge"])
def test_epochs_that_are_not_told_of_are_said_once(name, fit, caplog):
    with caplog.at_level(logging.WARNING):
        loop_of(name, epochs=False, fit=fit)
    (about,) = said(caplog)
    assert "depends on the epoch and does not know it: call method.on_epoch_start(epoch)" in about


def test_gradients_that_are_changed_by_part_are_said_once(caplog):
    with caplog.at_level(logging.WARNING):
        loop_of("g2d", adjust=2)
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


def stepped(method, model, optimizer, seed=1):
    audio, video, target = data(seed=seed)[:16]
    loss = method.loss(model(audio, video), target)
    loss.backward()
    method.adjust_gradients()
    optimizer.step()
    optimizer.zero_grad()
    return loss


def started(kind, **options):
    model = net()
    method = kind(model.attached(), g2d.Classification(3), **options)
    optimizer = sgd(method)
    method.on_fit_start(g2d.Loop(optimizer, epochs=4))
    method.on_epoch_start(0)
    return model, method, optimizer


def masking(model):
    """OPM that drops all it may, and how many of the audio's features stay."""
    options = {"warmup": 0, "drop_rate": 1.0, "step_rate": 1.0}
    method = g2d.OPM(model.attached(), g2d.Classification(3), **options)
    optimizer = sgd(method)
    method.on_fit_start(g2d.Loop(optimizer, epochs=4))
    method.on_epoch_start(0)
    given = []
    model.head.register_forward_pre_hook(lambda module, args: given.append(args[0]))
    for _ in range(3):
        stepped(method, model, optimizer)
    features = method.student.observe(given[-1].new_zeros(16, 3), torch.zeros(16).long())[0]
    return given[-1], torch.cat(list(features.features.values()), dim=1)


def test_a_model_kept_in_eval_mode_is_said_once_where_features_are_to_change(caplog):
    model = net().eval()
    with caplog.at_level(logging.WARNING):
        given, recorded = masking(model)
    (about,) = said(caplog)
    assert "OPM changes features in train mode alone" in about
    assert "net.train()" in about
    assert torch.equal(given, recorded)


@pytest.mark.parametrize("kept", ["batch norm", "encoders", "all but the head"])
def test_a_model_with_parts_in_eval_mode_is_trained_by_the_method(kept, caplog):
    model = net()
    if kept == "all but the head":
        model.eval().head.train()
    for part in [model.audio_net, model.video_net] if kept == "encoders" else model.modules():
        if kept == "encoders" or (kept == "batch norm" and isinstance(part, torch.nn.BatchNorm1d)):
            part.eval()
    with caplog.at_level(logging.WARNING):
        given, recorded = masking(model)
    assert said(caplog) == []
    assert not torch.equal(given, recorded)


@pytest.mark.parametrize("name", sorted({"ogm_ge", "amco", "mmpareto"} & set(METHODS)))
def test_a_validation_loss_with_a_graph_does_not_reach_the_method(name, caplog):
    weights = []
    for validates in (False, True):
        model = net()
        method = METHODS[name](model.attached())
        optimizer = sgd(method)
        method.on_fit_start(g2d.Loop(optimizer, epochs=4))
        for epoch in range(3):
            model.train()
            method.on_epoch_start(epoch)
            for _ in range(2):
                stepped(method, model, optimizer)
            if validates:
                model.eval()
                audio, video, target = data(seed=9)[:]
                found = method.loss(model(audio, video), target)
                expected = torch.nn.functional.cross_entropy(model(audio, video), target)
                assert torch.equal(found, expected)
        weights.append(model.head[0].weight)
    assert torch.equal(*weights)
    assert said(caplog) == []


def test_training_that_goes_on_in_eval_mode_is_said_once_and_then_the_methods(caplog):
    model, method, optimizer = started(g2d.MMPareto)
    stepped(method, model, optimizer)
    model.eval()
    with caplog.at_level(logging.WARNING):
        losses = [stepped(method, model, optimizer) for _ in range(3)]
    (about,) = [one for one in said(caplog) if "took a loss for one of validation" in one]
    assert "net.train()" in about
    # the method's loss holds those of the two modalities, each about as large
    assert losses[0] < 2 < losses[1]


def test_a_loss_that_is_not_the_methods_is_said_once(caplog):
    for name in ("joint", "mmpareto"):
        model = net()
        method = METHODS[name](model.attached())
        optimizer = sgd(method)
        method.on_fit_start(g2d.Loop(optimizer, epochs=4))
        audio, video, target = data()[:16]
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                torch.nn.functional.cross_entropy(model(audio, video), target).backward()
                method.adjust_gradients()
                optimizer.step()
    (about,) = said(caplog)
    assert "MMPareto was asked to change gradients and not for its loss" in about


@pytest.mark.parametrize("losses", [0, 1])
def test_scores_of_no_loss_are_said_in_a_line(losses):
    model, method, _ = started(g2d.OGM, window=(0, 1))
    audio, video, target = data()[:16]
    model.head(torch.cat([model.audio_net(audio), model.video_net(video)], dim=1)).sum().backward()
    for _ in range(losses):
        method.loss(model(audio, video), target).backward()
        method.adjust_gradients()
    with pytest.raises(g2d.UserError, match="no loss was computed since the last time"):
        method.adjust_gradients()


@pytest.mark.parametrize(
    ("kind", "options", "optimizer", "warned"),
    [
        (g2d.OGM, {}, torch.optim.Adam, True),
        (g2d.OGM, {}, torch.optim.AdamW, True),
        (g2d.OGM, {}, torch.optim.SGD, False),
        (g2d.OGM, g2d.OGM.presets["off"], torch.optim.Adam, False),
        (g2d.MMPareto, {}, torch.optim.Adam, True),
        (g2d.MMPareto, g2d.MMPareto.presets["off"], torch.optim.Adam, False),
        (g2d.AMCo, {}, torch.optim.Adam, False),
    ],
)
def test_an_optimizer_that_divides_the_scale_out_is_said(kind, options, optimizer, warned, caplog):
    method = kind(net().attached(), g2d.Classification(3), **options)
    with caplog.at_level(logging.WARNING):
        method.on_fit_start(g2d.Loop(optimizer(method.parameter_groups(), lr=0.1), epochs=2))
    about = [f"{kind.__name__} scales gradients, and {optimizer.__name__} divides that out again"]
    assert [one.split(":")[0] for one in said(caplog)] == about * warned
