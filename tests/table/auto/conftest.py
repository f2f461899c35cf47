"""What every test of `auto` needs: a cache of its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))
