"""From a recipe to a run folder that is complete, can be trusted, and survives a power cut."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import toy
from g2d import Regression, UserError
from g2d.checksums import sealed
from g2d.data.loader import make_loader
from g2d.engine import evaluate
from g2d.recipes.catalog import FUSIONS
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.recipe import recipe_from
from g2d.runs.evaluate import evaluate_run
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.teach import teach
from g2d.runs.train import train
from toy import PowerCutError, ToyData, toy_recipe

METHODS = ["joint", "umt", "ume", "g2d_loss", "g2d", "joint+smp", "umt+smp", "g2d_loss+smp"]
KINDS = {
    "two": {"name": "toy.ToyData"},
    "three": {"name": "toy.ToyData", "modalities": 3},
    "regression": {"name": "toy.ToyData", "regression": True},
}
FILES = {
    "run.json",
    "metrics.jsonl",
    "result.json",
    "model.json",
    "model.safetensors",
    "last.ckpt",
    "predictions-val.npz",
    "predictions-test.npz",
}


def recipe(method="g2d", data=None, fusion="late", teachers=None, seed=0, **training):
    content = toy_recipe(**{"epochs": 2, **training})
    data = data or KINDS["two"]
    names = ["near", "far", "deep"]
    count = data.get("modalities", 2)
    content["encoders"] = dict.fromkeys(names[:count], "toy.ToyEncoder")
    return recipe_from(
        {
            **content,
            "data": data,
            "method": method,
            "fusion": fusion,
            "teachers": teachers or {},
            "seed": seed,
        }
    )


def data(**options):
    return {"name": "toy.WatchedData", **options}


def files(folder):
    """Every file's bytes, but those of locks."""
    found = (p for p in folder.rglob("*") if p.is_file() and p.parent.name != ".locks")
    return {p.relative_to(folder): p.read_bytes() for p in found}


def read(path, name="result.json"):
    return Run(path).read_json(name)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One folder of runs: teachers are trained once for all tests that use it."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(autouse=True)
def nobody_watches():
    toy.READS.clear()
    toy.LEFT.clear()
    yield
    toy.LEFT.clear()


# -- a whole run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_leaves_a_complete_run_folder(shared, kind, method):
    path = train(recipe(method, KINDS[kind]), shared / kind)
    assert path.name == f"toy-{method}-seed0"
    missing = {"metrics.jsonl", "last.ckpt"} if method == "ume" else set()  # nothing is trained
    assert {p.name for p in path.iterdir()} == FILES - missing

    about = read(path, "run.json")
    splits = ToyData(**{k: v for k, v in KINDS[kind].items() if k != "name"}).splits()
    assert about["fingerprint"] == splits.spec.fingerprint
    assert about["protocol"] == "clean"
    assert about["recipe"]["seed"] == 0
    assert about["method"]["name"] == method
    assert about["environment"]["versions"]["torch"] == torch.__version__
    assert set(about["environment"]["versions"]) >= {"g2d", "torch", "numpy", "lightning-fabric"}

    lines = Run(path).epochs
    assert [line["epoch"] for line in lines] == ([] if method == "ume" else [0, 1])

    result = read(path)
    assert (result["method"], result["dataset"], result["seed"]) == (method, "toy", 0)
    assert result["epochs"] == (0 if method == "ume" else 2)
    assert result["seconds"] >= 0
    assert result["samples"] == {"train": 96, "val": 96, "test": 96}
    regression, classes = {"mape", "r2", "rmse", "mae", "mpe"}, {"accuracy", "uar", "macro_f1"}
    metrics = regression if kind == "regression" else classes
    for split in ("val", "test"):
        assert set(result[split]) == {"loss", "confidence"} | metrics
        for metric in (*metrics, "confidence"):
            assert set(result[split][metric]) == {"fused", *splits.spec.modalities}
    if kind != "regression":
        for metric in metrics:
            assert all(0 <= value <= 1 for value in result["test"][metric].values())
    assert ("teachers" in result) == ("floors" in result) == (method != "joint")


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_every_fusion_trains_and_is_loaded_again(shared, fusion):
    method = {"name": "g2d", "scope": "encoder"}
    path = train(recipe(method, fusion=fusion), shared / "fusions", name=fusion)
    model = Run(path, trust=True).model
    loader = make_loader(ToyData().splits().test, 256, shuffle=False)
    again = evaluate(model, loader, ToyData().splits().spec.task)
    for name, rows in again.logits.items():
        saved = Run(path).predictions("test")[f"logits/{name}"]
        np.testing.assert_array_equal(rows.numpy(), saved, strict=True)


