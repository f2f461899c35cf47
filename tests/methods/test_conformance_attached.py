"""What holds for every method of the catalog on a model of anybody's, in a loop of anybody's."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import pytest
import torch

import g2d
from g2d.engine.settings import TrainingSettings
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from g2d.recipes.catalog import METHODS
from methods.attached import TASK, Deep, Late, OwnLoop, ask, made, plain
from methods.catalogued import (
    EPOCHS,
    MODALITIES,
    OPTIMIZERS,
    TRAINED,
    fitted,
    method_of,
    recipe,
    splits,
    state,
    student,
)
from methods.test_conformance import NO_OFF, class_of

# Methods that bring a head of their own, and refuse a model that has no place for it.
OWN_HEAD = ("aug", "di_mml", "greedy", "mis_me", "mla", "mmcosine", "reconboost")
ATTACHED = [name for name in TRAINED if name not in OWN_HEAD]
# Methods that mean something else by an absent modality in a model that they do not know: why.
ABSENCE: dict[str, str] = {
    "cml": "late fusion is over those that are there; in another model the feature is zero",
    "smv": "late fusion is over those that are there; in another model the feature is zero",
}
# Methods whose arithmetic is another in a model that they do not know, the numbers being the same.
ROUNDING = ("agm",)

every_method = pytest.mark.parametrize("name", ATTACHED)
both_kinds = pytest.mark.parametrize("kind", [Late, Deep])


def own_loop(name: str, k: int, kind: Any = Deep, **changes: Any) -> OwnLoop:
    options = changes.pop("options", None)
    how = recipe(name, k, options, **changes)
    net = plain(kind, k, changes.get("dropout", 0.1))
    return OwnLoop(made(name, net.attached(), how), how, k)


# --- equal to the recipe's model ------------------------------------------------------------------


def like(model: g2d.MultimodalModel, net: Late, attached: g2d.Student) -> None:
    """Gives the plain module the first weights of the recipe's model."""
    fusion = model.fusion.fusion if isinstance(model.fusion, UnimodalHeads) else model.fusion
    for name in net.names:
        net.part(name, "net").load_state_dict(model.encoders[name].state_dict())
        net.part(name, "head").load_state_dict(fusion.heads[name].state_dict())
    if attached.added_heads is not None:
        heads = model.fusion.heads.state_dict()
        attached.load_state_dict({"heads": heads, "widths": dict.fromkeys(net.names, 8)})


