"""What holds for every method of the catalog; a new line there is tested here without more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import g2d
from g2d.data.loader import make_loader
from g2d.engine.epoch import train_epoch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings
from g2d.methods.smp import can_prioritize
from g2d.recipes.build import build_splits
from g2d.recipes.catalog import FUSIONS, METHODS
from g2d.recipes.components import locate
from g2d.runs.run import Run
from g2d.runs.train import train
from host_reads import Reads
from methods.catalogued import (
    EPOCHS,
    MODALITIES,
    OPTIMIZERS,
    TRAINED,
    fitted,
    method_of,
    plan,
    recipe,
    splits,
    state,
)

DOCS = Path(__file__).parents[2] / "docs" / "methods"

# Methods that are no variation of joint training, and so cannot be switched off: why.
NO_OFF: dict[str, str] = {
    "joint": "it is what the others are compared with",
    "mmcosine": "its classifier of cosines is no linear one",
    "di_mml": "no loss ever joins its encoders",
    "aug": "each modality takes steps of its own through classifiers that it brings",
    "mla": "each modality takes steps of its own through one head",
    "reconboost": "it trains in phases, through one head",
}
# Methods in which the order of the modalities has a meaning: why.
ORDERED: dict[str, str] = {
    "aug": "they take their steps one after the other",
    "mla": "they take their steps one after the other",
    "reconboost": "their stages come one after the other",
}

every_method = pytest.mark.parametrize("name", TRAINED)


def class_of(name: str) -> type[g2d.Method]:
    found = locate(METHODS[name].path, {}, "method")
    assert isinstance(found, type)
    return found


def mid_training(name: str, k: int = 2, **changes: Any) -> tuple[Any, g2d.MultimodalModel, Any]:
    """A method told of its loop, its model, and the training batches."""
    made = recipe(name, k, **changes)
    data = splits(k)
    settings = TrainingSettings(**made.training)
    fabric = settings.make_fabric()
    method = method_of(made, data.spec.task)
    model = method.student.net
    optimizer = settings.make_optimizer(method.parameter_groups())
    batches = list(make_loader(data.train, 16, shuffle=False))

    def iter_train(fraction: float, seed: int) -> Any:
        return batches[: max(1, round(fraction * len(batches)))]

    setup = fabric.setup(model, optimizer)
    method.on_fit_start(FabricLoop(fabric, *setup, epochs=EPOCHS, iter_train=iter_train))
    return method, model.train(), batches


# --- 1. switched off, a method is joint training -------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_switched_off_it_is_joint_training_bit_for_bit(name: str, k: int, optimizer: str) -> None:
    if "off" not in class_of(name).presets:
        pytest.skip(f"no variation of joint training: {NO_OFF[name]}")
    joint = state(fitted(recipe("joint", k, optimizer=optimizer), splits(k)))
    off = state(fitted(recipe(name, k, {"preset": "off"}, optimizer=optimizer), splits(k)))
    # With heads beside it, the fusion itself is one level further in.
    found = {key.replace("fusion.fusion.", "fusion."): value for key, value in off.items()}
    for key, value in joint.items():
        assert torch.equal(found[key], value), key


@every_method
def test_switched_on_it_is_not_joint_training(name: str) -> None:
    """Or the test above would say nothing."""
    if name == "joint":
        return
    joint = state(fitted(recipe("joint", 2), splits(2)))
    on = state(fitted(recipe(name, 2), splits(2)))
    encoders = [key for key in joint if key.startswith("encoders.")]
    assert any(not torch.equal(on[key], joint[key]) for key in encoders)


# --- 2. a run that is stopped and taken up again --------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_it_ends_in_the_same_weights(
    name: str, k: int, optimizer: str, tmp_path: Path
) -> None:
    made = recipe(name, k, optimizer=optimizer)
    whole = state(fitted(made, splits(k), tmp_path / "whole"))
    for stop in range(1, EPOCHS):
        fitted(made, splits(k), tmp_path / "parts", stop_after=stop)
    parts = state(fitted(made, splits(k), tmp_path / "parts"))
    assert whole.keys() == parts.keys()
    for key, value in whole.items():
        assert torch.equal(parts[key], value), key


# --- 3. names and order ---------------------------------------------------------------------------


def train_in_order(name: str, k: int, order: list[int]) -> tuple[list[float], dict[str, Any]]:
    """Losses of a few steps and the encoders' weights, the modalities declared in some order."""
    names = [splits(k).spec.modalities[place] for place in order]
    made = recipe(name, k, dropout=0.0)
    made.encoders.update({n: made.encoders.pop(n) for n in names})
    task = splits(k).spec.task
    straight = method_of(recipe(name, k, dropout=0.0), task).student.net.state_dict()
    method = method_of(made, task)
    model = method.student.net
    model.load_state_dict(straight)
    if (bank := getattr(method, "teachers", None)) is not None:
        ordered = method_of(recipe(name, k, dropout=0.0), task).teachers
        for n, teacher in bank.models.items():
            teacher.load_state_dict(ordered.models[n].state_dict())
    confidence = {n: 0.9 - 0.2 * splits(k).spec.modalities.index(n) for n in names}
    if getattr(method, "_confidence", None):
        method._confidence = confidence
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.05, momentum=0.9)
    batches = [
        g2d.Batch({n: b.inputs[n] for n in names}, b.target, b.index)
        for b in make_loader(splits(k).train, 24, shuffle=False)
    ]
    method.on_fit_start(
        g2d.Loop(optimizer, epochs=EPOCHS, iter_train=lambda fraction, seed: batches)
    )
    losses = []
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        losses += [float(method.step(batch)) for batch in batches]
        accuracy = {n: 0.3 + 0.1 * (len(n) * (epoch + 1) % 5) for n in ("fused", *names)}
        loss = {n: 1.5 - value for n, value in accuracy.items()}
        method.on_validation_end({"accuracy": accuracy, "confidence": accuracy, "loss": loss})
    return losses, {n: model.encoders[n].state_dict() for n in names}


