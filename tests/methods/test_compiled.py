"""Every method of the catalog under `training.compile`: the weights of without, or a line.

Graphs are run by autograd's own kernels (`aot_eager`), so that what differs is no rounding.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import g2d
from g2d.engine import compiled
from g2d.recipes.catalog import METHODS
from methods.catalogued import MODALITIES, TRAINED, fitted, recipe, splits, state

# Methods that no loop can compile, and what is said.
REFUSED = {
    "amco": "AMCo draws at random what it changes of the features",
    "opm": "OPM draws at random what it changes of the features",
    "mla": "MLA runs each encoder by itself",
    "aug": "AUG runs each encoder by itself",
}
# Options with which a method does what it does not do by default.
ALSO: list[tuple[str, dict[str, Any]]] = [
    ("g2d", {"preset": "paper"}),
    ("g2d", {"preset": "released"}),
    ("g2d", {"schedule": "halves", "frozen_features": "drop"}),
    ("g2d", {"schedule": "halves", "gamma": 1.0, "scope": "encoder"}),
    ("joint", {"gamma": 1.0}),
]
# Those that are compiled whenever the tests run: one of each kind, and what is refused.
OFTEN = {"joint", "umt", "mmpareto", "g2d", *REFUSED}
CASES = [
    pytest.param(*case, marks=[] if case[0] in OFTEN else pytest.mark.conformance)
    for case in [*((name, None) for name in TRAINED), *ALSO]
]


@pytest.fixture(autouse=True)
def _without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")


@pytest.mark.parametrize("k", MODALITIES)
@pytest.mark.parametrize("fusion", ["late", pytest.param("film", marks=pytest.mark.conformance)])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_compiled_it_ends_in_the_same_weights(
    name: str, options: dict[str, Any] | None, fusion: str, k: int
) -> None:
    changes: dict[str, Any] = {"fusion": fusion, "optimizer": "adamw"}
    if name in REFUSED:
        with pytest.raises(g2d.UserError, match=f"training.compile: {REFUSED[name]}"):
            fitted(recipe(name, k, options, compile=True, **changes), splits(k))
        return
    allowed = METHODS[name].fusions
    if allowed not in ("all", "own") and fusion not in allowed.split(", "):
        pytest.skip(f"{name} has no {fusion} fusion")
    plain = state(fitted(recipe(name, k, options, **changes), splits(k)))
    found = state(fitted(recipe(name, k, options, compile=True, **changes), splits(k)))
    assert found.keys() == plain.keys()
    for key, value in plain.items():
        assert torch.allclose(found[key], value, rtol=1e-5, atol=1e-6), key