@pytest.mark.parametrize("split", ["val", "test"])
def test_accuracy_is_what_numpy_says_of_the_predictions(shared, split):
    path = train(recipe("g2d", KINDS["three"]), shared / "three", resume=True)
    said = np.load(path / f"predictions-{split}.npz")
    truth = getattr(ToyData(modalities=3).splits(), split).target.numpy()
    np.testing.assert_array_equal(said["target"], truth)
    np.testing.assert_array_equal(said["index"], np.arange(96))
    for name in ("fused", "near", "far", "deep"):
        right = said[f"logits/{name}"].argmax(axis=1) == truth
        assert read(path)[split]["accuracy"][name] == pytest.approx(right.mean(), abs=1e-12)


def test_errors_of_regression_are_what_numpy_says_of_the_predictions(shared):
    path = train(recipe("g2d", KINDS["regression"]), shared / "regression", resume=True)
    said = np.load(path / "predictions-test.npz")
    splits = ToyData(regression=True).splits()
    low, high = splits.train.target.min().item(), splits.train.target.max().item()
    truth = splits.test.target.double().numpy()
    logits = said["logits/fused"].astype(np.float64).squeeze(1)
    error = low + (high - low) / (1 + np.exp(-logits)) - truth
    expected = {
        "rmse": np.sqrt((error**2).mean()),
        "mae": np.abs(error).mean(),
        "mape": np.abs(error / truth).mean(),
        "mpe": -(error / truth).mean(),
        "r2": 1 - (error**2).sum() / ((truth - truth.mean()) ** 2).sum(),
    }
    found = {metric: read(path)["test"][metric]["fused"] for metric in expected}
    assert found == pytest.approx(expected, rel=1e-5)
    assert isinstance(splits.spec.task, Regression)


def test_the_ensemble_is_the_mean_of_its_teachers_logits(shared):
    path = train(recipe("ume", KINDS["three"]), shared / "three", resume=True)
    test = ToyData(modalities=3).splits().test
    batch = test.__getitems__(list(range(len(test))))
    logits = []
    for name, place in read(path)["teachers"]["folders"].items():
        weights = load_file(shared / "three" / place / "model.safetensors")
        encoder = toy.ToyEncoder()
        encoder.load_state_dict(
            {k.removeprefix("encoder."): v for k, v in weights.items() if k.startswith("encoder.")}
        )
        with torch.no_grad():
            features = encoder.eval()(batch.inputs[name])
        logits.append(features @ weights["head.weight"].T + weights["head.bias"])
    said = np.load(path / "predictions-test.npz")["logits/fused"]
    np.testing.assert_allclose(said, torch.stack(logits).mean(dim=0), atol=1e-5)


def logits_of(path, split):
    found = Run(path).predictions(split)
    return {key.partition("/")[2]: value for key, value in found.items() if "logits/" in key}


@pytest.mark.parametrize("kind", KINDS)
def test_the_fitted_ensemble_is_the_weighted_sum_and_the_floor_of_every_method(shared, kind):
    fitted = train(
        recipe({"name": "ume", "weights": "fitted"}, KINDS[kind]), shared / kind, name="fitted"
    )
    splits = ToyData(**{k: v for k, v in KINDS[kind].items() if k != "name"}).splits()
    result, task = read(fitted), splits.spec.task
    weights = result["floors"]["weights"]
    assert all(weight >= 0 for weight in weights.values())
    for split in ("val", "test"):
        said = logits_of(fitted, split)
        total = sum(weights[name] * said[name].astype(np.float64) for name in weights)
        np.testing.assert_allclose(said["fused"], total, rtol=1e-4, atol=1e-5)
        floors = result["floors"][split]
        assert floors["ensemble"][task.metric] == pytest.approx(
            result[split][task.metric]["fused"], rel=1e-6
        )
        assert "ensemble" not in floors["above"]
        best = result["floors"]["modality"]
        value = result[split][task.metric][best]
        assert floors["single"][task.metric] == pytest.approx(value, rel=1e-6)
    for name in weights:
        value = result["val"][task.metric]
        assert not task.better(value[name], value[best]) or value[name] == value[best]
    other = read(train(recipe("g2d", KINDS[kind]), shared / kind, resume=True))
    assert other["floors"]["weights"] == weights
    for split in ("val", "test"):
        fused = other[split][task.metric]["fused"]
        floors = other["floors"][split]
        assert floors["single"] == result["floors"][split]["single"]
        for key in ("single", "ensemble"):
            assert (key in floors["above"]) == task.better(floors[key][task.metric], fused)


