"""What the files of a run folder may do to whoever opens them from Python: nothing."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from g2d import Classification, G2DClassifier, JointTraining, UserError
from g2d.analysis.subject import Subject
from g2d.checksums import sealed
from g2d.data.missing import Mask
from g2d.data.store import Store, write_manifest
from g2d.engine.checkpoint import load_checkpoint, load_weights
from g2d.models.encoders import ResNet18
from g2d.models.encoders.pretrained import load_pretrained
from g2d.recipes.blueprint import build
from g2d.recipes.recipe import recipe_from
from g2d.runs.evaluate import evaluate_run
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.runs.trust import check_brought, named_by, recipe_of
from g2d.table.export.export import export
from g2d.table.kinds.features import read_npy
from g2d.table.predict import Predictor
from g2d.table.preprocessing import Preprocessing
from g2d.teachers.cache import CachedTeachers
from table.export.exports import ENCODERS, run_of
from toy import ToyEncoder, toy_recipe
from toy_parts import student

# Data and encoders of the tests' own: what the user would have named.
OWN = named_by([recipe_from(toy_recipe())])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(tmp_path):
    """A run of the toys with teachers, which names what is not part of g2d."""
    return train(recipe_from(toy_recipe(epochs=1)), tmp_path / "out")


def changed(folder, where, name):
    about = json.loads((folder / "run.json").read_text())
    about["recipe"][where] = name
    (folder / "run.json").write_text(json.dumps(sealed(about)))


DOORS = {
    "Run.model": lambda run, **word: Run(run, **word).model,
    "Run.splits": lambda run, **word: Run(run, **word).splits,
    "Subject.of": lambda run, **word: Subject.of(Run(run, **word)),
    "evaluate_run": lambda run, **word: evaluate_run(Run(run, **word), "val"),
    "export": export,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_function_that_opens_a_run_asks_for_the_word(trained, door):
    with pytest.raises(UserError, match=r"data: 'toy\.ToyData', encoders\.near: .* trust=True"):
        DOORS[door](trained)
    assert DOORS[door](trained, trust=True) is not None


def test_a_predictor_and_a_server_ask_for_it_too(here):
    words = {"name": "words", **ENCODERS["words"][0]}
    run = run_of(here / "run", words, (6,), "film")
    changed(run, "fusion", "os.abort")
    make_app = pytest.importorskip("g2d.table.serve.app").make_app
    for opened in (Predictor, make_app):
        with pytest.raises(UserError, match=r"fusion: 'os\.abort'"):
            opened(run)
        with pytest.raises(UserError, match=r"fusion: 'os\.abort' is no fusion"):
            opened(run, trust=True)


def test_the_users_own_names_are_trusted_and_no_others(trained):
    assert {"toy.ToyData", "toy.ToyEncoder"} == OWN
    assert recipe_of(trained, OWN).method == "g2d"
    changed(trained, "method", "os.abort")
    with pytest.raises(UserError, match=r"be imported and run \(method: 'os\.abort'\);"):
        _ = Run(trained, trust=OWN).model


def test_the_teachers_of_a_run_are_opened_in_the_same_way(trained):
    folders = Run(trained).result["teachers"]["folders"]
    teacher = trained.parent / folders["far"]
    changed(teacher, "encoders", {"near": "toy.ToyEncoder", "far": "os.system"})
    with pytest.raises(UserError, match=rf"{teacher.name} names .*encoders\.far: 'os\.system'"):
        Subject.of(Run(trained, trust=OWN))


def test_an_estimator_that_was_just_fitted_needs_no_word():
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=(60, 6)).astype("float32") for name in ("near", "far")}
    y = np.arange(60) % 2
    own = dict.fromkeys(X, "toy.ToyEncoder")
    model = G2DClassifier(method="joint", epochs=1, encoders=own).fit(X, y)
    assert len(model.predict(X)) == 60


def test_an_object_is_made_of_plain_values(here):
    """Of a user's own class as well: nothing in the options names a class to call."""

    class Anything(nn.Module):
        def __init__(self, options: object = None, untyped=None) -> None:
            super().__init__()

    popen = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "PWNED"]}}
    for options in ({"options": popen}, {"untyped": [popen]}, {"options": {"deep": popen}}):
        with pytest.raises(UserError, match=r"class_path names code to run, 'subprocess\.Popen'"):
            build(Anything, options, "encoders.near")
    build(Anything, {"options": json.dumps(popen), "untyped": json.dumps(popen)}, "encoders.near")
    assert not (here / "PWNED").exists()


def test_preprocessing_names_no_code():
    spec = {"kind": "os.system", "columns": ["x"], "options": {}, "state": {}}
    with pytest.raises(UserError, match=r"modality 'x': no kind 'os\.system'; known: "):
        Preprocessing.from_dict({"target": "y", "modalities": {"x": spec}})


class Evil:
    """Makes a folder where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("PWNED",)


def read_checkpoint(folder):
    torch.save({"model": Evil()}, folder / "last.ckpt")
    model = ToyEncoder()
    optimizer = torch.optim.SGD(model.parameters())
    load_checkpoint(
        folder / "last.ckpt",
        model=model,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.ConstantLR(optimizer),
        method=JointTraining(student(), Classification(3)),
    )


def read_weights(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Evil()))
    load_weights(folder / "model.safetensors", ToyEncoder())


def read_encoder_weights(folder):
    torch.save({"conv1.weight": Evil()}, folder / "weights.pt")
    load_pretrained(ResNet18(3), folder / "weights.pt")


def read_predictions(folder):
    np.savez(folder / "predictions-test.npz", index=np.array([Evil()], object))
    Run(folder).predictions("test")


def read_mask(folder):
    np.savez(folder / "mask.npz", about=np.array([Evil()], object), present=np.zeros(1))
    Mask.load(folder / "mask.npz")


def read_store(folder):
    np.save(folder / "target.npy", np.zeros(3))
    write_manifest(folder, "toys")
    np.save(folder / "target.npy", np.array([Evil()], object))
    Store(folder, "toys", "make it again").array("target")


def read_cache(folder):
    state = {"format": 1, "key": "k", "rows": 1, "done": 1, "modalities": ["x"]}
    (folder / "cache.json").write_text(json.dumps(sealed(state)))
    for kind in ("features", "logits", "confidence"):
        np.save(folder / f"x-{kind}.npy", np.array([Evil()], object))
    CachedTeachers(folder, "k", Classification(2)).mean_confidence()


def read_cell(folder):
    np.save(folder / "cell.npy", np.array([Evil()], object))
    read_npy("cell.npy", folder, 1)


READERS = [
    *(read_checkpoint, read_weights, read_encoder_weights, read_predictions),
    *(read_mask, read_store, read_cache, read_cell),
]


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_no_file_is_unpickled(here, read):
    with pytest.raises(ValueError):
        read(here)
    assert not (here / "PWNED").exists()
    pickle.loads(pickle.dumps(Evil()))  # it would have been seen
    assert (here / "PWNED").is_dir()


def test_a_fusion_that_a_method_brought_is_part_of_g2d_or_trusted(tmp_path):
    own = [{"name": "g2d.models.fusion.late.LateFusion"}]
    check_brought(tmp_path, own)
    with pytest.raises(UserError, match=r"model\.json: brought: 'os\.abort'"):
        check_brought(tmp_path, [*own, {"name": "os.abort"}])
    check_brought(tmp_path, [{"name": "os.abort"}], trust={"os.abort"})
