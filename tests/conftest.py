"""Settings of every test."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Tiny tensors: a second thread would only wait for the first (five times slower on busy cores).
torch.set_num_threads(1)

# The time of one example depends on what else the machine does; no test is about that.
settings.register_profile("g2d", deadline=None)
settings.load_profile("g2d")


def pytest_addoption(parser):
    parser.addoption("--shard", metavar="I/N", help="of the slow tests, the I-th of N parts")


def pytest_collection_modifyitems(config, items):
    """Keeps a shard of the slow tests; which one a test is in depends on its name alone."""
    if shard := config.getoption("--shard"):
        part, parts = map(int, shard.split("/"))
        mine = [
            (slow := item.get_closest_marker("slow")) is None
            or slow.kwargs.get("every_shard", False)
            or zlib.crc32(item.nodeid.encode()) % parts == part % parts
            for item in items
        ]
        left = [item for item, chosen in zip(items, mine, strict=True) if not chosen]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item, chosen in zip(items, mine, strict=True) if chosen]


@pytest.fixture(scope="session")
def real_data():
    """The folder with the real `mnist/` and `fsdd/`."""
    place = os.environ.get("G2D_DATA")
    if not place or not (Path(place) / "mnist").is_dir() or not (Path(place) / "fsdd").is_dir():
        pytest.skip("G2D_DATA names no folder that holds mnist/ and fsdd/")
    return Path(place)