def test_floors_and_model_are_compared_on_the_same_samples(tmp_path):
    """Where modalities are missing: accuracy written out again from the saved predictions."""
    run = train(replace(recipe("g2d"), missing={"rate": 0.4}), tmp_path)
    result = read(run)
    best = result["floors"]["modality"]
    for split in ("val", "test"):
        with np.load(run / f"predictions-{split}.npz") as said:
            there, target = said[f"present/{best}"], said["target"]
            right = said["logits/fused"].argmax(1) == target
        floors = result["floors"][split]
        assert 0 < floors["samples"] == there.sum() < len(target)
        assert floors["fused_there"]["accuracy"] == pytest.approx(right[there].mean())
        alone = floors["single"]["accuracy"]
        assert ("single" in floors["above"]) == (alone > right[there].mean() + 1e-6)
        above = floors["ensemble"]["accuracy"] > right.mean() + 1e-6
        assert ("ensemble" in floors["above"]) == above
    teacher = read(tmp_path / result["teachers"]["folders"][best])
    assert floors["single"]["accuracy"] == pytest.approx(teacher["test"]["accuracy"]["fused"])


def test_a_teacher_that_was_not_measured_on_test_is_measured_later(tmp_path):
    """Whoever chose between settings had test withheld, in the same folder of runs."""
    splits = ToyData().splits()
    blind = resolve_teaching(recipe("g2d"), splits.without_test())
    teach(blind, tmp_path, blind.settings.make_fabric())
    folders = [teacher_folder(blind, name, tmp_path) for name in ("near", "far")]
    assert all("test" not in read(folder) for folder in folders)
    before = [load_file(folder / "model.safetensors") for folder in folders]
    train(recipe("g2d"), tmp_path)
    fresh = tmp_path / "fresh"
    train(recipe("g2d"), fresh)
    for folder, weights in zip(folders, before, strict=True):
        kept = load_file(folder / "model.safetensors")
        assert all(torch.equal(kept[key], value) for key, value in weights.items())
        assert read(folder)["test"] == read(fresh / folder.relative_to(tmp_path))["test"]


def test_begun_from_teachers_the_student_starts_as_their_ensemble(shared, caplog):
    """With a rate of nearly nothing its weights stay there; batch norm counts on."""
    options = {"name": "g2d", "init": "teachers"}
    slow = {"learning_rate": 1e-12, "weight_decay": 0.0}
    taught = {"learning_rate": 0.05}
    begun = train(recipe(options, teachers=taught, **slow), shared / "init", name="begun")
    ume = train(recipe("ume", teachers=taught, **slow), shared / "init", name="ume")
    one, other = (load_file(path / "model.safetensors") for path in (begun, ume))
    assert one.keys() == other.keys()
    for name in one:
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(one[name], other[name])
    assert "do not fit" not in caplog.text
    film = recipe({**options, "gamma": 0.0, "beta": 0.0}, fusion="film", teachers=taught, epochs=1)
    train(film, shared / "init", name="film")
    assert "begins at random: near: head, far: head" in caplog.text


def test_begun_as_the_ensemble_the_student_does_not_end_below_it_on_validation(shared):
    """At a rate that ruins it in every epoch."""
    ruin, taught = {"learning_rate": 30.0}, {"learning_rate": 0.05}
    options = {"name": "g2d", "init": "ensemble"}
    begun = train(recipe(options, teachers=taught, **ruin), shared / "init", name="ruined")
    fitted = {"name": "ume", "weights": "fitted"}
    ume = train(recipe(fitted, teachers=taught, **ruin), shared / "init", name="fitted")
    assert read(begun)["best_epoch"] == -1
    one, other = (logits_of(folder, "test")["fused"] for folder in (begun, ume))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_calibration_is_kept_with_the_run_and_changes_what_is_learned(tmp_path):
    method = {"name": "g2d", "calibrate": True}
    whole = train(recipe(method), tmp_path, name="calibrated")
    kept = read(whole, "calibration.json")
    assert kept == read(whole)["teachers"]["calibration"]
    assert set(kept["temperatures"]) == set(kept["weights"]) == {"near", "far"}
    assert any(value != 1 for value in kept["temperatures"].values())
    plain = train(recipe("g2d"), tmp_path, name="plain")
    one, other = logits_of(whole, "val"), logits_of(plain, "val")
    assert not np.array_equal(one["fused"], other["fused"])
    for split, raw in read(plain)["teachers"]["confidence"].items():
        assert raw != read(whole)["teachers"]["confidence"][split]


