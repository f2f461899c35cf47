"""The list of mutants does not rot; `make mutants` runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mutants.mutants import Mutant, read_mutants

ROOT = Path(__file__).parents[2]
MUTANTS = read_mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_applied_and_its_tests_are_there(mutant):
    mutant.applied((ROOT / mutant.file).read_text("utf-8"))
    for test in mutant.tests:
        file, *names = re.sub(r"\[.*\]$", "", test).split("::")
        assert (ROOT / file).exists(), test
        assert all(f"def {name}(" in (ROOT / file).read_text("utf-8") for name in names), test


def test_there_are_many_of_them_all_over_the_package():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 60
    assert len({mutant.file for mutant in MUTANTS}) >= 30


@pytest.mark.parametrize(
    ("old", "new"), [("x = 2", "x = 3"), ("x", "y"), ("x = 1", "x = 1"), ("= 1", "= (")]
)
def test_a_mutant_that_is_none_is_refused(old, new):
    mutant = Mutant("wrong", "file.py", old, new, ())
    with pytest.raises((ValueError, SyntaxError)):
        mutant.applied("x = 1\nprint(x)\n")
