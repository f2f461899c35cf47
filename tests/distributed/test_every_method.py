"""Every method of the catalog trains on two processes what it trains on one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distributed.catalog import CASES, train, worker
from distributed.processes import two_processes
from g2d.models.fusion import FiLMFusion

pytest.importorskip("lightning_fabric")
pytestmark = pytest.mark.conformance

# Methods in which the samples of a batch matter to each other, and which so know only those of
# their own process: why.
WITHIN_THE_PROCESS: dict[str, str] = {
    "di_mml": "its contrastive loss has the samples of its own process as negatives",
    "mis_me": "its heads normalise over the samples of their own process",
}
# Where the fusion is no sum, unimodal logits are made with mean features of the first process's
# share. Methods that learn from how unimodal logits validate: why.
BY_READ_OUTS: dict[str, str] = {
    "mslr": "its rates follow the accuracy of every modality's unimodal logits",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The weights that each of two processes ends with; they are started once for all methods."""
    return two_processes(worker, tmp_path_factory.mktemp("pair"))


@pytest.mark.parametrize("label", CASES)
def test_both_processes_hold_the_same_weights(label: str, pair: list[dict[str, Any]]) -> None:
    torch.testing.assert_close(pair[0][label], pair[1][label], rtol=0, atol=0)


@pytest.mark.parametrize("label", CASES)
def test_two_processes_train_as_one(label: str, pair: list[dict[str, Any]]) -> None:
    case = CASES[label]
    if case.method in WITHIN_THE_PROCESS:
        pytest.skip(WITHIN_THE_PROCESS[case.method])
    if case.method in BY_READ_OUTS and case.fusion is FiLMFusion:
        pytest.skip(BY_READ_OUTS[case.method])
    torch.testing.assert_close(pair[0][label], train(case), rtol=1e-4, atol=1e-6)
