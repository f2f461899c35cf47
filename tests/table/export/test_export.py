"""Exported models, run by torch and by ONNX Runtime, against the models they were made from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d import Batch, LateFusion, MultiLabel, MultimodalModel, Regression, UserError
from g2d.files import read_json
from g2d.runs.run import Run
from g2d.table.export.export import export, export_model
from g2d.table.export.named_tensors import NamedTensors
from g2d.table.export.trial import Trials, apart, largest_difference
from g2d.table.predict import Predictor
from g2d.table.reading.source import iterate_table
from table.export.exports import ENCODERS, OTHER, TASK, model_of, pair, run_of

WORDS = {"name": "words", **ENCODERS["words"][0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run: words and a map, in film fusion."""
    return run_of(tmp_path_factory.mktemp("run"), WORDS, (6,), "film")


@pytest.fixture(scope="module", params=["torch", "onnx"])
def exported(run, request):
    return export(run, request.param)


@pytest.fixture(scope="module")
def answers(exported):
    """The file, read as its users read it."""
    if exported.format == "torch":
        return torch.export.load(exported.file).module()
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(exported.file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs):
        said = session.run(names, {name: value.numpy() for name, value in inputs.items()})
        return dict(zip(names, map(torch.from_numpy, said), strict=True))

    return run


