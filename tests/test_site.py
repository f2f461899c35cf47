"""The pages hang together: links lead somewhere, and the reference has every public name."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import g2d
from test_docs import FENCE, PAGES, ROOT

LINK = re.compile(r"(?<!\\)\]\(([^()\s]+(?:\([^()]*\))?[^()\s]*)\)")
ALL_PAGES = sorted({*PAGES, *ROOT.glob("benchmarks/*.md")})
FIELDS = ("autofunction", "autoclass", "autoexception", "automodule")


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them; a second of a name gets a number."""
    found, counts = set(), Counter[str]()
    for title in re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{slug}-{counts[slug]}" if counts[slug] else slug)
        counts[slug] += 1
    return frozenset(found)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), f"{page.name}: {target} is not there"
        if anchor:
            assert anchor in anchors(place), f"{page.name}: {target} is no heading"


def test_links_are_found() -> None:
    text = "a [b](c.md#d), ![e](f.png) and [g](https://x.org/h_(i)); $f(x)](y z)$"
    assert LINK.findall(text) == ["c.md#d", "f.png", "https://x.org/h_(i)"]


def test_the_reference_has_every_public_name() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in ROOT.glob("docs/api/*.rst"))
    named = re.findall(rf"^\.\. (?:{'|'.join(FIELDS)}):: (\S+)$", pages, re.MULTILINE)
    assert len(named) == len(set(named)), "a name stands twice"
    public = {f"g2d.{name}" for name in g2d.__all__}
    files = Path(g2d.__file__).parent.glob("integrations/[a-z]*.py")
    public |= {f"g2d.integrations.{file.stem}" for file in files}
    assert set(named) == public


def test_every_page_is_in_the_site() -> None:
    """Sphinx warns of pages that no list names; this says so without Sphinx."""
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    datasets = (ROOT / "docs" / "datasets" / "index.md").read_text("utf-8")
    for page in ROOT.glob("docs/**/*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        listed = datasets if name.startswith("datasets/") and page.stem != "index" else index
        stem = page.stem if listed is datasets else name
        assert name == "index" or f"\n{stem}\n" in listed, name