def test_a_loaded_run_gives_its_predictions_to_the_last_bit(shared):
    path = train(recipe(), shared / "two", resume=True)
    before = np.load(path / "predictions-test.npz")["logits/fused"]
    evaluation = evaluate_run(Run(path, trust=True), "test")
    np.testing.assert_array_equal(evaluation.logits["fused"].numpy(), before, strict=True)
    assert evaluation.record() == read(path)["test"]


# -- teachers


def test_methods_share_their_teachers_and_seeds_do_not(tmp_path):
    for method in ("joint", "umt"):
        train(recipe(method), tmp_path)
    first = files(tmp_path / "teachers")
    for method in ("g2d", "ume", "joint+smp"):
        train(recipe(method), tmp_path)
    assert files(tmp_path / "teachers") == first
    assert len(list((tmp_path / "teachers").iterdir())) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1
    train(recipe("umt", seed=1), tmp_path)
    assert len(list((tmp_path / "teachers").iterdir())) == 4
    assert files(tmp_path / "teachers").items() >= first.items()
    weights = [p.read_bytes() for p in tmp_path.glob("teachers/*near*/model.safetensors")]
    assert weights[0] != weights[1]


def test_other_settings_are_other_teachers(tmp_path):
    train(recipe("ume"), tmp_path)
    for count, changed in enumerate(
        [{"learning_rate": 0.02}, {"data": {"name": "toy.ToyData", "salt": 1}}], start=2
    ):
        train(recipe("ume", **changed), tmp_path, name=str(count))
        assert len(list((tmp_path / "teachers").iterdir())) == 2 * count
    train(recipe("ume", loggers=["tensorboard"], workers=0), tmp_path, name="same")
    assert len(list((tmp_path / "teachers").iterdir())) == 6


ENCODERS = {"near": {"name": "toy.ToyEncoder", "dropout": 0.2}, "far": "toy.ToyEncoder"}


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        ({}, ""),
        ({"data": {"name": "toy.ToyData", "salt": 1}}, "near far"),
        ({"data": {"name": "toy.ToyData", "protocol": "official"}}, "near far"),
        ({"encoders": ENCODERS}, "near"),
        ({"seed": 1}, "near far"),
        ({"training": {"devices": 2}}, "near far"),
        ({"training": {"epochs": 3}}, "near far"),
        ({"training": {"accelerator": "auto", "workers": 1}}, ""),
        ({"training": {"loggers": ["tensorboard"], "probe_gradients": True}}, ""),
        ({"method": "umt", "fusion": "concat"}, ""),
        ({"teachers": {"cache": "off"}}, ""),
    ],
    ids=str,
)
def test_a_teacher_is_named_by_what_decides_it_and_nothing_else(tmp_path, changes, others):
    def folders(content):
        teaching = resolve_teaching(recipe_from(content))
        return {name: teacher_folder(teaching, name, tmp_path) for name in ("near", "far")}

    usual = toy_recipe()
    training = {**usual["training"], **changes.get("training", {})}
    one, other = folders(usual), folders({**usual, **changes, "training": training})
    assert {name for name in one if one[name] != other[name]} == set(others.split())


def test_each_teacher_begins_with_weights_of_its_own(tmp_path):
    """Of one architecture, and of every seed: with a learning rate of nothing, they stay so."""
    for seed in (0, 1):
        train(recipe("ume", seed=seed, epochs=1, learning_rate=1e-30), tmp_path)
    first = [load_file(p) for p in sorted(tmp_path.glob("teachers/*/model.safetensors"))]
    matrices = [state["encoder.body.0.weight"] for state in first]
    assert len(matrices) == 4
    assert len({tuple(matrix.flatten().tolist()) for matrix in matrices}) == 4


