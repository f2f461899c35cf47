"""Compiled training steps: one graph a stage, and whatever is no training step is as it was."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import nn

import g2d
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, compiled, fit
from g2d.engine.compiled import Compiled
from g2d.models.encoders import (
    MLP,
    AGMTransformer,
    MobileNetV2,
    ResNet18,
    SmallCNN,
    TabularNet,
    Transformer,
)
from g2d.recipes.experiment import resolve
from g2d.recipes.recipe import recipe_from
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.student.attach import as_student
from toy import toy_recipe
from toy_parts import SPLITS, TASK, student

FUSIONS = {"late": g2d.LateFusion, "concat": g2d.ConcatFusion}
PICTURES, FRAMES, CELLS = (1, 32, 32), (12, 8), (20,)
# For every built-in encoder the shape of one sample.
ENCODERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "small_cnn": (lambda: SmallCNN(1, width=16), PICTURES),
    "resnet18": (lambda: ResNet18(1), PICTURES),
    "mobilenet_v2": (lambda: MobileNetV2(1), PICTURES),
    "mlp": (lambda: MLP(20), CELLS),
    "tabular": (lambda: TabularNet(20), CELLS),
    "transformer": (lambda: Transformer(8, width=16, layers=2, feedforward=32), FRAMES),
    "agm_transformer": (lambda: AGMTransformer(8), FRAMES),
}

SMALL, LARGE = ("tabular", "transformer", "resnet18"), ("mobilenet_v2", "agm_transformer")
SLOW = pytest.mark.slow


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """The graphs that are made, of which each is run as it is; a break in one is an error."""
    made: list[torch.fx.GraphModule] = []

    def kept(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        made.append(graph)
        return graph.forward

    def whole(function: Any) -> Any:
        return torch.compile(function, backend=kept, fullgraph=True)

    monkeypatch.setattr(compiled, "_compile", whole)
    return made


def model_of(encoder: str, fusion: str) -> tuple[g2d.MultimodalModel, g2d.Batch]:
    make, shape = ENCODERS[encoder]
    torch.manual_seed(0)
    encoders = {name: make() for name in ("near", "far")}
    inputs = {name: torch.randn(4, *shape) for name in encoders}
    batch = g2d.Batch(inputs, torch.tensor([0, 1, 2, 0]), torch.arange(4))
    widths = {name: one(inputs[name]).shape[1] for name, one in encoders.items()}
    return g2d.MultimodalModel(encoders, FUSIONS[fusion](widths, 3)), batch


@pytest.mark.parametrize(
    ("encoder", "fusion"), [("mlp", "late"), ("mlp", "concat"), ("small_cnn", "late")]
)
def test_one_graph_a_stage(encoder: str, fusion: str, graphs: list[torch.fx.GraphModule]) -> None:
    model, batch = model_of(encoder, fusion)
    fast, gates = Compiled(model), as_student(model)
    for counted, active in enumerate([("near",), ("far",), None], 1):
        gates.train_only(active)
        for _ in range(2):
            with fast.steps():
                model(batch).logits.sum().backward()
        assert len(graphs) == counted
    gates.train_only(("near",))  # a stage that was there before
    with fast.steps():
        model(batch)
    assert len(graphs) == 3


@pytest.mark.parametrize("encoder", [*SMALL, *(pytest.param(e, marks=SLOW) for e in LARGE)])
def test_no_built_in_encoder_breaks_the_graph(
    encoder: str, graphs: list[torch.fx.GraphModule]
) -> None:
    model, batch = model_of(encoder, "late")
    with Compiled(model).steps():
        model(batch)
    assert len(graphs) == 1


def test_what_is_closed_gets_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    model, batch = model_of("mlp", "late")
    fast, gates = Compiled(model), as_student(model)
    gates.train_only(("near",))
    with fast.steps():
        model(batch).logits.sum().backward()
    assert [p.grad for p in model.encoders["far"].parameters()] == [None] * 4
    assert all(p.grad is not None for p in model.encoders["near"].parameters())


def test_what_is_no_training_step_is_not_compiled(graphs: list[torch.fx.GraphModule]) -> None:
    model, batch = model_of("mlp", "concat")
    names, plain = list(model.state_dict()), copy.deepcopy(model)
    fast = Compiled(model)
    with fast.steps():
        model.eval()(batch)
        with torch.no_grad():
            model.train()(batch)
        assert not graphs
        model(batch)
        model(batch.rows(torch.arange(3)))  # the last batch of an epoch
        assert len(graphs) == 1
        assert list(model.state_dict()) == names
    model(batch)
    assert len(graphs) == 1
    assert "forward" not in vars(model)
    assert vars(copy.deepcopy(model)).keys() == vars(plain).keys()


def test_models_of_one_class_do_not_count_each_others_graphs(
    graphs: list[torch.fx.GraphModule],
) -> None:
    """PyTorch counts them by code, and gives up after a few."""
    with torch._dynamo.config.patch(recompile_limit=1):
        for made in range(3):
            model, batch = model_of("mlp", "late")
            with Compiled(model).steps():
                model(batch)
            assert len(graphs) == made + 1


def fitted(folder: Path | None = None, stop_after: int | None = None, **changes: Any) -> nn.Module:
    model = student()
    wanted = TrainingSettings(epochs=4, batch_size=20, accelerator="cpu", **changes)
    torch.manual_seed(0)
    fit(
        g2d.JointTraining(model, TASK),
        make_loader(SPLITS.train, 20, shuffle=True, seed=3),  # 96 samples: the last batch has 16
        make_loader(SPLITS.val, 64, shuffle=False),
        wanted,
        folder=folder,
        resume=folder is not None,
        stop_after=stop_after,
    )
    return model


def assert_same(found: nn.Module, expected: nn.Module, **near: float) -> None:
    values = expected.state_dict()
    assert found.state_dict().keys() == values.keys()
    for key, value in found.state_dict().items():
        assert torch.allclose(value, values[key], **(near or {"rtol": 1e-5, "atol": 1e-6})), key


@pytest.mark.parametrize("changes", [{}, {"precision": "bf16"}, {"accumulate": 2}])
def test_it_trains_the_weights_of_without(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    near = {"rtol": 0.02, "atol": 0.02} if "precision" in changes else {}
    assert_same(fitted(compile=True, **changes), fitted(**changes), **near)


@pytest.mark.slow
def test_by_a_compiler_it_trains_the_weights_of_without_but_for_rounding() -> None:
    assert_same(fitted(compile=True), fitted(), rtol=1e-3, atol=1e-4)


def test_a_resumed_run_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    whole = fitted(tmp_path / "whole", compile=True)
    fitted(tmp_path / "parts", compile=True, stop_after=2)
    parts = fitted(tmp_path / "parts", compile=True)
    assert_same(parts, whole, rtol=0.0, atol=0.0)


def test_a_run_is_kept_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teachers and student; and it is resumed as what it was."""
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    plain = train(recipe_from(toy_recipe()), tmp_path / "plain")
    made = recipe_from(toy_recipe(compile=True))
    fast = train(made, tmp_path / "fast")
    kept, expected = (load_file(run / "model.safetensors") for run in (fast, plain))
    assert kept.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.allclose(kept[key], value, rtol=1e-5, atol=1e-6), key
    results = [Run(run).result["test"]["accuracy"] for run in (fast, plain)]
    assert results[0] == results[1]
    assert Run(fast).about["training"]["compile"] is True
    with pytest.raises(g2d.UserError, match=r"another recipe \(not the same: training\)"):
        train(recipe_from(toy_recipe()), tmp_path / "fast", resume=True)