@every_method
@pytest.mark.parametrize("k", MODALITIES)
def test_the_order_of_declaration_does_not_matter(name: str, k: int) -> None:
    if name in ORDERED:
        pytest.skip(f"the order has a meaning: {ORDERED[name]}")
    losses, encoders = train_in_order(name, k, list(range(k)))
    again, permuted = train_in_order(name, k, list(range(k))[::-1])
    assert again == pytest.approx(losses, rel=1e-4)
    for modality, weights in encoders.items():
        for key, value in weights.items():
            torch.testing.assert_close(permuted[modality][key], value, rtol=1e-3, atol=1e-5)


# --- 4. what is closed does not move --------------------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_encoder_that_does_not_learn_does_not_move(name: str, k: int, optimizer: str) -> None:
    method, model, batches = mid_training(name, k, optimizer=optimizer)
    closed = False
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        for batch in batches[:2]:
            method.on_step_start(batch)
            active = method.active()
            closed |= active is not None
            before = {n: [p.clone() for p in e.parameters()] for n, e in model.encoders.items()}
            method.step(batch)
            for n, encoder in model.encoders.items():
                if active is not None and n not in active:
                    pairs = zip(encoder.parameters(), before[n], strict=True)
                    assert all(torch.equal(new, old) for new, old in pairs), (n, epoch)
        worse = {n: float(epoch) for n in ("fused", *model.modalities)}
        method.on_validation_end({"loss": worse, "accuracy": worse, "confidence": worse})
    if not closed:
        pytest.skip("it freezes nothing")


# --- 5. no step waits for the device --------------------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
def test_an_epoch_reads_its_loss_once_and_nothing_else(name: str, k: int) -> None:
    method, model, batches = mid_training(name, k, optimizer="sgd")
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        with Reads() as reads:
            train_epoch(method, batches, 1, Silent())
        # MMPareto looks once whether its first loss was scaled
        more = name == "mmpareto" and epoch == 0
        assert reads.seen == {"aten::_local_scalar_dense": 1 + more}, epoch


# --- 6. batches at the edge -----------------------------------------------------------------------


def one_class(batch: g2d.Batch) -> None:
    batch.target = batch.target[:1].repeat(len(batch))


def silent(batch: g2d.Batch) -> None:
    batch.inputs["far"] = torch.zeros_like(batch.inputs["far"])


def nobody(batch: g2d.Batch) -> None:
    batch.present["far"] = torch.zeros(len(batch), dtype=torch.bool)


def some(batch: g2d.Batch) -> None:
    batch.present["far"] = torch.arange(len(batch)) % 2 == 0


EDGES = {
    "one class only": one_class,
    "a modality of zeros": silent,
    "a modality that nobody has": nobody,
    "a modality that some have": some,
}


@every_method
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("k", MODALITIES)
def test_batches_at_the_edge_leave_all_finite(name: str, k: int, edge: str) -> None:
    method, model, batches = mid_training(name, k)
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        for batch in batches[:2]:
            changed = g2d.Batch(dict(batch.inputs), batch.target, batch.index)
            EDGES[edge](changed)
            assert torch.isfinite(method.step(changed))
    assert all(p.isfinite().all() for p in model.parameters())


@every_method
def test_in_bf16_it_learns_what_it_learns_in_float32(name: str) -> None:
    """Under Fabric's own precision, whose module refuses a backward pass that it does not know."""

    def trained(precision: str) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(3)
        method, model, batches = mid_training(name, precision=precision, dropout=0.0)
        begun = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
        for epoch in range(EPOCHS):
            torch.manual_seed(4)
            method.on_epoch_start(epoch)
            method.step(batches[0])
        return begun, torch.nn.utils.parameters_to_vector(model.parameters()).detach()

    begun, whole = trained("32")
    _, half = trained("bf16")
    assert torch.linalg.norm(half - whole) < 0.3 * torch.linalg.norm(whole - begun)