def test_a_student_does_not_depend_on_when_its_teachers_were_trained(tmp_path):
    """The encoder has dropout: the random state at the student's start matters."""
    at_once = train(recipe("g2d"), tmp_path / "at_once")
    train(recipe("ume"), tmp_path / "later")
    later = train(recipe("g2d"), tmp_path / "later")
    assert files(at_once)[_weights(at_once)] == files(later)[_weights(later)]


def _weights(path):
    return (path / "model.safetensors").relative_to(path)


def test_cached_and_online_teachers_teach_the_same(tmp_path):
    cached = train(recipe(), tmp_path / "cached")
    online = train(recipe(teachers={"cache": "off"}), tmp_path / "online")
    assert (tmp_path / "cached" / "cache").exists()
    assert not (tmp_path / "online" / "cache").exists()
    for one, other in zip(Run(cached).epochs, Run(online).epochs, strict=True):
        assert one["train"]["loss"] == pytest.approx(other["train"]["loss"], rel=1e-5)
        assert one["val"]["accuracy"] == other["val"]["accuracy"]
    assert read(cached)["test"]["accuracy"] == read(online)["test"]["accuracy"]


def test_augmented_data_is_taught_online(tmp_path):
    path = train(recipe(data=data(noise=0.1)), tmp_path)
    assert Run(path).finished
    assert not (tmp_path / "cache").exists()


