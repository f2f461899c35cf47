"""What training sees of CMU-MOSEI, and the commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmark.datasets.mosei.miniature import SENTIMENTS, SIZES, WIDTHS, words_of, write
from cli.conftest import g2d  # noqa: F401
from g2d.benchmark.datasets.mosei.dataset import MOSEI
from g2d.benchmark.datasets.mosei.prepare import prepare
from g2d.data.checks import check_splits
from g2d.data.store import Store
from g2d.errors import UserError
from g2d.tasks import Regression


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mosei")
    return {kind: prepare(write(folder / kind, kind), folder / f"{kind}-out") for kind in WIDTHS}


@pytest.fixture(scope="module")
def root(roots):
    return roots["mult"]


def test_the_official_folds(root):
    splits = MOSEI(root).splits()
    check_splits(splits)
    assert [len(split) for split in splits.named().values()] == list(SIZES.values())
    assert [split.rows[0] for split in splits.named().values()] == [0, 28, 36]
    assert (splits.spec.name, splits.spec.protocol) == ("mosei", "clean")
    assert not splits.spec.selects_on_test
    assert splits.spec.shapes == {"audio": (50, 74), "visual": (50, 35), "text": (50, 300)}


def test_widths_are_those_of_the_file(roots):
    assert MOSEI(roots["multibench"]).splits().spec.shapes["visual"] == (50, 713)
    spec = MOSEI(roots["mmsa"], modalities=["text"]).splits().spec
    assert spec.shapes == {"text": (50, 768)}
    assert spec.encoders == {"text": {"name": "transformer", "inputs": 768}}


# By hand, for the sentiments -3, -1, -1/3, 0, 1/3, 1 and 3.
CLASSES = {
    "binary": [0, 0, 0, 1, 1, 1, 1],
    "nonzero": [0, 0, 0, 1, 1, 1],
    "three": [0, 0, 0, 1, 2, 2, 2],
}


@pytest.mark.parametrize(("target", "classes"), CLASSES.items())
def test_classes(root, target, classes):
    splits = MOSEI(root, target=target).splits()
    names = {
        "binary": ("negative", "non-negative"),
        "nonzero": ("negative", "positive"),
        "three": ("negative", "neutral", "positive"),
    }
    assert splits.spec.task.class_names == names[target]
    assert splits.train.target.tolist() == classes * 4
    assert splits.val.target.tolist() == [*classes, 0]
    assert splits.spec.name == ("mosei" if target == "binary" else f"mosei-{target}")
    if target == "nonzero":
        neutral = [row for split in splits.named().values() for row in split.rows]
        assert not {3, 10, 17, 24, 31, 39} & set(neutral)


def test_regression_is_of_the_sentiment_itself(root):
    splits = MOSEI(root, target="regression").splits()
    assert splits.train.target.dtype == torch.float32
    np.testing.assert_allclose(splits.train.target.numpy(), SENTIMENTS * 4, rtol=1e-6)
    task = splits.spec.task
    assert isinstance(task, Regression)
    assert (task.low, task.high) == (-3, 3)
    # a logit of 0 is the middle of -3 and 3; the mean distance of the seven from it by hand
    mae = task.metrics(torch.zeros(28, 1), splits.train.target)["mae"]
    assert mae == pytest.approx((3 + 1 + 1 / 3 + 0 + 1 / 3 + 1 + 3) / 7, rel=1e-6)


def test_the_first_words_are_kept_and_the_rest_is_zero(root):
    splits = MOSEI(root, steps=5, standardise=False).splits()
    stored = Store(root, "mosei", "").ragged("text")
    got = splits.train.__getitems__([0, 6]).inputs["text"].numpy()
    assert (words_of(0), words_of(6)) == (3, 9)
    np.testing.assert_array_equal(got[0, :3], stored[0])
    assert not got[0, 3:].any()
    np.testing.assert_array_equal(got[1], stored[6][:5])


def test_sound_is_cleaned_and_standardised_by_the_training_words(root):
    splits = MOSEI(root).splits()
    batch = splits.train.__getitems__(list(range(28))).inputs
    words = np.concatenate([Store(root, "mosei", "").ragged("audio")[row] for row in range(28)])
    assert np.isneginf(words).sum() == 1
    words = np.where(np.isfinite(words), words, 0).astype(np.float64)
    there = batch["audio"].ne(0).any(dim=2)
    expected = ((words - words.mean(axis=0)) / words.std(axis=0)).clip(-5, 5)
    np.testing.assert_allclose(batch["audio"][there].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_what_decides_inputs_or_target_decides_the_fingerprint(root):
    variants = [
        MOSEI(root),
        *(MOSEI(root, target=target) for target in ("nonzero", "three", "regression")),
        MOSEI(root, steps=40),
        MOSEI(root, modalities=["audio", "text"]),
        MOSEI(root, standardise=False),
    ]
    assert len({dataset.splits().spec.fingerprint for dataset in variants}) == len(variants)
    pair = variants[5].splits().spec
    assert (pair.name, pair.modalities) == ("mosei-audio-text", ("audio", "text"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protocol": "paper"}, "got protocol 'paper', expected 'clean'"),
        ({"target": "seven"}, r"got target 'seven', expected 'binary' \(0 is non-negative\)"),
        ({"steps": 0}, "got steps=0"),
        ({"modalities": ["video"]}, "expected some of audio, visual, text"),
    ],
)
def test_refusals(root, options, said):
    with pytest.raises(UserError, match=said):
        MOSEI(root, **options)


SMALL = {"width": 8, "heads": 2, "layers": 1, "feedforward": 8}


def train(g2d, root, out, *more):  # noqa: F811
    small = [
        f"--encoders.{m}.{key}={n}" for m in ("audio", "visual", "text") for key, n in SMALL.items()
    ]
    options = ["--training.epochs", 1, "--data.root", root, "--out", out, *small, *more]
    return g2d("train", "mosei", *options)


@pytest.mark.parametrize(
    ("target", "run", "metric"),
    [
        ("binary", "mosei", "accuracy"),
        ("three", "mosei-three", "accuracy"),
        ("regression", "mosei-regression", "mae"),
    ],
)
def test_the_recipe_trains(g2d, root, tmp_path, target, run, metric):  # noqa: F811
    said = train(g2d, root, tmp_path, "--data.target", target, "--method", "joint")
    assert (said.status, said.err.count("Traceback")) == (0, 0), said.err
    result = json.loads((tmp_path / f"{run}-joint-seed0" / "result.json").read_text())
    assert result["samples"] == {"train": 28, "val": 8, "test": 8}
    assert set(result["test"][metric]) >= {"audio", "visual", "text"}


def test_the_paper_s_method_trains_on_the_sentiment(g2d, root, tmp_path):  # noqa: F811
    said = train(g2d, root, tmp_path, "--data.target", "regression", "--method", "g2d")
    assert said.status == 0, said.err
    assert (tmp_path / "mosei-regression-g2d-seed0" / "result.json").exists()


def test_encoders_of_a_wider_file_are_made_by_auto(g2d, roots, tmp_path):  # noqa: F811
    small = [f"--encoders.audio.{key}={n}" for key, n in SMALL.items()]
    options = ["--data.modalities", "[audio, text]", "--training.epochs", 1, "--method", "joint"]
    folders = ["--data.root", roots["mmsa"], "--out", tmp_path]
    said = g2d("train", "mosei", *folders, *small, *options, "--encoders.text", "auto")
    assert said.status == 0, said.err
    model = json.loads((tmp_path / "mosei-audio-text-joint-seed0" / "model.json").read_text())
    assert model["encoders"]["text"]["inputs"] == 768


def test_the_commands(g2d, tmp_path):  # noqa: F811
    originals, out = write(tmp_path / "in", "multibench"), tmp_path / "out"
    said = g2d("data", "check", "mosei", "--root", originals)
    assert (said.status, "no fault found" in said.out) == (0, True)
    said = g2d("data", "prepare", "mosei", "--root", originals, "--out", out)
    assert (said.status, said.err) == (0, "")
    assert f"g2d train mosei --data.root {out}" in said.out.replace("\n", " ")
    said = g2d("data", "check", "mosei", "--root", out)
    assert said.status == 0, said.out
    assert "train: negative 12, non-negative 16" in said.out
