"""Every function says what it is, where it is from and how it is called."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import g2d
import g2d.functional as F

PAGE = (Path(__file__).parents[2] / "docs" / "functional.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
names = pytest.mark.parametrize("name", F.__all__)


@names
def test_a_function_has_arguments_shapes_a_source_and_an_example(name: str) -> None:
    """The examples themselves are run as doctests."""
    function = getattr(F, name)
    doc = inspect.getdoc(function)
    assert doc is not None
    for part in ("Args:", "Returns:", "Source:", "Example:"):
        assert part in doc, part
    assert re.search(rf"\b{name}\(", doc[doc.index("Example:") :])
    for argument in inspect.signature(function).parameters:
        assert re.search(rf"^    {argument}: ", doc, re.MULTILINE), argument


@names
def test_a_function_takes_tensors_and_no_method_or_batch(name: str) -> None:
    signature = str(inspect.signature(getattr(F, name)))
    assert not re.search(r"Batch|Outputs|Method|Student|Module", signature)


def test_the_page_has_a_row_for_every_function_and_no_other() -> None:
    assert sorted(name for name, *_ in ROWS) == sorted(F.__all__)
    assert all(cell.strip() for row in ROWS for cell in row)


def test_the_names_are_all_that_there_is() -> None:
    functions = {name for name, value in vars(F).items() if inspect.isfunction(value)}
    assert functions == set(F.__all__)
    assert sorted(F.__all__) == F.__all__


def test_it_is_part_of_the_package() -> None:
    assert g2d.functional is F
    assert "functional" in g2d.__all__
    assert (g2d.rank, g2d.learning_speed) == (F.rank, F.learning_speed)
    code = "import g2d.functional as F; from g2d.functional import confidence; F.confidence"
    subprocess.run([sys.executable, "-c", code], check=True)
