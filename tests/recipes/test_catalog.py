"""The list of methods, which is read without importing torch, says what their classes say."""

from __future__ import annotations

import importlib

import pytest

from g2d import Method, Regression
from g2d.recipes.catalog import METHODS

REGRESSION = Regression(low=-1.0, high=1.0, std=1.0)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ume"])
def test_a_line_of_the_list_repeats_its_class(name: str) -> None:
    entry = METHODS[name]
    module, _, attribute = entry.path.rpartition(".")
    method = getattr(importlib.import_module(module), attribute)
    assert issubclass(method, Method)
    assert entry.teachers == method.needs_teachers
    assert entry.regression == isinstance(REGRESSION, method.tasks)
