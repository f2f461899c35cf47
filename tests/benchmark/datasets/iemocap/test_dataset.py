"""What training sees of IEMOCAP, and the commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmark.datasets.iemocap.miniature import write_mmin, write_npz, write_release
from cli.conftest import g2d  # noqa: F401
from g2d.benchmark.datasets.iemocap.dataset import IEMOCAP
from g2d.benchmark.datasets.iemocap.prepare import prepare
from g2d.data.checks import check_splits
from g2d.data.store import Store
from g2d.errors import UserError
from g2d.recipes.build import build_splits
from g2d.recipes.completing import complete
from g2d.recipes.recipe import load_recipe

WIDTHS = {"audio": 130, "visual": 342, "text": 1024}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iemocap")
    write_release(folder / "release")
    write_mmin(folder / "mmin")
    write_npz(folder / "npz")
    return folder


@pytest.fixture(scope="module")
def root(originals):
    features = originals / "mmin"
    return prepare(originals / "release", originals / "out", features_root=features, workers=0)


def test_no_speaker_of_test_is_trained_on(root):
    speakers = Store(root, "iemocap", "").column("speaker")
    for fold in (1, 4, 10):
        splits = IEMOCAP(root, fold=fold).splits()
        check_splits(splits)
        assert splits.spec.protocol == f"clean-fold{fold}"
        train, val, test = (set(speakers[s.rows].tolist()) for s in splits.named().values())
        assert len(train) == 8
        assert not train & (val | test)
        assert len(splits.train) == 64


def test_the_random_division_and_its_name(root):
    for protocol, sizes in (("mla_random", [48, 16, 16]), ("paper", [48, 16, 16])):
        splits = IEMOCAP(root, protocol).splits()
        assert [len(split) for split in splits.named().values()] == sizes
        assert "leaky" in splits.spec.protocol
        assert splits.spec.selects_on_test == (protocol == "paper")
    assert splits.val is splits.test


def test_the_first_steps_standardised_by_the_training_turns(root):
    splits = IEMOCAP(root, fold=3, steps={"audio": 4}).splits()
    assert splits.spec.shapes == {"audio": (4, 130), "visual": (6, 342), "text": (6, 1024)}
    stored = Store(root, "iemocap", "").ragged("audio")
    seen = np.concatenate([stored[row][:4] for row in splits.train.rows]).astype(np.float64)
    got = splits.test.__getitems__([2]).inputs["audio"][0].numpy()
    own = stored[splits.test.rows[2]][:4]
    expected = ((own - seen.mean(axis=0)) / seen.std(axis=0)).clip(-5, 5)
    np.testing.assert_allclose(got[: len(own)], expected, rtol=1e-4, atol=1e-5)
    assert not got[len(own) :].any()


def test_vectors_are_sequences_of_one_step(originals, tmp_path):
    options = {"features": "precomputed", "features_root": originals / "npz", "workers": 0}
    made = prepare(originals / "release", tmp_path / "out", **options)
    splits = IEMOCAP(made).splits()
    assert splits.spec.shapes == {"audio": (6, 5), "text": (1, 7), "pulse": (1, 2)}
    pair = IEMOCAP(made, modalities=["pulse", "audio"]).splits()
    assert pair.spec.name == "iemocap-audio-pulse"
    batch, whole = (s.val.__getitems__([0, 1]).inputs for s in (pair, splits))
    assert all(torch.equal(batch[name], whole[name]) for name in ("audio", "pulse"))


def test_what_decides_the_inputs_decides_the_fingerprint(root):
    variants = [
        IEMOCAP(root),
        IEMOCAP(root, fold=2),
        IEMOCAP(root, "mla_random"),
        IEMOCAP(root, "paper"),
        IEMOCAP(root, steps={"text": 3}),
        IEMOCAP(root, modalities=["audio", "text"]),
    ]
    found = {dataset.splits().spec.fingerprint for dataset in variants}
    # folds 1 and 2 share their training turns, not their validation
    assert len(found) == len(variants)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protocol": "agm"}, "got protocol 'agm', expected one of clean, mla_random, paper"),
        ({"fold": 0}, "got fold=0, expected 1 to 10"),
        ({"steps": {"audio": 0}}, "expected 1 or more of each"),
        ({"steps": {"smell": 4}}, "got modality smell, expected some of audio, visual, text"),
        ({"modalities": ["audio", "smell"]}, "got modality smell"),
        ({"modalities": []}, "got modality none"),
    ],
)
def test_refusals(root, options, said):
    with pytest.raises(UserError, match=said):
        IEMOCAP(root, **options).splits()


SMALL = [
    f"--encoders.{name}.{option}={value}"
    for name in WIDTHS
    for option, value in {"width": 8, "heads": 2, "layers": 1, "feedforward": 8}.items()
]


@pytest.mark.parametrize("method", ["joint", "g2d"])
def test_the_recipe_trains(g2d, root, tmp_path, method):  # noqa: F811
    said = g2d(
        *("train", "iemocap", "--method", method, "--data.root", root, "--out", tmp_path),
        *("--training.epochs", 3, "--data.fold", 2, *SMALL),
    )
    assert said.status == 0, said.err
    result = json.loads((tmp_path / f"iemocap-{method}-seed999" / "result.json").read_text())
    assert result["protocol"] == "clean-fold2"
    assert result["samples"] == {"train": 64, "val": 8, "test": 8}


def test_other_features_take_the_encoders_that_fit_them(originals, tmp_path):
    options = {"features": "precomputed", "features_root": originals / "npz", "workers": 0}
    root = prepare(originals / "release", tmp_path / "store", **options)
    changes = [("data.root", str(root)), ("data.modalities", ["audio", "text"])]
    fitting = [("encoders.audio", "auto"), ("encoders.text", "auto")]
    recipe = load_recipe("iemocap", [*changes, *fitting])
    splits = build_splits(recipe)
    assert complete(recipe, splits.spec).encoders == {
        "audio": {"name": "transformer", "inputs": 5},
        "text": {"name": "transformer", "inputs": 7},
    }


def test_the_commands(g2d, originals, tmp_path):  # noqa: F811
    release, out = originals / "release", tmp_path / "out"
    mmin = ("--features-root", originals / "mmin", "--workers", 0)
    said = g2d("data", "check", "iemocap", "--root", release, *mmin)
    assert (said.status, said.err) == (0, ""), said.out
    assert "no fault found" in said.out
    assert g2d("data", "check", "iemocap", "--root", release, "--workers", 0).status == 0
    said = g2d("data", "prepare", "iemocap", "--root", release, "--out", out, *mmin)
    assert (said.status, said.err) == (0, "")
    said = g2d("data", "check", "iemocap", "--root", out)
    assert said.status == 0, said.err
    assert "policy clean-fold1" in said.out
    said = g2d("data", "prepare", "iemocap", "--root", release, "--out", tmp_path / "other")
    assert said.status == 2
    assert "--features-root must be given with features='mmin'" in said.err
    assert "see g2d data ls iemocap" in said.err
