"""A batch keeps its samples together wherever it goes."""

from __future__ import annotations

import gc
import weakref

import torch

from methods.small import NAMES, TASKS, batch


def test_it_moves_as_a_whole_and_its_index_stays() -> None:
    data = batch(NAMES[:3], TASKS["classification"], missing=True)
    moved = data.to("meta")
    tensors = [*moved.inputs.values(), moved.target, *moved.present.values()]
    assert all(tensor.device.type == "meta" for tensor in tensors)
    assert moved.index.device.type == "cpu"
    assert torch.equal(moved.index, data.index)
    assert moved.modalities == data.modalities == NAMES[:3]
    assert moved.present.keys() == data.present.keys()
    assert len(moved) == len(data) == 6


def test_it_is_known_by_identity_and_not_kept_alive() -> None:
    """Teachers remember what they said of a batch for as long as the batch lives."""
    first, second = (batch(NAMES[:1], TASKS["classification"]) for _ in range(2))
    known = weakref.WeakKeyDictionary({first: 1, second: 2})
    assert (known[first], known[second]) == (1, 2)
    del first
    gc.collect()
    assert len(known) == 1