def test_a_cache_of_augmented_data_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"teachers\.cache: .* augmented at random.*auto or off"):
        train(recipe(data=data(noise=0.1), teachers={"cache": "on"}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cache_of_something_else_is_refused_and_no_run_begun(tmp_path):
    train(recipe("umt"), tmp_path)
    (sidecar,) = tmp_path.glob("cache/*/cache.json")
    sidecar.write_text(json.dumps(sealed({**json.loads(sidecar.read_text()), "key": "0" * 64})))
    before = files(tmp_path)
    with pytest.raises(UserError, match=r"cache of other teachers or other data; delete it"):
        train(recipe("g2d"), tmp_path)
    assert files(tmp_path) == before


def test_rankings_that_disagree_are_warned_of(tmp_path, caplog):
    """One sensor knows the answer in training only, so its teacher looks strong there."""
    leak = {"name": "toy.ToyData", "fault": "leak"}
    with caplog.at_level(logging.WARNING):
        heldout = {"name": "g2d", "rank_by": "heldout"}
        path = train(recipe(heldout, data=leak, epochs=6, learning_rate=0.1), tmp_path)
    said = [record.getMessage() for record in caplog.records if "rank" in record.getMessage()]
    assert len(said) == 1
    assert "weakest first: training data: far, near; held-out data: near, far; " in said[0]
    assert "; used: heldout (" in said[0]
    assert Run(path).epochs[0]["stage"] == "near alone"
    confidence = read(path)["teachers"]["confidence"]
    assert confidence["train"]["near"] > confidence["train"]["far"]
    assert confidence["heldout"]["near"] < confidence["heldout"]["far"]

    by_train = {"name": "g2d", "rank_by": "train"}
    other = train(
        recipe(by_train, data=leak, epochs=6, learning_rate=0.1), tmp_path, name="by-train"
    )
    assert Run(other).epochs[0]["stage"] == "far alone"

    by_speed = train(
        recipe({"name": "g2d", "rank_by": "speed"}, data=leak, epochs=6, learning_rate=0.1),
        tmp_path,
        name="by-speed",
    )
    # Held-out, the sensor is noise: its teacher has learned nothing, so nothing late.
    assert read(by_speed)["teachers"]["speed"]["near"] == 1
    assert Run(by_speed).epochs[0]["stage"] == "far alone"
    caplog.clear()
    train(recipe("g2d", data=leak, epochs=6, learning_rate=0.1), tmp_path, name="together")
    assert "rank differently" not in caplog.text  # without stages nobody leads


def test_ranked_by_speed_the_slowest_teacher_leads(shared):
    by_speed = {"name": "g2d", "rank_by": "speed"}
    path = train(recipe(by_speed, epochs=12, learning_rate=0.02), shared, name="by-speed")
    told = read(path)["teachers"]
    speed = {}
    for modality, place in told["folders"].items():
        curve = [r["val"]["confidence"]["fused"] for r in Run(shared / place).epochs]
        gains = [max(max(curve[: i + 1]) - 1 / 3, 0) for i in range(len(curve))]
        speed[modality] = sum(gains) / len(gains) / gains[-1]
    assert told["speed"] == pytest.approx(speed, rel=1e-4)
    leader = min(speed, key=lambda name: speed[name])
    assert Run(path).epochs[0]["stage"] == f"{leader} alone"


def test_rankings_that_agree_are_not(shared, caplog):
    with caplog.at_level(logging.WARNING):
        train(recipe(epochs=12, learning_rate=0.02), shared / "quiet")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# -- the test split


def test_the_test_split_is_asked_once_at_the_end(tmp_path):
    train(recipe("joint", data=data()), tmp_path)
    asked = [number for number, (name, _) in enumerate(toy.READS) if name == "test"]
    first, last = asked[0], asked[-1]
    assert toy.READS[first] == ("test", (0,))  # its shape is checked, before anything
    assert asked[1:] == [last] == [len(toy.READS) - 1]
    assert toy.READS[last] == ("test", tuple(range(96)))
    assert max(n for n, (name, _) in enumerate(toy.READS) if name == "train") < last


def untouched_by_test(tmp_path, **options):
    one, other = (
        train(recipe(data=data(test_salt=salt), **options), tmp_path / str(salt)) for salt in (0, 1)
    )
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    first, second = read(one), read(other)
    assert first["test"] != second["test"]
    for key in ("val", "best_epoch"):
        assert first[key] == second[key]
    return first, second


@pytest.mark.parametrize("fusion", FUSIONS)
def test_nothing_but_test_numbers_depends_on_the_test_split(tmp_path, fusion):
    untouched_by_test(tmp_path, method="joint", fusion=fusion, epochs=1)


def test_neither_teachers_nor_floors_are_fitted_on_the_test_split(tmp_path):
    whole = {"name": "g2d", "calibrate": True, "distill_to": "ensemble", "init": "teachers"}
    first, second = untouched_by_test(tmp_path, method=whole, epochs=3)
    assert first["teachers"]["calibration"] == second["teachers"]["calibration"]
    for key in ("weights", "modality", "val"):
        assert first["floors"][key] == second["floors"][key]


# -- stopping and going on


EPOCHS = 4  # the default schedule is 1 epoch of the weak modality alone, then 3 of both
STEPS = 6 * EPOCHS


# All of a method that has a state of its own, or something that is fitted before it begins.
WHOLE = {
    "name": "g2d",
    "schedule": "auto",
    "calibrate": True,
    "init": "teachers",
    "distill_to": "ensemble",
}


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """A run that nobody stopped, and how many reads had been made before each training step."""
    toy.READS.clear()
    folder = tmp_path_factory.mktemp("uncut")
    train(recipe(WHOLE, data=data(), epochs=EPOCHS), folder)
    reads = list(toy.READS)
    steps = [n for n, (name, rows) in enumerate(reads) if name == "train" and len(rows) == 16]
    assert len(steps) == 3 * STEPS  # two teachers and the student
    return folder, steps, len(reads)


@pytest.mark.parametrize(
    "moment", ["teacher 1", "teacher 2", "cache", "one modality", "all modalities", "test"]
)
def test_a_power_cut_changes_nothing(tmp_path, uncut, moment):
    whole, steps, reads = uncut
    toy.LEFT[:] = {
        "teacher 1": [steps[9]],
        "teacher 2": [steps[STEPS + 20]],
        "cache": [steps[2 * STEPS] - 2],
        "one modality": [steps[2 * STEPS + 3]],
        "all modalities": [steps[2 * STEPS + 15]],
        "test": [reads - 1],
    }[moment]
    chosen = recipe(WHOLE, data=data(), epochs=EPOCHS)
    with pytest.raises(PowerCutError):
        train(chosen, tmp_path)
    toy.LEFT.clear()
    torch.manual_seed(12345)  # a new process has another random state
    path = train(chosen, tmp_path, resume=True)

    for place in (path.name, *read(path)["teachers"]["folders"].values()):
        one, other = whole / place, tmp_path / place
        assert files(one)[_weights(one)] == files(other)[_weights(other)], place
        records = [Run(folder).epochs for folder in (one, other)]
        for first, second in zip(*records, strict=True):
            assert {**first, "seconds": 0} == {**second, "seconds": 0}
        assert {**read(one), "seconds": 0} == {**read(other), "seconds": 0}


def test_every_session_of_a_run_is_recorded_and_the_first_kept(tmp_path, uncut):
    _, steps, _ = uncut
    toy.LEFT[:] = [steps[2 * STEPS + 15]]
    chosen = recipe(WHOLE, data=data(), epochs=EPOCHS)
    with pytest.raises(PowerCutError):
        train(chosen, tmp_path)
    toy.LEFT.clear()
    run = Run(tmp_path / "toy-g2d-seed0")
    begun = run.about
    (first,) = begun["sessions"]
    assert first["environment"] == begun["environment"]
    first["environment"]["commit"] = begun["environment"]["commit"] = "of the first session"
    run.write_json("run.json", begun)
    train(chosen, tmp_path, resume=True)
    ended = run.about
    assert ended["environment"] == begun["environment"]
    assert ended["sessions"][0] == first
    (second,) = ended["sessions"][1:]
    assert second["environment"]["commit"] != "of the first session"
    assert datetime.fromisoformat(first["started"]) <= datetime.fromisoformat(second["started"])
    teacher = next(iter((tmp_path / "teachers").iterdir()))
    assert len(read(teacher, "run.json")["sessions"]) == 1  # it was finished


def test_a_finished_run_is_not_touched(shared):
    path = train(recipe(), shared / "two", resume=True)
    before = files(path)
    with pytest.raises(UserError, match=r"holds a finished run; add --resume .* another --out"):
        train(recipe(), shared / "two")
    assert train(recipe(), shared / "two", resume=True) == path
    assert files(path) == before


def test_an_unfinished_run_is_not_begun_again_unasked(tmp_path):
    toy.LEFT[:] = [20]
    with pytest.raises(PowerCutError):
        train(recipe("joint", data=data(), epochs=4), tmp_path)
    toy.LEFT.clear()
    with pytest.raises(UserError, match="holds an unfinished run; add --resume"):
        train(recipe("joint", data=data(), epochs=4), tmp_path)


def test_another_recipe_or_other_data_does_not_go_on_with_a_run(tmp_path, shared):
    path = train(recipe("joint"), tmp_path)
    before = files(tmp_path)
    with pytest.raises(UserError, match=r"another recipe \(not the same: training\); give"):
        train(recipe("joint", epochs=3), tmp_path, resume=True)
    with pytest.raises(UserError, match=r"was made from other data .* put the first data back"):
        train(recipe("joint"), tmp_path, resume=True, splits=ToyData(salt=1).splits())
    assert files(tmp_path) == before
    assert Run(path).finished


def test_a_recipe_made_in_python_may_hold_tuples(tmp_path):
    chosen = recipe("joint", lr_steps=(0.5,))
    assert train(chosen, tmp_path) == train(chosen, tmp_path, resume=True)


# -- refused before anything is written


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"method": {"name": "g2d", "schedule": [2, 2]}}, "takes 4 epochs and training has 2"),
        ({"method": "g4d"}, "method: there is no 'g4d'"),
        ({"fusion": "glue"}, "fusion: there is no 'glue'"),
        ({"optimizer": "adam"}, "training.optimizer: expected sgd or adamw, got 'adam'"),
        ({"teachers": {"epochs": 0}}, "teachers: epochs must be 1 or more, got 0"),
        ({"accelerator": "tpu"}, "training.accelerator: expected auto or cpu or gpu, got 'tpu'"),
        ({"data": {"name": "toy.ToyData", "fault": "nan"}}, "modality 'near' is not a finite numb"),
        ({"data": {"name": "toy.ToyData", "fault": "absent"}}, "no training sample of class '2'"),
        ({"data": {"name": "toy.ToyData", "fault": "empty"}}, "toy, val: got 0 samples"),
        ({"data": {"name": "toy.ToyData", "modalities": 1}}, "expected 2 or more"),
        ({"data": {"name": "toy.ToyData", "root": "/none"}}, "/none is not there; expected the"),
    ],
)
def test_nothing_is_written_for_a_recipe_that_cannot_be_trained(tmp_path, changes, line):
    with pytest.raises(UserError) as caught:
        train(recipe(**changes), tmp_path / "out")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_cannot_take_the_data_is_found_before_training(tmp_path):
    chosen = recipe_from(
        {
            **toy_recipe(),
            "encoders": {"near": "toy.ToyEncoder", "far": {"name": "mlp", "inputs": 9}},
        }
    )
    with pytest.raises(UserError, match=r"MLP got an input of shape \(2, 6\), expected \(B, 9\)"):
        train(chosen, tmp_path)
    own = {"name": "toy.ToyEncoder", "inputs": 9}
    chosen = recipe_from({**toy_recipe(), "encoders": {"near": "toy.ToyEncoder", "far": own}})
    with pytest.raises(UserError, match=r"cannot take a sample of the data \(near \[6\], far \[6"):
        train(chosen, tmp_path)
    assert not list(tmp_path.iterdir())


