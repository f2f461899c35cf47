"""Runs with modalities missing: the same as with data that lacks them, whoever is asked."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from g2d import UserError
from g2d.data.arrays import ArraySplit
from g2d.data.masked import masks_of
from g2d.data.missing import Mask
from g2d.data.splits import Splits
from g2d.engine.settings import TrainingSettings
from g2d.recipes.build import build_splits
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.recipe import recipe_from
from g2d.runs.evaluate import evaluate_run
from g2d.runs.loaders import having
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.teach import teach
from g2d.runs.train import train
from toy import ToyData, toy_recipe

NAMES = ("near", "far", "deep")
METHODS = ["joint", "umt", "ume", "g2d"]


def weights_of(recipe, splits, name, out):
    folder = teacher_folder(resolve_teaching(recipe, splits), name, out)
    return load_file(folder / "model.safetensors")


def recipe(missing=None, method="joint", modalities=3, **changes):
    content = toy_recipe(epochs=2)
    content["data"] = {"name": "toy.ToyData", "modalities": modalities}
    content["encoders"] = dict.fromkeys(NAMES[:modalities], "toy.ToyEncoder")
    return recipe_from({**content, "method": method, "missing": missing, **changes})


HIDDEN = {"rate": 0.4}


def complete():
    return ToyData(modalities=3).splits()


def drawn():
    """The masks of `HIDDEN`, by split."""
    return {name: Mask.draw(name, 96, NAMES, 0.4, 0) for name in ("train", "val", "test")}


def by_hand(told):
    """The same data without masks: arrays with zeros in them, and presence if it is told."""
    parts = {}
    for name, split in complete().named().items():
        there = {m: drawn()[name].column(m) for m in NAMES}
        inputs = {m: rows * there[m][:, None] for m, rows in split.inputs.items()}
        parts[name] = ArraySplit(inputs, split.target.numpy(), there if told else None)
    return Splits(replace(complete().spec, fingerprint=f"by hand {told}"), **parts)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One folder of masked runs, teachers trained once."""
    out = tmp_path_factory.mktemp("runs")
    for method in METHODS:
        train(recipe(HIDDEN, method), out)
    return out


def run_of(out, method):
    return out / f"toy-{method}-seed0-missing-0.4-both"


def predictions(folder, split="test"):
    return Run(folder).predictions(split)


# -- which splits are masked, and how


@pytest.mark.parametrize(
    ("missing", "rates", "protocol"),
    [
        ({"rate": 0.4}, (0.4, 0.4, 0.4), "clean, missing 0.4 both"),
        ({"rate": 0.5, "scenario": "test-only"}, (0, 0, 0.5), "clean, missing 0.5 test-only"),
        ({"train_rate": 0.25, "test_rate": 0.5}, (0.25, 0.25, 0.5), "clean, missing 0.25 train 0."),
        ({"train_rate": 0.25}, (0.25, 0.25, 0), "clean, missing 0.25 train 0 test"),
        ({"rate": 0.4, "seed": 3}, (0.4, 0.4, 0.4), "clean, missing 0.4 both seed 3"),
        ({"rate": 0.4, "mode": "mla"}, (0.4, 0.4, 0.4), "clean, missing 0.4 both mla"),
        ({"rate": 0}, (0, 0, 0), "clean"),
        (None, (0, 0, 0), "clean"),
    ],
)
def test_rates_and_scenarios(missing, rates, protocol):
    splits = build_splits(recipe(missing))
    assert splits.spec.protocol.startswith(protocol)
    masks = masks_of(splits)
    seen = [1 - masks[name].observed if name in masks else 0 for name in ("train", "val", "test")]
    np.testing.assert_allclose(seen, rates, atol=1 / (3 * 96))
    assert (splits.spec.fingerprint == complete().spec.fingerprint) == (not masks)


def test_masks_follow_their_own_seed_and_not_the_one_of_training():
    def prints(**changes):
        found = masks_of(build_splits(recipe(**changes)))
        return [mask.sha256 for mask in found.values()]

    first = prints(missing=HIDDEN)
    assert first == prints(missing=HIDDEN, seed=7, method="g2d")
    assert first == [mask.sha256 for mask in drawn().values()]
    assert not set(first) & set(prints(missing={**HIDDEN, "seed": 1}))


