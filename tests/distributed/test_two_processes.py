"""Two processes with half of every batch each train what one does with the whole of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import g2d
from distributed.cases import BATCH, CASES, TRAIN, VAL, bank, evaluated, loaders, run, worker
from distributed.processes import two_processes
from g2d.teachers.confidence import batch_confidence

pytest.importorskip("lightning_fabric")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What each of two processes found; they are started once for all cases."""
    folder = tmp_path_factory.mktemp("pair")
    return folder, two_processes(worker, folder)


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one(
    name: str, pair: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, (first, second) = pair
    alone, together, other = run(name, tmp_path), first[name], second[name]
    exact = {"rtol": 0.0, "atol": 0.0}
    torch.testing.assert_close(together["best weights"], other["best weights"], **exact)
    close = {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(together["best weights"], alone["best weights"], **close)
    for part in ("model", "optimizer", "method"):
        torch.testing.assert_close(together["last"][part], alone["last"][part], **close)
    assert together["best epoch"] == other["best epoch"] == alone["best epoch"]
    assert together["best"] == other["best"] == pytest.approx(alone["best"])
    assert together["fixed"] == other["fixed"] == pytest.approx(alone["fixed"])
    stages = [
        [
            json.loads(line)["stage"]
            for line in (f / name / "metrics.jsonl").read_text().splitlines()
        ]
        for f in (folder, tmp_path)
    ]
    assert stages[0] == stages[1]
    assert len(set(stages[0])) == CASES[name].k or CASES[name].options.get("suppression")


@pytest.mark.parametrize("name", CASES)
def test_the_confidence_of_a_batch_is_that_of_all_processes(
    name: str, pair: tuple[Path, list[dict[str, Any]]]
) -> None:
    first, second = (found[name]["first batch"] for found in pair[1])
    assert first == second
    teachers = bank(CASES[name].k)
    joined = next(iter(loaders(CASES[name].k, 0, 1)[0]))
    expected = g2d.mean_confidence(teachers, [joined])
    assert first == pytest.approx(expected, rel=1e-5)


def test_a_mask_that_one_process_alone_has_counts_on_all(
    pair: tuple[Path, list[dict[str, Any]]],
) -> None:
    first, second, alone = (*(found["evaluated"] for found in pair[1]), evaluated())
    assert first["present"]["image"].tolist() == [False] + [True] * (VAL - 1)
    for found in (first, second):
        torch.testing.assert_close(found["present"], alone["present"])
        for metric, values in found["metrics"].items():
            assert values == pytest.approx(alone["metrics"][metric]), metric


@pytest.mark.parametrize("k", [2, 3])
def test_processes_that_decided_for_themselves_would_disagree(k: int) -> None:
    """What the above is worth: the halves of a batch often rank otherwise than the whole."""
    teachers, whole = bank(k), loaders(k, 0, 1)[0]
    halves = [loaders(k, rank, 2)[0] for rank in (0, 1)]
    disagreements = 0
    for together, *parts in zip(whole, *halves, strict=True):
        rows = torch.stack([part.index for part in parts], dim=1).flatten()
        assert torch.equal(rows, together.index)
        leaders = {g2d.rank(batch_confidence(teachers, [part]))[0] for part in parts}
        disagreements += len(leaders) > 1
    assert disagreements >= TRAIN // BATCH // 3