# -- evaluation


def test_a_run_is_not_evaluated_on_other_data(shared):
    path = train(recipe(), shared / "two", resume=True)
    before = files(path)
    with pytest.raises(UserError, match=r"not what toy-g2d-seed0 was trained on \(fingerprint"):
        evaluate_run(Run(path, changes=[("data.salt", 1)], trust=True), "test")
    with pytest.raises(UserError, match=r"--method\.alpha: .* only --data\.\* may change"):
        evaluate_run(Run(path, changes=[("method.alpha", 0)], trust=True), "test")
    with pytest.raises(UserError, match="there is no split 'dev'; expected train, val or test"):
        evaluate_run(Run(path), "dev")
    assert files(path) == before


def test_data_that_moved_is_found_where_it_is_now(shared, tmp_path):
    path = train(recipe(), shared / "two", resume=True)
    evaluation = evaluate_run(Run(path, changes=[("data.root", str(tmp_path))], trust=True), "val")
    assert evaluation.record() == read(path)["val"]


def test_what_is_no_finished_run_is_not_loaded(shared, tmp_path):
    path = train(recipe(), shared / "two", resume=True)
    teacher = shared / "two" / next(iter(read(path)["teachers"]["folders"].values()))
    for folder in (tmp_path, tmp_path / "none", teacher):
        with pytest.raises(UserError, match="is not a finished run folder of a multimodal model"):
            _ = Run(folder, trust=True).model