@every_method
@pytest.mark.parametrize("k", MODALITIES)
def test_steps_of_several_batches_train(name: str, k: int) -> None:
    """Gradient accumulation."""
    method, model, batches = mid_training(name, k)
    before = state(model)
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        assert torch.isfinite(method.step(*batches[:3]))
    assert any(not torch.equal(value, before[key]) for key, value in state(model).items())


# --- what the catalog says ------------------------------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
def test_it_does_regression_where_the_catalog_says_so(name: str, k: int) -> None:
    made, data = recipe(name, k), splits(k, regression=True)
    if METHODS[name].regression:
        model = fitted(made, data)
        assert all(p.isfinite().all() for p in model.parameters())
        return
    with pytest.raises(g2d.UserError, match="is defined for"):
        plan(made).check_task(data.spec.task)


@every_method
@pytest.mark.parametrize("fusion", [*FUSIONS, "tokens"])
@pytest.mark.parametrize("k", MODALITIES)
def test_every_fusion_trains_or_is_refused_in_words(name: str, k: int, fusion: Any) -> None:
    allowed = METHODS[name].fusions
    if fusion == "tokens":
        fusion = {"name": "cross_attention", "tokens": "sequence"}
    named = fusion if isinstance(fusion, str) else fusion["name"]
    if allowed not in ("all", "own") and named not in allowed.split(", "):
        with pytest.raises(g2d.UserError, match="fusion"):
            mid_training(name, k, fusion=fusion)
        return
    method, _, batches = mid_training(name, k, fusion=fusion)
    for epoch in range(EPOCHS):
        method.student.net.train()
        method.on_epoch_start(epoch)
        assert torch.isfinite(method.step(batches[0]))


@every_method
def test_teachers_are_asked_for_where_the_catalog_says_so(name: str) -> None:
    assert plan(recipe(name, 2)).needs_teachers == METHODS[name].teachers


@every_method
def test_prioritization_goes_around_every_usual_step(name: str) -> None:
    composed = recipe(f"{name}+smp", 2, {"schedule": [2, 2]}) if name != "g2d" else None
    if composed is None or not can_prioritize(class_of(name)):
        with pytest.raises(g2d.UserError, match=r"by itself|steps of its own"):
            plan(recipe(f"{name}+smp", 2))
        return
    method, model, batches = mid_training(f"{name}+smp", 2)
    method.on_epoch_start(0)
    before = state(model.encoders["near"])
    method.step(batches[0])
    weights = dict(model.encoders["near"].named_parameters())
    assert all(torch.equal(value, before[key]) for key, value in weights.items())


@pytest.mark.parametrize("name", METHODS)
def test_it_has_a_page_that_names_its_options(name: str) -> None:
    page = (DOCS / f"{name}.md").read_text()
    for heading in ("Idea", "Equations", "Options", "Cost", "How sure we are"):
        assert re.search(rf"^## {heading}", page, re.MULTILINE), heading
    if name in TRAINED:
        for option in plan(recipe(name, 2)).options:
            assert f"`{option}`" in page, option


def test_prioritization_has_a_page_that_names_its_options_and_what_it_goes_around() -> None:
    page = (DOCS / "smp.md").read_text()
    wrapped = plan(recipe("joint+smp", 2, {"schedule": [2, 2]})).options
    own = [option for option in wrapped if option not in plan(recipe("joint", 2)).options]
    for option in (*own, "preset"):
        assert f"`{option}`" in page, option
    around, refused = re.search(r"\n(Any method.*?)(Refused.*?)\n\n", page, re.DOTALL).groups()
    usual = {name for name in TRAINED if can_prioritize(class_of(name))}
    assert set(re.findall(r"\[(\w+)\]", around)) == usual
    assert set(re.findall(r"\[(\w+)\]", refused)) == set(METHODS) - usual


# --- from a recipe to a run folder and back -------------------------------------------------------


@every_method
@pytest.mark.parametrize("k", MODALITIES)
def test_a_run_can_be_loaded_and_predicts_what_was_measured(
    name: str, k: int, tmp_path: Path
) -> None:
    made = recipe(name, k)
    folder = train(made, tmp_path)
    model = Run(folder, trust=True).model
    test = build_splits(made).test
    logits = torch.cat([model(batch).logits for batch in make_loader(test, 32, shuffle=False)])
    right = (logits.argmax(dim=1) == test.target).double().mean()
    result = Run(folder).result
    assert result["test"]["accuracy"]["fused"] == pytest.approx(float(right))
    assert result["epochs"] == EPOCHS or name == "mses"  # which may end before