def test_files_in_the_place_of_rates(tmp_path):
    files = {name: str(m.save(tmp_path / f"{name}.npz")) for name, m in drawn().items()}
    one, other = build_splits(recipe(files)), build_splits(recipe(HIDDEN))
    assert one.spec.fingerprint == other.spec.fingerprint
    assert one.spec.protocol.startswith("clean, missing files ")
    test_alone = build_splits(recipe({"test": files["test"]}))
    assert list(masks_of(test_alone)) == ["test"]
    assert test_alone.spec.protocol != one.spec.protocol


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ({"rate": 0.7}, "missing: got a rate of 0.7, expected 0 to 0.6666: every sample keeps one"),
        ({"train_rate": 0.8}, "missing: got a rate of 0.8, expected 0 to 0.6666"),
        ({}, "missing: give a rate, or train_rate and test_rate, or mask files (train, val, test)"),
        ({"scenario": "both"}, "; got nothing"),
        ({"rate": 0.4, "test_rate": 0.2}, "; got more than one of them"),
        ({"rate": 0.4, "test": "x.npz"}, "; got more than one of them"),
        ({"rate": "much"}, "missing.rate: expected a number or null, got 'much'"),
        (
            {"rate": 0.4, "scenario": "train"},
            "missing.scenario: expected both or test-only, got 't",
        ),
        ({"rate": 0.4, "mode": "none"}, "missing.mode: expected masked or mla, got 'none'"),
        ({"eta": 0.4}, "missing.eta: no such option; known: rate, scenario, train_rate"),
        ({"rate": 0.4, "seed": -1}, "missing: got seed=-1, expected 0 or more"),
        ({"test": "nowhere.npz"}, "missing: there is no mask file nowhere.npz"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_written(tmp_path, missing, line):
    with pytest.raises(UserError) as caught:
        train(recipe(missing), tmp_path / "out")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_mask_of_another_split_or_size_is_refused(tmp_path):
    file = str(drawn()["test"].save(tmp_path / "mask.npz"))
    with pytest.raises(UserError, match="missing: got the mask of test for train; give the one of"):
        build_splits(recipe({"train": file}))
    with pytest.raises(UserError, match="is for near, far, deep, and the data has near, far; draw"):
        build_splits(recipe({"test": file}, modalities=2))
    with pytest.raises(UserError, match=r"expected 0 to 0\.5: every sample keeps one of its 2"):
        build_splits(recipe({"rate": 0.6}, modalities=2))


# -- the run


@pytest.mark.parametrize("method", METHODS)
def test_a_mask_is_as_good_as_data_that_lacks_the_modality(shared, tmp_path, method):
    own = train(recipe(method=method), tmp_path, splits=by_hand(told=True))
    for split in ("val", "test"):
        one, other = predictions(run_of(shared, method), split), predictions(own, split)
        assert set(one) == set(other)
        assert {"present/near", "logits/fused"} <= set(one)
        for key, rows in one.items():
            np.testing.assert_array_equal(rows, other[key], err_msg=key)


@pytest.mark.parametrize("method", METHODS)
def test_in_the_mode_of_mla_zeros_are_all_there_is(tmp_path, method):
    masked = train(recipe({**HIDDEN, "mode": "mla"}, method), tmp_path / "one")
    own = train(recipe(method=method), tmp_path / "other", splits=by_hand(told=False))
    one, other = predictions(masked), predictions(own)
    assert set(one) == set(other)
    for key, rows in one.items():
        np.testing.assert_array_equal(rows, other[key], err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_a_teacher_learns_from_the_samples_that_have_its_modality(shared, tmp_path, name):
    """The same weights as on data from which the others were taken out."""
    parts = {}
    for split, whole in complete().named().items():
        rows = drawn()[split].column(name)
        inputs = {m: values[rows] for m, values in whole.inputs.items()}
        parts[split] = ArraySplit(inputs, whole.target.numpy()[rows])
    less = Splits(replace(complete().spec, fingerprint="less"), **parts)
    fabric = TrainingSettings(accelerator="cpu").make_fabric()
    teach(resolve_teaching(recipe(), less), tmp_path, fabric)
    expected = load_file(
        teacher_folder(resolve_teaching(recipe(), less), name, tmp_path) / "model.safetensors"
    )
    masked = build_splits(recipe(HIDDEN))
    found = load_file(
        teacher_folder(resolve_teaching(recipe(HIDDEN), masked), name, shared) / "model.safetensors"
    )
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) for key in found)


