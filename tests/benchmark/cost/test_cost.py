"""Bytes against the paper's own numbers and real files; steps against each other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from matplotlib.image import imread
from torch import nn

from g2d import Batch, Classification, UserError
from g2d.analysis.subject import Subject
from g2d.benchmark.cost.cost import cost, measure_cost
from g2d.benchmark.cost.finding import Cost, StepCost, batch_bytes, cache_bytes
from g2d.benchmark.cost.peak_memory import peak_memory
from g2d.benchmark.cost.step_variants import CACHED, JOINT, ONLINE, Workload
from g2d.recipes.build import build_splits
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.teachers.bank import TeacherOutputs
from toy import toy_recipe
from toy_parts import cached

# Table 10 of the paper, CREMA-D, batch 16, in MiB.
PAPER = {"joint": 12.1366, "g2d": 12.1998}


def test_the_papers_memory_column_is_the_size_of_a_batch():
    shapes = {"a": (1, 257, 188), "b": (3, 1, 224, 224)}
    inputs = {name: torch.empty(16, *shape, device="meta") for name, shape in shapes.items()}
    batch = Batch(inputs, torch.zeros(16, dtype=torch.long), torch.arange(16))
    taught = {n: TeacherOutputs(torch.empty(16, 512), torch.empty(16, 6)) for n in shapes}
    assert batch_bytes(batch) == 16 * (257 * 188 + 3 * 224 * 224) * 4 + 16 * 8 == 12_726_144
    assert batch_bytes(batch, taught) - batch_bytes(batch) == 66_304
    assert round(batch_bytes(batch) / 2**20, 4) == PAPER["joint"]
    assert round(batch_bytes(batch, taught) / 2**20, 4) == PAPER["g2d"]


def test_half_precision_and_masks():
    inputs = {"a": torch.zeros(4, 3, dtype=torch.bfloat16)}
    batch = Batch(inputs, torch.zeros(4, 2), torch.arange(4), {"a": torch.ones(4).bool()})
    assert batch_bytes(batch) == 4 * 3 * 2 + 4 * 2 * 4


def test_a_cache_takes_what_its_files_take(tmp_path):
    import numpy as np

    cached(tmp_path / "cache")
    files = list((tmp_path / "cache").glob("*.npy"))
    assert len(files) == 6
    payload = sum(np.load(file).nbytes for file in files)
    assert cache_bytes(96, {"near": 8, "far": 8}, outputs=3) == payload
    # features and logits alone are the 27.8 MB of CREMA-D
    assert cache_bytes(6698, {"a": 511, "b": 511}, 6) == 6698 * 2 * 518 * 4


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return train(recipe_from(toy_recipe(epochs=2)), out)


def test_what_is_frozen_is_not_trained():
    chosen = toy_recipe() | {"encoders": dict.fromkeys(("near", "far"), "toy.HalfFrozen")}
    recipe = recipe_from(chosen)
    found = measure_cost(recipe, build_splits(recipe), steps=2, warm_up=0, memory=False)
    whole = 2 * (6 * 8 + 8 + 2 * 8 + 8 * 3 + 3)
    assert [row.trained for row in found.rows] == [whole - 2 * (6 * 8 + 8)] * 3
    assert [row.frozen for row in found.rows] == [0, whole, 0]  # a teacher is so in whole


def test_a_run_is_measured(run, tmp_path):
    subject = Subject.of(Run(run, trust=True))
    recipe = recipe_from(Run(run).about["recipe"])
    found = measure_cost(
        recipe, build_splits(recipe), subject.teacher_folders, steps=4, warm_up=1, memory=False
    )
    joint, online, kept = found.rows
    assert [row.label for row in found.rows] == [JOINT, ONLINE, CACHED]
    assert joint.batch_bytes == online.batch_bytes == 16 * (6 + 6) * 4 + 16 * 8
    assert kept.batch_bytes - joint.batch_bytes == 16 * 2 * (8 + 3) * 4
    # a linear layer, a batch norm and a head for each of two modalities
    size = 2 * (6 * 8 + 8 + 2 * 8 + 8 * 3 + 3)
    assert [row.trained for row in found.rows] == [size] * 3
    assert [row.frozen for row in found.rows] == [0, size, 0]
    seconds = [Run(place).result["seconds"] for place in subject.teacher_folders.values()]
    assert joint.teacher_seconds is None
    assert online.teacher_seconds == kept.teacher_seconds == pytest.approx(sum(seconds))
    assert kept.cache_bytes == cache_bytes(96, {"near": 8, "far": 8}, 3)
    assert all(row.quartiles_ms[0] <= row.step_ms <= row.quartiles_ms[1] for row in found.rows)
    assert joint.ratio == 1
    assert found.loading_ms > 0
    assert not found.augmented
    head, rows = found.table()
    assert {len(row) for row in rows} == {len(head)} == {4}
    assert "on this machine" in found.sentence()
    assert "not augmented" in found.sentence()
    json.dumps(found.as_dict(), allow_nan=False)
    assert imread(found.plot(tmp_path / "cost.png")).shape[1] > 600


@pytest.fixture
def work(tmp_path):
    from g2d.benchmark.cost.cost import _workload

    recipe = recipe_from(toy_recipe())
    return _workload(recipe, build_splits(recipe), tmp_path)


def test_cached_and_online_teachers_make_the_same_steps(work):
    fabric = work.settings.make_fabric()
    losses = {}
    for name in (JOINT, ONLINE, CACHED):
        step = work.step(name, fabric)
        torch.manual_seed(3)  # of dropout
        losses[name] = [float(step(number)) for number in range(6)]
    assert losses[ONLINE] == pytest.approx(losses[CACHED], rel=1e-5)
    assert all(a > b for a, b in zip(losses[ONLINE], losses[JOINT], strict=True))
    assert losses[JOINT][4] != losses[JOINT][0]  # the first batch again, after four steps


def test_augmented_data_is_flagged():
    rows = tuple(StepCost(str(i), 10 + i, 1.0 + i, (0.9, 2.1), 1.0 + i, None, 5) for i in range(3))
    found = Cost(rows, 2, 0.1, 50, "a machine", augmented=True)
    assert "while the student sees crops" in found.sentence()
    assert "3.00 times" in found.sentence()
    assert ["peak memory, MiB", "-", "-", "-"] in found.table()[1]


def test_what_cannot_be_measured_is_refused(run):
    subject = Subject.of(Run(run, trust=True))
    with pytest.raises(UserError, match="got no runs"):
        cost([])
    other = train(recipe_from(toy_recipe(epochs=2, batch_size=8)), run.parent, name="other")
    with pytest.raises(UserError, match="has not the data, model and training settings"):
        cost([subject, Subject.of(Run(other, trust=True), "other")])
    with pytest.raises(UserError, match="no run folder"):
        cost([replace(subject, run=None)])
    recipe = recipe_from(toy_recipe())
    with pytest.raises(UserError, match="2 or more"):
        measure_cost(recipe, build_splits(recipe), steps=1)


class Heavy(nn.Module):
    """40 MiB of weights that cost little time."""

    feature_width = 8

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 8)
        self.bulk = nn.Parameter(torch.zeros(10 * 2**20))

    def forward(self, inputs):
        return self.body(inputs) + self.bulk.sum()


@pytest.mark.slow(every_shard=True)
def test_peak_memory_is_weights_gradients_and_momentum(tmp_path, work):
    encoders = dict.fromkeys(("near", "far"), "benchmark.cost.test_cost.Heavy")
    recipe = recipe_from({**toy_recipe(), "encoders": encoders})
    heavy = Workload(recipe, work.modalities, Classification(3), work.batches, work.cache, work.key)
    light, more = peak_memory(work, JOINT), peak_memory(heavy, JOINT)
    if light is None:
        pytest.skip("this system does not tell the memory of a process")
    # and what the optimizer holds for a moment: a gradient with the weights' decay, at most twice
    assert 3 * 80 - 8 < more - light < 5 * 80 + 8
    with_teachers = peak_memory(heavy, ONLINE)
    assert 80 - 16 < with_teachers - more < 80 + 16
    with pytest.raises(UserError, match="could not be measured"):
        peak_memory(replace(work, cache=tmp_path / "nothing"), CACHED)