def test_compiled_teachers_are_others(tmp_path: Path) -> None:
    plain, fast = (
        teacher_folder(resolve(recipe_from(toy_recipe(**more))).teaching, "near", tmp_path)
        for more in ({}, {"compile": True})
    )
    assert plain != fast


def test_a_method_that_is_not_compiled_is_refused_before_its_teachers_train(
    tmp_path: Path,
) -> None:
    made = recipe_from({**toy_recipe(compile=True), "method": "mla"})
    with pytest.raises(g2d.UserError, match=r"training\.compile: MLA runs each encoder by itself"):
        train(made, tmp_path)
    assert not list(tmp_path.iterdir())


def test_several_devices_are_refused() -> None:
    with pytest.raises(g2d.UserError, match="compile is for one device, got devices 2"):
        TrainingSettings(compile=True, devices=2)


def test_a_compiler_that_fails_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        raise OSError("library.so: file too short")

    monkeypatch.setattr(compiled, "BACKEND", failing)
    model, batch = model_of("mlp", "late")
    with (
        pytest.raises(g2d.UserError, match=r"OSError: .*file too short.*torchinductor_") as caught,
        Compiled(model).steps(),
    ):
        model(batch)
    assert "\n" not in str(caught.value)
    assert "forward" not in vars(model)


def test_without_a_compiler_nothing_is_begun(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy_recipe(compile=True)))
    absent = {"CXX": str(tmp_path / "g++"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    path = [str(Path(__file__).parents[1]), str(Path(g2d.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-m", "g2d", "train", "toy.yaml", "--out", "runs"],
        cwd=tmp_path,
        env={**os.environ, **absent, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "training.compile: PyTorch cannot compile on this machine" in done.stderr
    assert "leave training.compile out" in done.stderr
    assert not (tmp_path / "runs").exists()
