"""What training sees of UR-FUNNY, and the commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmark.datasets.urfunny.miniature import SIZES, WIDTHS, write_sdk
from cli.conftest import g2d  # noqa: F401
from g2d.benchmark.datasets.urfunny.dataset import URFunny
from g2d.benchmark.datasets.urfunny.prepare import prepare
from g2d.data.checks import check_splits
from g2d.data.loader import make_loader
from g2d.data.store import Store
from g2d.errors import UserError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("urfunny")
    return prepare(write_sdk(folder / "in"), folder / "out", context=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("urfunny")
    return prepare(write_sdk(folder / "in"), folder / "out")


def test_sizes_and_policies(root):
    clean, paper = URFunny(root).splits(), URFunny(root, "paper").splits()
    check_splits(clean)
    sizes = list(SIZES.values())
    assert [len(split) for split in clean.named().values()] == sizes
    assert [len(split) for split in paper.named().values()] == [sizes[0], sizes[2], sizes[2]]
    assert paper.val is paper.test
    assert (clean.spec.selects_on_test, paper.spec.selects_on_test) == (False, True)
    assert (clean.spec.protocol, paper.spec.protocol) == ("clean", "paper-selects-on-test")
    rows = [set(split.rows.tolist()) for split in clean.named().values()]
    assert set.union(*rows) == set(range(40))
    assert sum(map(len, rows)) == 40
    assert clean.spec.shapes == {"audio": (50, 81), "visual": (50, 371), "text": (50, 300)}


def test_inputs_are_standardised_by_the_training_words(root):
    splits = URFunny(root, steps=6).splits()
    batch = splits.train.__getitems__(list(range(len(splits.train))))
    stored = Store(root, "urfunny", "").ragged("visual")
    for name in WIDTHS:
        there = batch.inputs[name].ne(0).any(dim=2)
        assert there.sum(dim=1).tolist() == [min(6, len(stored[row])) for row in splits.train.rows]
        assert there.int().diff(dim=1).le(0).all(), "padding is at the end"
        seen = batch.inputs[name][there].double()
        assert seen.abs().max() <= 5
        np.testing.assert_allclose(seen.mean(dim=0).numpy(), 0, atol=0.02)
        np.testing.assert_allclose(seen.std(dim=0).numpy(), 1, atol=0.05)
    kept = np.concatenate([stored[row][-6:] for row in splits.train.rows]).astype(np.float64)
    expected = (stored[5][-6:] - kept.mean(axis=0)) / kept.std(axis=0)
    got = splits.train.__getitems__([5]).inputs["visual"][0, : len(expected)].numpy()
    np.testing.assert_allclose(got, expected.clip(-5, 5), rtol=1e-4, atol=1e-6)


def test_features_can_be_left_as_they_are(root):
    splits = URFunny(root, standardise=False).splits()
    got = splits.train.__getitems__([5]).inputs["visual"][0].numpy()
    row = splits.train.rows[5]
    stored = np.nan_to_num(
        np.asarray(Store(root, "urfunny", "").ragged("visual")[row], dtype=np.float64),
        nan=0.0,
        posinf=0.0,
        neginf=0.0,
    )
    np.testing.assert_array_equal(got[: len(stored)], stored.astype(np.float32))
    assert not got[len(stored) :].any()


def test_context_comes_before_the_punchline(root, plain):
    splits = URFunny(root, context=True, steps=120).splits()
    store = Store(root, "urfunny", "")
    lengths = splits.test.__getitems__([7]).inputs["text"][0].ne(0).any(dim=1).sum().item()
    row = splits.test.rows[7]
    before, spoken = store.ragged("text-context")[row], store.ragged("text")[row]
    assert len(before) > 0
    assert lengths == len(before) + len(spoken)
    # cut to the punchline's length, the same words are left as without context
    unscaled = np.concatenate([before, spoken])[-len(spoken) :]
    assert np.array_equal(unscaled, spoken)
    with pytest.raises(UserError, match="was prepared without context; prepare it again"):
        URFunny(plain, context=True).splits()


def test_what_decides_the_inputs_decides_the_fingerprint(root):
    variants = [
        URFunny(root),
        URFunny(root, "paper"),
        URFunny(root, steps=40),
        URFunny(root, context=True),
        URFunny(root, modalities=["audio", "text"]),
        URFunny(root, standardise=False),
    ]
    assert len({dataset.splits().spec.fingerprint for dataset in variants}) == len(variants)
    assert URFunny(root).splits().spec.fingerprint == variants[0].splits().spec.fingerprint


def test_pairs(root):
    splits = URFunny(root, modalities=["text", "audio"]).splits()
    assert splits.spec.modalities == ("audio", "text"), "the declared order"
    assert splits.spec.name == "urfunny-audio-text"
    whole = URFunny(root).splits().test.__getitems__([0, 3])
    pair = splits.test.__getitems__([0, 3])
    assert all(torch.equal(pair.inputs[name], whole.inputs[name]) for name in pair.inputs)


def test_workers_read_the_same(root):
    splits = URFunny(root).splits()
    alone, apart = (make_loader(splits.val, 4, shuffle=False, workers=n) for n in (0, 1))
    for one, other in zip(alone, apart, strict=True):
        assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in WIDTHS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"protocol": "agm"}, "got protocol 'agm'"),
        ({"steps": 0}, "got steps=0"),
        ({"modalities": ["audio", "smell"]}, "expected some of audio, visual, text"),
        ({"modalities": []}, "expected some of"),
    ],
)
def test_refusals(root, options, said):
    with pytest.raises(UserError, match=said):
        URFunny(root, **options)


SMALL = [
    f"--encoders.{name}.{option}={value}"
    for name in WIDTHS
    for option, value in {"width": 8, "heads": 2, "layers": 1, "feedforward": 8}.items()
]


def train(g2d, root, out, *more):  # noqa: F811
    options = ["--training.epochs", 3, "--data.root", root, "--out", out, *SMALL, *more]
    return g2d("train", "urfunny", *options)


@pytest.mark.parametrize("method", ["joint", "g2d"])
def test_the_recipe_trains(g2d, root, tmp_path, method):  # noqa: F811
    said = train(g2d, root, tmp_path, "--method", method)
    assert (said.status, said.err.count("Traceback")) == (0, 0), said.err
    result = json.loads((tmp_path / f"urfunny-{method}-seed999" / "result.json").read_text())
    assert result["samples"] == {"train": 24, "val": 8, "test": 8}
    assert set(result["test"]["accuracy"]) >= {*WIDTHS}


def test_a_pair_trains_with_the_encoders_of_the_pair(g2d, root, tmp_path):  # noqa: F811
    said = train(g2d, root, tmp_path, "--data.modalities", "[audio, text]", "--method", "g2d")
    assert said.status == 0, said.err
    run = tmp_path / "urfunny-audio-text-g2d-seed999"
    assert list(json.loads((run / "model.json").read_text())["encoders"]) == ["audio", "text"]
    recipe = json.loads((run / "run.json").read_text())["recipe"]
    assert list(recipe["encoders"]) == ["audio", "text"]
    assert sorted(path.name.split("-")[3] for path in (tmp_path / "teachers").iterdir()) == [
        "audio",
        "text",
    ]
    again = train(
        g2d, root, tmp_path, "--data.modalities", "[audio, text]", "--method", "g2d", "--resume"
    )
    assert again.status == 0, again.err
    measured = g2d("evaluate", run, "--split", "test")
    assert measured.status == 0, measured.err


def test_a_pair_that_is_none(g2d, root, tmp_path):  # noqa: F811
    said = train(g2d, root, tmp_path, "--data.modalities", "[audio, smell]")
    assert said.status == 2
    assert "expected some of audio, visual, text" in said.err
    assert not list(tmp_path.iterdir())


def test_the_commands(g2d, tmp_path):  # noqa: F811
    originals, out = write_sdk(tmp_path / "in"), tmp_path / "out"
    assert g2d("data", "check", "urfunny", "--root", originals).status == 0
    said = g2d("data", "prepare", "urfunny", "--root", originals, "--out", out, "--context")
    assert (said.status, said.err) == (0, "")
    assert f"g2d train urfunny --data.root {out}" in said.out.replace("\n", " ")
    said = g2d("data", "check", "urfunny", "--root", out)
    assert said.status == 0, said.out
    assert "no fault found" in said.out
    assert "train: not humorous 12, humorous 12" in said.out
    (out / "text.npy").write_bytes((out / "text.npy").read_bytes()[:-8])
    said = g2d("data", "check", "urfunny", "--root", out)
    assert said.status == 2
    assert "text.npy" in said.err