def test_an_order_given_by_hand_is_the_order(tmp_path):
    for order in (["near", "far"], ["far", "near"]):
        folder = train(recipe({"name": "g2d", "rank_by": order}), tmp_path, name=order[0])
        assert Run(folder).epochs[0]["stage"] == f"{order[0]} alone"
        assert Run(folder).about["method"]["rank_by"] == order


@pytest.mark.parametrize("order", [["near"], ["near", "near"], ["near", "up"], [1, 2], {"a": 1}])
def test_an_order_of_other_modalities_is_refused(tmp_path, order):
    with pytest.raises(UserError, match=r"method\.rank_by: expected speed, heldout, train"):
        train(recipe({"name": "g2d", "rank_by": order}), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_under_other_defaults_is_not_taken_for_one_of_today(tmp_path):
    run = train(recipe_from(toy_recipe()), tmp_path)
    about = Run(run).about
    about["method"]["feature_reduction"] = "sum"  # what the default once was
    Run(run).write_json("run.json", about)
    with pytest.raises(UserError, match=r"other defaults of g2d \(feature_reduction sum\)"):
        train(recipe_from(toy_recipe()), tmp_path, resume=True)
    assert Run(run, trust=True).model is not None


def test_a_loss_of_before_gamma_is_not_taken_for_one_of_today(tmp_path):
    recipe = recipe_from(toy_recipe() | {"method": "g2d_loss"})
    run = Run(train(recipe, tmp_path))
    about = run.about
    del about["method"]["gamma"], about["method"]["distill_to"]  # as it was written before
    run.write_json("run.json", about)
    with pytest.raises(
        UserError, match=r"other defaults of g2d_loss \(gamma 0.0, distill_to fused"
    ):
        train(recipe, tmp_path, resume=True)


def test_a_stage_that_cannot_end_is_refused_before_a_teacher_is_trained(tmp_path):
    method = {"name": "g2d", "preset": "paper", "schedule": "auto"}
    with pytest.raises(UserError, match="stops improving"):
        train(recipe_from(toy_recipe() | {"method": method}), tmp_path)
    assert not (tmp_path / "teachers").exists()