def batch_of(rows, seed):
    """Fresh inputs, in which both modalities are absent here and there."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(20, (rows, 6), generator=generator)
    first[0, 4:] = 0
    second = torch.randn(rows, *OTHER[1], generator=generator)
    masks = {"first": torch.arange(rows) % 2 == 0, "second": torch.arange(rows) % 3 != 2}
    return Batch({"first": first, "second": second}, torch.zeros(rows), torch.arange(rows), masks)


def named(batch):
    return batch.inputs | {f"{name}_present": mask for name, mask in batch.present.items()}


@pytest.mark.parametrize("rows", [1, 2, 12])
def test_the_file_says_what_the_model_says(run, answers, rows):
    batch = batch_of(rows, seed=rows)
    said = answers(named(batch))
    with torch.no_grad():
        expected = Run(run).model(batch)
    assert list(said) == ["logits", "probabilities", "first_alone", "second_alone"]
    close = {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(said["logits"], expected.logits, **close)
    torch.testing.assert_close(said["probabilities"], expected.logits.softmax(1), **close)
    for name, logits in expected.unimodal.items():
        torch.testing.assert_close(said[f"{name}_alone"], logits, **close)


def test_what_stands_for_an_absent_modality_is_not_read(answers):
    batch = batch_of(6, seed=0)
    before = answers(named(batch))
    for name, mask in batch.present.items():
        batch.inputs[name][~mask] = torch.nan if name == "second" else 7
    after = answers(named(batch))
    for name, value in before.items():
        assert torch.equal(value, after[name])


def test_the_file_beside_it_says_what_it_takes(exported):
    about = json.loads(exported.file.with_name(exported.file.name + ".json").read_text())
    assert [(spec["name"], spec["dtype"], spec["shape"]) for spec in about["inputs"]] == [
        ("first", "int64", ["batch", 6]),
        ("second", "float32", ["batch", 1, 8, 8]),
        ("first_present", "bool", ["batch"]),
        ("second_present", "bool", ["batch"]),
    ]
    assert [spec["shape"] for spec in about["outputs"]] == [["batch", 3]] * 4
    assert about["task"] == TASK.describe()
    assert about["format"] == exported.format
    assert about["difference"] == exported.difference < 1e-4
    assert "preprocessing" not in about


def test_the_batch_has_its_name_in_onnx(exported):
    if exported.format != "onnx":
        pytest.skip("about ONNX")
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(exported.file).graph
    onnx.checker.check_model(onnx.load(exported.file))
    for value in [*graph.input, *graph.output]:
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_the_file_does_not_tell_where_it_was_made(exported):
    assert str(Path(__file__).parents[3]).encode() not in exported.file.read_bytes()


@pytest.mark.slow
def test_the_file_needs_no_g2d(exported):
    if exported.format != "torch":
        pytest.skip("an ONNX file holds no names of Python")
    code = (
        "import sys, torch; sys.modules['g2d'] = None; x = torch.ones(2, dtype=torch.bool)\n"
        f"model = torch.export.load({str(exported.file)!r}).module()\n"
        "said = model({'first': torch.ones(2, 6, dtype=int), 'second': torch.ones(2, 1, 8, 8),"
        " 'first_present': x, 'second_present': x})\n"
        "print(said['logits'].shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "torch.Size([2, 3])\n"


@pytest.mark.parametrize(
    ("encoder", "name", "line"),
    [
        ("Branching", "torch", "decides by the values of its input"),
        pytest.param(
            *("Bessel", "onnx", "exported as onnx: ONNX has no prims.bessel_j0; --debug"),
            marks=pytest.mark.slow,
        ),
        ("Fixed", "torch", "traced for one number of samples only"),
        ("Forgetful", "torch", "the exported model's outputs differ from the model's by"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line_and_leaves_no_file(
    tmp_path, capfd, encoder, name, line
):
    model, shapes = model_of(f"table.export.exports.{encoder}", (5,), "late")
    with pytest.raises(UserError) as caught:
        export_model(
            model, TASK, shapes, tmp_path / ("m.pt2" if name == "torch" else "m.onnx"), name
        )
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_requests_that_make_no_sense(tmp_path):
    model, shapes = pair("mlp", "late")
    for out, name, line in (
        ("m.onnx", "torch", r"m\.onnx for the format torch, expected a file ending \.pt2"),
        ("m.pt", "tflite", "format: expected torch or onnx, got 'tflite'"),
        ("none/m.pt2", "torch", "there is no folder"),
    ):
        with pytest.raises(UserError, match=line):
            export_model(model, TASK, shapes, tmp_path / out, name)
    with pytest.raises(UserError, match=r"'first' cannot take an input of shape \(9,\)"):
        export_model(model, TASK, {**shapes, "first": (9,)}, tmp_path / "m.pt2")
    with pytest.raises(UserError, match="is not a finished run"):
        export(tmp_path)


def test_names_that_collide():
    model, _ = pair("mlp", "late")
    encoders = {"x": model.encoders["first"], "x_present": model.encoders["first"]}
    clash = MultimodalModel(encoders, LateFusion(dict.fromkeys(encoders, 16), 3))
    with pytest.raises(UserError, match="two tensors of the exported model would be called 'x_pre"):
        NamedTensors(clash, TASK)


def test_answers_of_other_tasks():
    model, shapes = pair("mlp", "sum")
    inputs = list(Trials(model, shapes))[2]
    with torch.no_grad():
        labels = NamedTensors(model, MultiLabel(3))(inputs)
        logits = labels["logits"].numpy().astype(np.float64)
        np.testing.assert_allclose(labels["probabilities"], 1 / (1 + np.exp(-logits)), rtol=1e-5)
        number = NamedTensors(model, Regression(10.0, 30.0, 2.0))
        model.fusion.heads = torch.nn.ModuleDict(
            {
                name: torch.nn.Linear(head.in_features, 1)
                for name, head in model.fusion.heads.items()
            }
        )
        said = number(inputs)
    expected = 10 + 20 / (1 + np.exp(-said["logits"].numpy()[:, 0].astype(np.float64)))
    np.testing.assert_allclose(said["prediction"], expected, rtol=1e-5)


# -- the check itself


def test_trials_leave_out_every_combination_of_modalities():
    model, shapes = pair("words", "late")
    trials = Trials(model, shapes)
    batches = list(trials)
    assert [len(batch["first"]) for batch in batches] == [1, 3, 7]
    assert batches[0]["first_present"].tolist() == batches[0]["second_present"].tolist() == [True]
    seen = {
        pair
        for batch in batches
        for pair in zip(
            batch["first_present"].tolist(), batch["second_present"].tolist(), strict=True
        )
    }
    assert len(seen) == 4
    words = torch.cat([batch["first"] for batch in batches])
    assert words.dtype == torch.int64
    assert words.min() >= 0
    assert words.max() < 20
    assert set((words[:, -1] == 0).tolist()) == {True, False}
    for batch in batches:
        absent = batch["second"].isnan().flatten(1).all(dim=1)
        assert torch.equal(absent, ~batch["second_present"])
    for again, batch in zip(trials, batches, strict=True):
        assert all(torch.equal(again[n].nan_to_num(), batch[n].nan_to_num()) for n in batch)


@pytest.mark.parametrize("name", ["logits", "probabilities", "first_alone"])
def test_a_wrong_output_in_a_single_sample_is_found(name):
    model, shapes = pair("mlp", "late")
    module = NamedTensors(model, TASK)

    def other(inputs):
        said = {key: value.clone() for key, value in module(inputs).items()}
        if len(inputs["first"]) == 7:
            said[name][5, 1] += 0.01 * said[name].abs().max()
        return said

    assert largest_difference(module, module, Trials(model, shapes)) < 1e-6
    assert 0.001 < largest_difference(module, other, Trials(model, shapes)) <= 0.0101


@given(
    values=st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=8),
    error=st.floats(0, 10),
    place=st.integers(0, 7),
)
def test_apart_is_a_share_of_the_largest_value(values, error, place):
    expected = torch.tensor(values, dtype=torch.float64)
    got = expected.clone()
    got[place % len(values)] += error
    largest = max(max(abs(value) for value in values), 1e-6)
    assert apart(got, expected) == pytest.approx(error / largest, rel=1e-6, abs=1e-9)
    got[place % len(values)] = torch.nan
    assert apart(got, expected) == torch.inf
    assert apart(got, got) == 0


# -- from the command line

PETS = ["bird", "dog"]
SAID = [
    ["the", "a", "bird", "sings", "loud", "soft", "near"],
    ["the", "a", "dog", "runs", "loud", "far", "wide"],
]


@pytest.mark.slow
def test_a_run_on_a_table_is_exported_with_its_preprocessing(g2d, tmp_path, monkeypatch):  # noqa: F811
    runtime = pytest.importorskip("onnxruntime")
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    lines = [
        f"{' '.join(rng.permutation(SAID[row % 2]))},{rng.normal():.3f},{PETS[row % 2]}"
        for row in range(60)
    ]
    table = tmp_path / "pets.csv"
    table.write_text("note,weight,pet\n" + "\n".join(lines) + "\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(g2d("data", "inspect", table, "--target", "pet").out)
    assert set(yaml.safe_load(recipe.read_text())["data"]["modalities"]) == {"note", "tabular"}
    said = g2d(
        "train", recipe, "--training.epochs", 1, "--method", "joint", "--out", tmp_path / "runs"
    )
    assert said.status == 0, said.err
    run = tmp_path / "runs" / "pets-joint-seed0"
    said = g2d("export", run, "--format", "onnx")
    assert (said.status, said.err) == (0, "")
    assert "input   note  int64 (batch, " in said.out
    assert "input   tabular_present  bool (batch)\n" in said.out
    assert f"exported to {run / 'model.onnx'}; model.onnx.json holds the same\n" in said.out
    about = json.loads((run / "model.onnx.json").read_text())
    assert about["task"]["classes"] == ["bird", "dog"]
    assert about["preprocessing"] == read_json(run / "preprocessing.json")

    table.write_text("note,weight\na bird sings,0.1\n,3.0\nthe dog runs,\n")
    predictor = Predictor(run)
    rows = next(iterate_table(table, rows=10))
    rows = [rows.row(number) for number in range(3)]
    batch, _ = predictor.preprocessing.batch(rows, tmp_path)
    session = runtime.InferenceSession(run / "model.onnx", providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in named(batch).items()}
    (shares,) = session.run(["probabilities"], feeds)
    for share, prediction in zip(shares, predictor.rows(rows), strict=True):
        assert share == pytest.approx(list(prediction.probabilities.values()), abs=1e-5)


def test_a_folder_that_is_no_run(g2d, tmp_path):  # noqa: F811
    said = g2d("export", tmp_path)
    assert said.status == 2
    assert said.err == (
        f"g2d export: {tmp_path} is not a finished run folder of a multimodal model\n"
    )
