"""A miniature of Kinetics-400 in CVDF's layout, and the store made of it."""

from __future__ import annotations

import shutil

import pytest

from benchmark.datasets.kinetics_sounds.miniature import write_flat
from g2d.benchmark.datasets.kinetics_sounds.files import prepare


@pytest.fixture(scope="session")
def kinetics(tmp_path_factory):
    """The original files; treat them as read-only."""
    root = tmp_path_factory.mktemp("kinetics") / "k400"
    write_flat(root)
    return root


@pytest.fixture(scope="session")
def kinetics_store(kinetics, tmp_path_factory):
    return prepare(kinetics, tmp_path_factory.mktemp("prepared") / "kinetics_sounds", workers=0)


@pytest.fixture
def broken(kinetics, tmp_path):
    """A copy to break."""
    return shutil.copytree(kinetics, tmp_path / "k400")
