"""A blend as a run: it says what its members say by themselves, and is used like any other run."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.errors import UserError
from g2d.files import read_json, write_json
from g2d.runs import train
from g2d.runs.run import Run
from g2d.table.auto.candidates import JOINT, LINEAR, Candidate, blend_of
from g2d.table.auto.leaderboard import Line, choose

WEIGHTS = {"linear": 0.4, "fitted": 0.3, "joint": 0.2, "g2d": 0.6, "boosting": 0.1}
METHODS = {"fitted": {"name": "ume", "weights": "fitted"}}


@pytest.fixture
def table(tmp_path):
    """Two columns of numbers and one of words, of which some are lacking."""
    rng = np.random.default_rng(0)
    file = tmp_path / "data.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a", "b", "note", "kind"])
        for _ in range(160):
            a, b = rng.normal(size=2)
            words = rng.choice(["red", *(f"word{n}" for n in range(30))], size=8).tolist()
            kind = "yes" if a + ("red" in words) > 0.3 else "no"
            note = " ".join(words) if rng.random() > 0.1 else ""
            writer.writerow([f"{a:.4f}", f"{b:.4f}", note, kind])
    return file


def members():
    names = {"boosting": ["tabular"]}
    return [
        {"method": METHODS.get(name, name), "weight": weight}
        | ({"modalities": names[name]} if name in names else {})
        for name, weight in WEIGHTS.items()
    ]


def as_words(method):
    given = {"name": method} if isinstance(method, str) else dict(method)
    words = ["--method", given.pop("name")]
    for key, value in given.items():
        words += [f"--method.{key}", value if isinstance(value, str) else json.dumps(value)]
    return words


def trained(g2d, table, out, method, name, *more):  # noqa: F811
    words = ("--target", "kind", "--out", out, "--training.epochs", "2", "--name", name)
    done = g2d("train", table, *words, *as_words(method), *more)
    assert done.status == 0, done.err
    return out / name, done


def test_it_says_the_weighted_sum_of_models_trained_by_themselves(g2d, table, tmp_path):  # noqa: F811
    method = {"name": "blend", "members": members()}
    folder, _ = trained(g2d, table, tmp_path / "runs", method, "blend")
    expected = 0.0
    for name, weight in WEIGHTS.items():
        more = ("--data.modalities", "[tabular]") if name == "boosting" else ()
        one, _ = trained(g2d, table, tmp_path / "runs", METHODS.get(name, name), name, *more)
        expected = expected + weight * Run(one).predictions("test")["logits/fused"]
    run = Run(folder)
    np.testing.assert_allclose(run.predictions("test")["logits/fused"], expected, atol=1e-4)
    assert not (folder / "members").exists()
    assert list(run.model.modalities) == list(run.description["modalities"])
    before = run.predictions("val")["logits/fused"]
    for command in (
        ("evaluate", folder, "--split", "val"),
        ("predict", folder, "--data", table, "--out", tmp_path / "said.csv"),
        ("export", folder, "--format", "onnx", "--out", tmp_path / "model.onnx"),
        ("export", folder, "--format", "torch", "--out", tmp_path / "model.pt2"),
        ("analyse", "attribution", folder, "--to", tmp_path / "figures"),
        ("analyse", "calibration", folder, "--to", tmp_path / "figures"),
    ):
        done = g2d(*command)
        assert done.status == 0, done.err
    np.testing.assert_array_equal(Run(folder).predictions("val")["logits/fused"], before)
    trained(g2d, table, tmp_path / "runs", method, "blend", "--resume")


def test_without_weights_validation_fits_them(g2d, table, tmp_path):  # noqa: F811
    names = {"g2d": "g2d", "fitted": METHODS["fitted"], "joint": "joint"}
    given = [{"method": method} for method in names.values()]
    method = {"name": "blend", "members": given}
    folder, done = trained(g2d, table, tmp_path / "runs", method, "blend")
    found = read_json(folder / "result.json")["members"]
    weights = [one["weight"] for one in found]
    assert re.search(r"members +\d+ % g2d, \d+ % ume, \d+ % joint", done.out), done.out
    assert sum(one["share"] for one in found) == pytest.approx(1, abs=1e-3)
    said = []
    for name, one in names.items():
        alone, _ = trained(g2d, table, tmp_path / "alone", one, name)
        said.append(torch.from_numpy(Run(alone).predictions("val")["logits/fused"]))
    blend = Run(folder).predictions("val")
    target, fused = torch.from_numpy(blend["target"]), torch.from_numpy(blend["logits/fused"])
    total = sum(weight * logits for weight, logits in zip(weights, said, strict=True))
    torch.testing.assert_close(fused, total, atol=1e-3, rtol=1e-3)
    # not worse than equal shares of members that another search has calibrated, at any scale
    calm = [logits / best_divisor(logits, target) for logits in said]
    equal = sum(calm) / len(calm)
    loss = torch.nn.functional.cross_entropy
    assert loss(fused, target) <= loss(equal / best_divisor(equal, target), target) + 1e-3
    assert max(weights) > 1.2 * min(weights)  # they are not one number


def best_divisor(logits, target):
    loss = torch.nn.functional.cross_entropy
    search = minimize_scalar(lambda t: loss(logits / t, target).item(), bounds=(0.05, 20))
    return search.x


def test_without_members_it_is_g2d_and_its_teachers(g2d, tmp_path):  # noqa: F811
    """They are those of the folder, which another run uses, and stand beside the result."""
    words = ("--out", tmp_path, "--training.epochs", "1", "--encoders.image.width", "4")
    words += ("--encoders.audio.width", "4")
    done = g2d("train", "avdigits", *words, "--method", "blend")
    assert done.status == 0, done.err
    result = read_json(tmp_path / "avdigits-blend-seed0" / "result.json")
    assert [one["method"] for one in result["members"]] == ["g2d", METHODS["fitted"]]
    assert "fitted ensemble of the teachers" in done.out
    taught = {file: file.stat().st_mtime_ns for file in tmp_path.glob("teachers/*/*.safetensors")}
    assert len(taught) == 2
    ensemble = ("--method", "ume", "--method.weights", "fitted")
    assert g2d("train", "avdigits", *words, *ensemble).status == 0
    again = {file: file.stat().st_mtime_ns for file in tmp_path.glob("teachers/*/*.safetensors")}
    assert again == taught
    alone = read_json(tmp_path / "avdigits-ume-seed0" / "result.json")["test"]["accuracy"]
    floor = result["floors"]["test"]["ensemble"]["accuracy"]
    assert floor == pytest.approx(alone["fused"], abs=1e-6)


@pytest.mark.parametrize(
    ("behind", "error", "kept"),
    [(0.0, 0.0, "blend"), (0.03, 0.02, "blend"), (0.05, 0.02, "joint")],
)
def test_it_is_kept_unless_the_best_is_surely_better(behind, error, kept):
    names = ("a", "b")
    blend = blend_of(names, [Candidate(LINEAR, names), Candidate(JOINT, names)])
    best = Line(Candidate(JOINT, names), 0.9, 0.01, 0.0, 0.0, 1.0)
    lines = [best, Line(blend, 0.9 - behind, 0.01, behind, error, 2.0)]
    assert choose(lines if behind else lines[::-1]).candidate.name == kept


def test_killed_after_its_members_it_goes_on_with_them(g2d, table, tmp_path, monkeypatch):  # noqa: F811
    method = {"name": "blend", "members": [{"method": "joint"}, {"method": "linear"}]}
    whole, _ = trained(g2d, table, tmp_path / "whole", method, "blend")
    folder, save = tmp_path / "runs" / "blend", train.save_weights

    def killed(path, model):
        if path.parent == folder:
            raise KeyboardInterrupt
        save(path, model)

    words = ("--target", "kind", "--out", tmp_path / "runs", "--training.epochs", "2")
    command = ("train", table, *words, "--name", "blend", *as_words(method))
    with monkeypatch.context() as patch:
        patch.setattr(train, "save_weights", killed)
        assert g2d(*command).status != 0
    members = sorted((folder / "members").glob("member-*/model.safetensors"))
    before = [member.stat().st_mtime_ns for member in members]
    assert len(before) == 2
    refused = g2d(*command)
    assert refused.status == 2
    assert "holds an unfinished run; add --resume to go on with it" in refused.err
    monkeypatch.setattr(train, "forget_members", lambda run: None)
    assert g2d(*command, "--resume").status == 0
    assert [member.stat().st_mtime_ns for member in members] == before
    one, other = (Run(path).predictions("test")["logits/fused"] for path in (whole, folder))
    np.testing.assert_array_equal(one, other)


def test_members_never_see_test(g2d, table, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("g2d.runs.train.forget_members", lambda run: None)
    method = {"name": "blend", "members": [{"method": "joint"}, {"method": "linear"}]}
    folder, _ = trained(g2d, table, tmp_path / "runs", method, "blend")
    results = [read_json(file) for file in folder.glob("members/member-*/result.json")]
    assert [("val" in one, "test" in one) for one in results] == [(True, False)] * 2
    assert "test" in read_json(folder / "result.json")


def test_code_of_strangers_in_a_member_is_refused(g2d, table, tmp_path):  # noqa: F811
    method = {"name": "blend", "members": [{"method": "joint"}, {"method": "linear"}]}
    folder, _ = trained(g2d, table, tmp_path / "runs", method, "blend")
    described = read_json(folder / "model.json")
    described["members"][0]["encoders"]["tabular"] = {"name": "os.system", "command": "touch x"}
    write_json(folder / "model.json", described)
    with pytest.raises(UserError, match=r"would be imported and run .*'os\.system'"):
        _ = Run(folder).model
    about = read_json(folder / "run.json")
    about["recipe"]["method"]["members"][0]["method"] = "os.abort"
    write_json(folder / "run.json", about)
    done = g2d("predict", folder, "--data", table, "--out", tmp_path / "said.csv")
    assert done.status == 2
    assert "os.abort" in done.err


def test_auto_keeps_it_where_no_other_is_surely_better(g2d, table, tmp_path):  # noqa: F811
    out = tmp_path / "runs"
    words = ("--target", "kind", "--out", out, "--training.epochs", "3", "--method.folds", "2")
    done = g2d("train", table, *words, "--method", "auto")
    assert done.status == 0, done.err
    said = " ".join(done.out.split())
    assert "the blend, unless the best is better by more than two standard errors" in said
    (folder,) = out.glob("*-auto-seed0")
    board = read_json(folder / "leaderboard.json")
    blends = [one for one in board["candidates"] if one["name"].split()[0] == "blend"]
    blend, kept = blends[0], board["kept"]["line"]
    assert kept == blend["name"] or blend["behind"] > 0
    shares = [one["share"] for one in board["kept"]["members"]]
    assert bool(shares) == (kept == blend["name"])
    if shares:
        assert sum(shares) == pytest.approx(1, abs=0.01)
        assert f"({100 * shares[0]:.0f} % " in said
    assert not (folder / "members").exists()
