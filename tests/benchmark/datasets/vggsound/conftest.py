"""A miniature of VGGSound and the store made of it."""

from __future__ import annotations

import shutil

import pytest

from benchmark.datasets.vggsound.miniature import write_miniature
from g2d.benchmark.datasets.vggsound.files import prepare


@pytest.fixture(scope="session")
def vggsound(tmp_path_factory):
    """The original files; treat them as read-only."""
    root = tmp_path_factory.mktemp("vggsound") / "original"
    write_miniature(root)
    return root


@pytest.fixture(scope="session")
def vggsound_store(vggsound, tmp_path_factory):
    return prepare(vggsound, tmp_path_factory.mktemp("prepared") / "vggsound", workers=0)


@pytest.fixture
def broken(vggsound, tmp_path):
    """A copy to break."""
    return shutil.copytree(vggsound, tmp_path / "original")
