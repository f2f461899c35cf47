"""Runs that start at the same time share teachers and cache without spoiling them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context

import numpy as np
import pytest

from g2d.data.loader import make_loader
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.own_code import code_of
from g2d.recipes.recipe import digest, recipe_from
from g2d.runs.loaders import having
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import ToyData, toy_recipe


def run(method, out):
    """In a process of its own."""
    import torch

    torch.set_num_threads(1)
    return train(recipe_from(toy_recipe() | {"method": method}), out)


def test_two_runs_at_once_equal_one_after_the_other(tmp_path):
    for method in ("umt", "g2d"):
        run(method, tmp_path / "alone")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(run, method, tmp_path / "at-once") for method in ("umt", "g2d")]
        folders = [job.result() for job in jobs]
    for folder in folders:
        alone = Run(tmp_path / "alone" / folder.name)
        one, other = (r.result for r in (alone, Run(folder)))
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert len(list((tmp_path / "at-once" / "teachers").iterdir())) == 2
    assert len(list((tmp_path / "at-once" / "cache").iterdir())) == 1


def test_a_teacher_is_trained_on_the_samples_that_have_its_modality():
    split = ToyData().splits().train
    split.present = {"far": np.arange(96) % 4 > 0}
    (batch,) = make_loader(having(split, "near"), 96, shuffle=False)
    assert batch.modalities == ("near",)  # what it does not look at is not read
    np.testing.assert_array_equal(batch.inputs["near"], split.inputs["near"])
    own = having(split, "far")
    assert len(own) == 72
    rows = np.flatnonzero(split.present["far"])
    (batch,) = make_loader(own, 96, shuffle=False)
    np.testing.assert_array_equal(batch.inputs["far"], split.inputs["far"][rows])
    assert bool(batch.present["far"].all())


@pytest.mark.slow
def test_two_devices_from_the_command_line_make_one_finished_run(tmp_path):
    """Relaunch, shared folders, cached teachers, gathered evaluation; see tests/distributed."""
    import subprocess
    import sys
    from pathlib import Path

    import yaml

    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy_recipe(devices=2)))
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-m", "g2d.cli.main", "train", "toy.yaml", "--out", "runs"]
    for extra in ([], ["--resume"]):
        done = subprocess.run(
            command + extra,
            cwd=tmp_path,
            env={**__import__("os").environ, "PYTHONPATH": str(tests), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("toy, g2d, test split") == 1
    result = Run(tmp_path / "runs" / "toy-g2d-seed0").result
    assert result["samples"] == {"train": 96, "val": 96, "test": 96}


def test_a_setting_that_came_later_does_not_rename_teachers(tmp_path):
    """Teachers of before `patience` are found; those that end early are others."""
    plain = resolve_teaching(recipe_from(toy_recipe()))
    place = teacher_folder(plain, "near", tmp_path)
    watched = ("accelerator", "workers", "loggers", "probe_gradients", "patience")
    watched += ("sync_batch_norm", "compile")
    identity = {
        "data": plain.splits.spec.fingerprint,
        "protocol": plain.splits.spec.protocol,
        "encoder": plain.recipe.encoders["near"],
        "training": {k: v for k, v in asdict(plain.settings).items() if k not in watched},
        "seed": 0,
        "code": code_of(["toy.ToyEncoder"]),  # the encoder is of one's own
    }
    assert place.name.endswith(digest(identity))
    early = replace(plain, settings=replace(plain.settings, patience=3))
    assert teacher_folder(early, "near", tmp_path) != place
