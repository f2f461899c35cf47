"""A plain module under DDP: two processes train as one, and what is frozen stays put."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distributed.attached import METHODS, train, worker
from distributed.processes import two_processes
from methods.test_conformance_attached import ATTACHED


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes ends with; they are started once for all methods."""
    return two_processes(worker, tmp_path_factory.mktemp("pair"))


@pytest.mark.parametrize("part", ["weights", "heads"])
@pytest.mark.parametrize("name", METHODS)
def test_both_processes_hold_the_same(name: str, part: str, pair: list[dict[str, Any]]) -> None:
    torch.testing.assert_close(pair[0][name][part], pair[1][name][part], rtol=0, atol=0)


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_train_as_one(name: str, pair: list[dict[str, Any]]) -> None:
    alone = train(name)
    for part in ("weights", "heads"):
        torch.testing.assert_close(pair[0][name][part], alone[part], rtol=1e-4, atol=1e-6)


def test_every_method_that_takes_an_attached_model_is_here() -> None:
    assert set(ATTACHED) - {"g2d_loss"} <= set(METHODS)  # the loss of g2d itself


def test_a_frozen_encoder_does_not_move_by_a_bit(pair: list[dict[str, Any]]) -> None:
    moved = pair[0]["g2d"]["moved"]
    assert all(far == 0 for key, far in moved.items() if key.startswith("audio"))
    assert all(far > 0 for key, far in moved.items() if key.startswith("video"))


@pytest.mark.parametrize("name", ["joint", "mmpareto"])
def test_the_doctor_speaks_of_the_samples_of_both(name: str, pair: list[dict[str, Any]]) -> None:
    assert pair[0][name]["said"] == pair[1][name]["said"]
    alone, together = train(name)["said"], pair[0][name]["said"]
    assert together.keys() == alone.keys()
    same = ["fused/accuracy", "audio/gradient_norm", "video/gradient_norm"]
    if name == "mmpareto":  # its heads are the same in all processes, and probes are not
        same += ["audio/accuracy", "video/accuracy"]
    for key in same:
        assert together[key] == pytest.approx(alone[key], rel=1e-4)