@every_method
@pytest.mark.parametrize("k", MODALITIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_ends_in_the_weights_of_the_recipes_model(name: str, k: int, optimizer: str) -> None:
    if name in ABSENCE:
        pytest.skip(ABSENCE[name])
    if name in ROUNDING and optimizer == "adamw":
        pytest.skip("a bias before batch norm has a gradient of rounding, which Adam scales up")
    how = recipe(name, k, optimizer=optimizer)
    first = student(how, TASK)
    method_of(how, TASK, first)
    torch.manual_seed(how.seed)
    net = plain(Late, k)
    attached = net.attached()
    method = made(name, attached, how)
    like(first, net, attached)
    OwnLoop(method, how, k).run()
    model = fitted(how, splits(k))
    close = {"rtol": 1e-4, "atol": 1e-6} if name in ROUNDING else {"rtol": 0, "atol": 0}
    for modality in net.names:
        torch.testing.assert_close(
            net.part(modality, "net").state_dict(), model.encoders[modality].state_dict(), **close
        )


@pytest.mark.parametrize("name", OWN_HEAD)
def test_a_method_with_a_head_of_its_own_says_what_to_build(name: str) -> None:
    how = recipe(name, 2)
    with pytest.raises(g2d.UserError, match=r"g2d.MultimodalModel\(encoders, fusion\)"):
        made(name, plain(Deep, 2).attached(), how)


# --- switched off, plain training -----------------------------------------------------------------


def bare(kind: Any, k: int, optimizer: str) -> dict[str, torch.Tensor]:
    """The same training without anything of g2d."""
    how, net = recipe("joint", k, optimizer=optimizer), plain(kind, k)
    settings = TrainingSettings(**how.training)
    stepper = settings.make_optimizer(net.parameters())
    scheduler = settings.make_scheduler(stepper)
    loop = OwnLoop(g2d.JointTraining(plain(kind, k).attached(), TASK), how, k)
    for epoch in range(EPOCHS):
        net.train()
        for batch in loop.batches(epoch):
            torch.nn.functional.cross_entropy(ask(net, batch), batch.target).backward()
            stepper.step()
            stepper.zero_grad()
        scheduler.step()
    return state(net)


@every_method
@both_kinds
@pytest.mark.parametrize("k", MODALITIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_switched_off_it_is_plain_training_bit_for_bit(
    name: str, kind: Any, k: int, optimizer: str
) -> None:
    if name != "joint" and "off" not in class_of(name).presets:
        pytest.skip(f"no variation of joint training: {NO_OFF[name]}")
    options = {"preset": "off"} if name != "joint" else None
    loop = own_loop(name, k, kind, options=options, optimizer=optimizer)
    loop.run()
    expected = bare(kind, k, optimizer)
    assert list(loop.net.state_dict()) == list(expected)
    for key, value in loop.net.state_dict().items():
        assert torch.equal(value, expected[key]), key


# --- a run that is stopped and resumed ------------------------------------------------------------


@every_method
@both_kinds
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_it_ends_in_the_same_weights(name: str, kind: Any, optimizer: str) -> None:
    whole = own_loop(name, 2, kind, optimizer=optimizer)
    whole.run()
    loop = own_loop(name, 2, kind, optimizer=optimizer)
    for epoch in range(EPOCHS):
        loop.run(epoch, epoch + 1)
        file = io.BytesIO()
        torch.save(loop.state(), file)
        file.seek(0)
        loop = own_loop(name, 2, kind, optimizer=optimizer)
        torch.manual_seed(99)
        loop.load(torch.load(file, weights_only=True))
    for key, value in whole.net.state_dict().items():
        assert torch.equal(loop.net.state_dict()[key], value), key


# --- order ----------------------------------------------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
def test_the_order_of_declaration_does_not_matter(name: str, k: int) -> None:
    how, found = recipe(name, k, dropout=0.0), []
    for turned in (False, True):
        net = plain(Deep, k, 0.0)
        parts = {n: net.part(n, "net") for n in (net.names[::-1] if turned else net.names)}
        loop = OwnLoop(made(name, g2d.attach(net, parts), how), how, k)
        loop.run()
        found.append(state(net))
    for key, value in found[0].items():
        torch.testing.assert_close(found[1][key], value, rtol=1e-3, atol=1e-5)


# --- what is frozen does not move -----------------------------------------------------------------


@every_method
@both_kinds
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_frozen_encoder_does_not_move(name: str, kind: Any, optimizer: str) -> None:
    loop = own_loop(name, 2, kind, optimizer=optimizer)
    frozen = False
    for epoch in range(EPOCHS):
        loop.net.train()
        loop.method.on_epoch_start(epoch)
        active = loop.method.active()
        for batch in loop.batches(epoch):
            before = {n: state(loop.net.part(n, "net")) for n in loop.net.names}
            loop.method.loss(ask(loop.net, batch), batch.target, index=batch.index).backward()
            loop.method.adjust_gradients()
            loop.optimizer.step()
            loop.optimizer.zero_grad()
            for n in loop.net.names:
                if active is not None and n not in active:
                    frozen = True
                    for key, value in loop.net.part(n, "net").named_parameters():
                        assert torch.equal(value, before[n][key]), (n, key)
        worse = {n: float(epoch) for n in ("fused", *loop.net.names)}
        loop.method.on_validation_end({"loss": worse, "accuracy": worse, "confidence": worse})
    if not frozen:
        pytest.skip("it freezes nothing")


def test_ranked_by_batch_a_loop_that_tells_nothing_trains_the_same_weights() -> None:
    """The engine tells the batches of a step before the forward pass; a loop of one's own not."""
    how = recipe("g2d", 2, {"rank_by": "train_batch", "schedule": [3, 1]})
    net = plain(Late, 2)
    attached = net.attached()
    method = made("g2d", attached, how)
    method._confidence = None
    like(student(how, TASK), net, attached)
    OwnLoop(method, how, 2).run()
    model = student(how, TASK)
    engine = method_of(how, TASK, model)
    engine._confidence = None
    loop = OwnLoop(g2d.JointTraining(plain(Late, 2).attached(), TASK), how, 2)
    optimizer = TrainingSettings(**how.training).make_optimizer(engine.parameter_groups())
    scheduler = TrainingSettings(**how.training).make_scheduler(optimizer)
    engine.on_fit_start(g2d.Loop(optimizer, epochs=EPOCHS))
    torch.manual_seed(how.seed)
    for epoch in range(EPOCHS):
        model.train()
        engine.on_epoch_start(epoch)
        for batch in loop.batches(epoch):
            engine.step(batch)
        engine.student.train_only(None)
        scheduler.step()
    for name in net.names:
        for key, value in model.encoders[name].state_dict().items():
            assert torch.equal(net.part(name, "net").state_dict()[key], value), (name, key)


def test_every_method_is_here() -> None:
    assert set(ATTACHED) | set(OWN_HEAD) | {"ume"} == set(METHODS)


class Looking(OwnLoop):
    """Asks for losses of validation batches after every step's gradients."""

    def look(self, adjust: Any) -> None:
        adjust()
        self.net.eval()
        with torch.no_grad():
            for batch in self.batches(0):
                self.method.loss(ask(self.net, batch), batch.target, index=batch.index)
        self.net.train()


@every_method
def test_an_evaluation_leaves_no_trace(name: str) -> None:
    expected = own_loop(name, 2, Deep)
    expected.run()
    how = recipe(name, 2)
    loop = Looking(made(name, plain(Deep, 2).attached(), how), how, 2)
    loop.method.adjust_gradients = partial(  # type: ignore[method-assign]
        loop.look, loop.method.adjust_gradients
    )
    loop.run()
    for key, value in state(expected.net).items():
        assert torch.equal(loop.net.state_dict()[key], value), key
