"""A miniature of CREMA-D, its lists, and the store made of them."""

from __future__ import annotations

import shutil

import pytest

from benchmark.datasets.cremad.miniature import write_lists, write_miniature
from g2d.benchmark.datasets.cremad.prepare import prepare


@pytest.fixture(scope="session")
def cremad(tmp_path_factory):
    """The original files and the lists; treat them as read-only."""
    root = tmp_path_factory.mktemp("cremad") / "CREMA-D"
    write_lists(root, write_miniature(root))
    return root


@pytest.fixture(scope="session")
def cremad_store(cremad, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "cremad"
    return prepare(cremad, out, cremad / "train.csv", cremad / "test.csv", workers=0)


@pytest.fixture
def broken(cremad, tmp_path):
    """A copy to break."""
    return shutil.copytree(cremad, tmp_path / "CREMA-D")
