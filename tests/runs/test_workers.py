"""`training.workers: auto`: processes for samples read from files, none for those in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from g2d import UserError
from g2d.data.arrays import ArraySplit
from g2d.data.loader import Subset
from g2d.data.masked import Masked
from g2d.data.missing import Mask
from g2d.data.prepared import PreparedSplit
from g2d.data.readers.frames import FrameReader
from g2d.data.readers.table import TableReader
from g2d.data.splits import Split
from g2d.engine.settings import TrainingSettings
from g2d.recipes.recipe import recipe_from
from g2d.runs import loaders
from g2d.runs.loaders import Rest, cores, workers_for
from g2d.runs.train import train
from g2d.table.auto.rounds import Joined
from toy import toy_recipe

AUTO = TrainingSettings(workers="auto")


def clips(count: int = 4) -> PreparedSplit:
    frames = [np.full((1, 8, 8, 3), 10 * n, np.uint8) for n in range(count)]
    readers = {"clip": FrameReader(frames, size=4), "row": table(count)}
    return PreparedSplit(np.arange(count), readers, np.arange(count))


def table(count: int = 4) -> TableReader:
    return TableReader(np.arange(count, dtype=np.float64)[:, None], np.arange(count))


def rows(count: int = 4) -> ArraySplit:
    return ArraySplit({"clip": np.zeros((count, 1)), "row": np.zeros((count, 1))}, np.arange(count))


@pytest.mark.parametrize(
    ("there", "devices", "expected"), [(1, 1, 0), (2, 1, 1), (5, 1, 4), (64, 1, 8), (8, 2, 3)]
)
def test_as_many_as_there_are_cores_less_one(
    there: int, devices: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders, "cores", lambda: there)
    wanted = TrainingSettings(workers="auto", devices=devices)
    assert workers_for(clips(), wanted) == expected


def test_cores_are_counted() -> None:
    assert cores() >= 1


def test_nobody_reads_ahead_what_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "cores", lambda: 5)
    of_table = PreparedSplit(np.arange(4), {"row": table()}, np.arange(4))
    mask = Mask.draw("train", 4, ("clip", "row"), rate=0.25, seed=0)
    seen: dict[int, list[Split]] = {
        0: [rows(), of_table, clips().only("row"), Subset(rows(), [1]), Masked(rows(), mask)],
        4: [clips(), clips().only("clip"), Subset(clips(), [1]), Masked(clips(), mask)],
    }
    seen[0] += [Rest(rows(), 1), Joined(rows(), rows())]
    seen[4] += [Rest(clips(), 1), Joined(rows(), clips())]
    for expected, splits in seen.items():
        assert [workers_for(split, AUTO) for split in splits] == [expected] * len(splits)
    assert workers_for(rows(), TrainingSettings(workers=3)) == 3


def test_another_word_is_refused() -> None:
    with pytest.raises(UserError, match="workers: expected auto, got 'all'"):
        TrainingSettings(workers="all")  # type: ignore[arg-type]


def test_augmented_runs_end_in_the_same_bits_on_any_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for there in (1, 3):
        monkeypatch.setattr(loaders, "cores", lambda there=there: there)
        data = {"name": "toy.WatchedData", "noise": 0.5}
        made = recipe_from({**toy_recipe(workers="auto"), "data": data, "method": "joint"})
        run = train(made, tmp_path / str(there))
        found.append(load_file(run / "model.safetensors"))
    for key, value in found[0].items():
        assert torch.equal(found[1][key], value), key
