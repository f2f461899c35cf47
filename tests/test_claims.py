"""Sentences that promise are on a list, each with what proves it.

A new sentence of the README or of a page of docs/ with one of `WORDS` fails here until somebody has
read it against the code and put it into `claims.toml`, with the test or the result that holds it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORDS = re.compile(r"\b(cheaper|bits?|always|never|exact|exactly)\b", re.IGNORECASE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CLAIMS = tomllib.loads((ROOT / "tests" / "claims.toml").read_text("utf-8"))["claim"]


def sentences(text: str) -> Iterator[str]:
    """Of a page, without its code; a line of a list or of a table begins a sentence."""
    text = re.sub(r"^```.*?^```[^\n]*$|<!--.*?-->", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*#|]|\d+\.) ?)", text):
        yield from re.split(r"(?<=[.!?:;])\s+(?=[A-Z`*\[\"'(])", " ".join(block.split()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_promises_has_been_checked(page):
    said = {sentence for sentence in sentences(page.read_text("utf-8")) if WORDS.search(sentence)}
    listed = {c["sentence"] for c in CLAIMS if c["page"] == str(page.relative_to(ROOT))}
    assert said == listed, "put it into tests/claims.toml with what proves it, or say less"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim["sentence"][:40])
def test_what_proves_a_claim_is_there(claim):
    assert claim["proof"]
    for proof in claim["proof"]:
        file, _, name = proof.partition("::")
        text = (ROOT / file).read_text("utf-8")
        assert f"def {name}(" in text if file.endswith(".py") else text, proof


def test_sentences_are_found_wherever_they_stand():
    page = (
        "# A\n\nIt is so. It never\nends: always.\n\n- one exact thing\n- another\n\n"
        "```bash\nalways\n```\n<!-- never -->\n| a | never |\n"
    )
    said = [sentence for sentence in sentences(page) if WORDS.search(sentence)]
    assert said == ["It never ends: always.", "- one exact thing", "| a | never |"]
