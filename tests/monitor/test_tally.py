"""Sums of an epoch are those of no other."""

from __future__ import annotations

import torch

from g2d.monitor.tally import Tally


def test_an_epoch_without_batches_has_no_means():
    tally = Tally(["loss"])
    tally.add({"loss": torch.tensor([6.0, 2.0])})
    assert tally.read() == {"loss": 3.0}
    assert tally.read() == {}
