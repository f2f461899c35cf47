"""The one call for a machine with a card, tried on the CPU with everything small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.datasets.conftest import originals  # noqa: F401 (a fixture)
from benchmarks.test_commands import run
from g2d.benchmark.datasets.avmnist.dataset import AVMNIST
from recipes.stores import MINIATURES

TINY = ("--tiny", "--device", "cpu", "--seeds", 0, "--lanes", 1, "--epochs", 2)


@pytest.fixture
def store(originals, tmp_path):  # noqa: F811
    for name in ("mnist", "fsdd"):
        (tmp_path / name).symlink_to(originals / name)
    return MINIATURES["avmnist"].make(tmp_path, tmp_path / "store")


def test_what_is_carried_is_the_store_in_fewer_levels(store, tmp_path):
    file = tmp_path / "carried.npz"
    assert "MB" in run("gpu.py", "--pack", store, "--data", file, "--rows", 40, 20, 16)
    splits, rows = AVMNIST(store).splits(), 16
    with np.load(file) as found:
        assert found["test-target"].tolist() == splits.test.target[:rows].tolist()
        batch = splits.test.__getitems__(list(range(rows)))
        for modality, levels in (("image", 255), ("audio", 63)):
            apart = found[f"test-{modality}"] / levels - batch.inputs[modality].numpy()
            assert np.abs(apart).max() <= 0.5001 / levels


@pytest.mark.slow
def test_the_call_measures_all_three_parts(store, tmp_path):
    file, result = tmp_path / "carried.npz", tmp_path / "gpu.json"
    run("gpu.py", "--pack", store, "--data", file)
    run("gpu.py", "--data", file, *TINY, "--result", result)
    found = json.loads(Path(result).read_text("utf-8"))
    assert found["check"]["all_right"]
    assert all(gate["right"] for gate in found["check"]["gates"].values())
    assert not found["check"]["gates"]["released"]["convolutions_kept"]
    assert all("failed" not in row and row["ms"] > 0 for row in found["step"]["rows"])
    avmnist = found["avmnist"]
    assert avmnist["all_finished"]
    assert set(avmnist["teachers"]) == {"image", "audio"}
    for row in avmnist["rows"].values():
        assert len(row["test"]["fused"]["values"]) == 1


@pytest.mark.slow
def test_what_does_not_fit_into_the_minutes_is_named(store, tmp_path):
    file, result = tmp_path / "carried.npz", tmp_path / "gpu.json"
    run("gpu.py", "--pack", store, "--data", file)
    run("gpu.py", "--data", file, *TINY, "--minutes", 0, "--only", "step", "--result", result)
    step = json.loads(Path(result).read_text("utf-8"))["step"]
    assert step["rows"] == []
    assert {row["variant"] for row in step["not_reached"]} >= {"bare", "joint"}


def test_a_part_measured_again_keeps_the_others(store, tmp_path):
    result = tmp_path / "gpu.json"
    file = tmp_path / "not-read.npz"
    none = ("--data", file, *TINY, "--minutes", 0, "--result", result)
    run("gpu.py", *none, "--only", "step")
    result.write_text(json.dumps({**json.loads(result.read_text("utf-8")), "check": {"a": 1}}))
    run("gpu.py", *none, "--only", "step")
    found = json.loads(result.read_text("utf-8"))
    assert found["check"] == {"a": 1}
    assert found["step"]["rows"] == []
    result.write_text(json.dumps({**found, "card": {"name": "another"}}))
    run("gpu.py", *none, "--only", "step")
    assert "check" not in json.loads(result.read_text("utf-8"))