def test_confidence_and_speed_count_the_samples_that_have_the_modality(shared):
    result = Run(run_of(shared, "g2d")).result["teachers"]
    model = Run(run_of(shared, "ume"), trust=True).model  # its branches are the teachers
    whole = complete()
    for name in NAMES:
        for split in ("train", "val"):
            there = drawn()[split].column(name)
            batch = whole.named()[split].__getitems__(np.flatnonzero(there).tolist())
            with torch.no_grad():
                logits = model.fusion.heads[name](model.encoders[name](batch.inputs[name]))
            sure = logits.double().softmax(1)[torch.arange(len(batch)), batch.target].mean().item()
            measured = result["confidence"]["heldout" if split == "val" else "train"][name]
            assert measured == pytest.approx(sure, abs=1e-5)
        curve = [
            epoch["val"]["confidence"]["fused"]
            for epoch in Run(shared / result["folders"][name]).epochs
        ]
        shares = np.bincount(whole.val.target[drawn()["val"].column(name)]) / there.sum()
        chance = float((shares**2).sum())
        best = np.maximum(np.maximum.accumulate(curve) - chance, 0)
        slow = best[-1] >= 0.05 * (1 - chance)
        assert result["speed"][name] == pytest.approx(best.mean() / best[-1] if slow else 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_accuracy_is_over_the_whole_split_and_over_every_pattern(shared, method):
    folder = run_of(shared, method)
    result = Run(folder).result
    assert result["protocol"] == "clean, missing 0.4 both"
    for split in ("val", "test"):
        said = predictions(folder, split)
        right = said["logits/fused"].argmax(1) == said["target"]
        assert len(right) == 96
        assert result[split]["accuracy"]["fused"] == pytest.approx(right.mean())
        found = result[split]["patterns"]
        has = drawn()[split].present
        assert sum(values["n"] for values in found.values()) == 96
        assert len(found) == len(np.unique(has, axis=0))
        for pattern, values in found.items():
            wanted = np.array([name in pattern.split("+") for name in NAMES])
            rows = (has == wanted).all(axis=1)
            assert values["n"] == rows.sum()
            assert values["accuracy"] == pytest.approx(right[rows].mean())


def test_the_ensemble_averages_the_teachers_that_have_something_to_hear(shared):
    said = predictions(run_of(shared, "ume"))
    alone = np.stack([said[f"logits/{name}"] for name in NAMES], axis=1)
    has = drawn()["test"].present
    for row in range(96):
        expected = alone[row][has[row]].mean(axis=0)
        np.testing.assert_allclose(said["logits/fused"][row], expected, atol=1e-6)


def test_all_methods_have_the_same_masks_and_teachers_and_complete_data_others(shared, tmp_path):
    hashes = {name: mask.sha256 for name, mask in drawn().items()}
    for method in METHODS:
        about = Run(run_of(shared, method)).about
        assert {n: m["sha256"] for n, m in about["missing"]["masks"].items()} == hashes
        for name, expected in hashes.items():
            assert Mask.load(run_of(shared, method) / f"mask-{name}.npz").sha256 == expected
    assert len(list((shared / "teachers").iterdir())) == 3
    masked = build_splits(recipe(HIDDEN))
    folders = [
        teacher_folder(resolve_teaching(recipe(), s), "near", tmp_path)
        for s in (masked, complete())
    ]
    assert folders[0] != folders[1]


def test_a_complete_run_has_no_word_of_masks(tmp_path):
    folder = train(recipe(), tmp_path)
    assert folder.name == "toy-joint-seed0"
    assert not list(folder.glob("mask-*"))
    assert "missing" not in (folder / "run.json").read_text()
    assert "patterns" not in (folder / "result.json").read_text()


def test_the_scenario_test_only_hides_nothing_in_training(tmp_path):
    one = train(recipe({"rate": 0.4, "scenario": "test-only"}), tmp_path / "one")
    other = train(recipe(), tmp_path / "other")
    weights = [load_file(folder / "model.safetensors") for folder in (one, other)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    results = [Run(folder).result for folder in (one, other)]
    assert results[0]["val"] == results[1]["val"]
    assert set(results[0]["test"]["patterns"]) > {"near", "far", "deep"}
    rows = drawn()["test"].present.all(axis=1)
    fused = [predictions(folder)["logits/fused"] for folder in (one, other)]
    np.testing.assert_allclose(fused[0][rows], fused[1][rows], atol=1e-6)
    assert not np.allclose(fused[0][~rows], fused[1][~rows], atol=1e-3)


@pytest.mark.parametrize("mode", ["masked", "mla"])
def test_an_evaluation_says_what_the_run_said(tmp_path, mode):
    folder = train(recipe({**HIDDEN, "mode": mode}), tmp_path)
    result = Run(folder).result
    for split in ("val", "test"):
        assert evaluate_run(Run(folder, trust=True), split).record() == result[split]
    assert len(result["test"]["patterns"]) == 7


def test_a_run_is_evaluated_with_the_masks_in_its_folder(tmp_path):
    """The files it was made with may be gone."""
    (tmp_path / "masks").mkdir()
    file = drawn()["test"].save(tmp_path / "masks" / "test.npz")
    folder = train(recipe({"test": str(file)}), tmp_path / "out")
    shutil.rmtree(tmp_path / "masks")
    found = evaluate_run(Run(folder, trust=True), "test")
    assert found.record() == Run(folder).result["test"]
    Mask.draw("test", 96, NAMES, 0.4, 5).save(folder / "mask-test.npz")
    with pytest.raises(UserError, match=r"the data is not what .* was trained on"):
        evaluate_run(Run(folder, trust=True), "test")


def test_a_run_does_not_go_on_under_another_mask(tmp_path):
    train(recipe(HIDDEN), tmp_path, name="run")
    for other in ({"rate": 0.2}, None):
        with pytest.raises(UserError, match=r"made from another recipe \(not the same: missing\)"):
            train(recipe(other), tmp_path, name="run", resume=True)


def test_a_modality_that_no_sample_of_a_split_has_is_no_empty_loader():
    split = complete().val
    split.present = {"far": np.zeros(96, bool)}
    with pytest.raises(UserError, match="modality 'far' is absent from every sample of a split"):
        having(split, "far")
