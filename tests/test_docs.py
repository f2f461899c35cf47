"""What README and docs tell people to type, works."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from g2d.cli.main import _parser, _take_changes, main

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(
    r"(?P<skip><!--\s*not run:[^>]*-->[ \t]*\n\s*)?"
    r"^(?P<indent>[ \t]*)```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^(?P=indent)```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
# Commands that want files from elsewhere are only parsed.
DOWNLOADS = re.compile(r"avmnist(?!_|\w)|--data\.root|\.yaml\b|\b(RUN|DIR|RECIPE|DATA|GRID)\b")
# The same command on the least work.
SHORTER = {"demo": ["--epochs", "1"], "train": ["--training.epochs", "1"]}
SHORTER["teach"] = SHORTER["train"]
_TINY = ["--encoders.image.width", "4", "--encoders.audio.width", "4"]
SHORTER["tune"] = ["--trials", "1", "--training.epochs", "1", *_TINY]
SHORTER["compare"] = ["--epochs", "1", "--seeds", "0", *_TINY]


@dataclass(frozen=True)
class Block:
    """A fenced block and where it begins."""

    page: Path
    line: int
    language: str
    text: str
    skipped: bool

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(text: str, page: Path = ROOT / "README.md") -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        lines = match["text"].splitlines()
        body = "\n".join(line.removeprefix(match["indent"]) for line in lines) + "\n"
        line = text.count("\n", 0, match.start("text"))
        found.append(Block(page, line, match["language"], body, bool(match["skip"])))
    return found


def commands_of(text: str) -> list[list[str]]:
    """The lines that begin with `g2d`, prompts and comments taken away."""
    joined = text.replace("\\\n", " ")
    lines = (line.strip().removeprefix("$ ") for line in joined.splitlines())
    split = (shlex.split(line, comments=True) for line in lines if line.startswith("g2d "))
    return [words[1 : words.index("|")] if "|" in words else words[1:] for words in split]


BLOCKS = [block for page in PAGES for block in blocks_of(page.read_text("utf-8"), page)]
# Whose lines run in test_method_pages.py and in test_tutorials.py.
METHODS, TUTORIALS = ROOT / "docs" / "methods", ROOT / "docs" / "tutorials"
PYTHON = [
    block
    for block in BLOCKS
    if block.language == "python"
    and not block.skipped
    and block.page.parent not in (METHODS, TUTORIALS)
]
SHELL = [
    block
    for block in BLOCKS
    if block.language in {"bash", "console", "sh", "shell"} and commands_of(block.text)
]


def parse(words: list[str]) -> None:
    """Ends the test where the command line does not know the command or a flag."""
    rest, changes = _take_changes(words)
    arguments, extra = _parser().parse_known_args(rest)
    assert hasattr(arguments, "command"), f"no such command: {words}"
    if not arguments.command.takes_changes:
        assert not extra + changes, f"g2d {arguments.command.name} takes no {extra + changes}"


@pytest.mark.parametrize("page", sorted({block.page for block in PYTHON}), ids=lambda p: p.name)
def test_python_runs(page, tmp_path, monkeypatch):
    """In order: a later block may use what an earlier one made."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "documentation"}
    for block in PYTHON:
        if block.page == page and ">>>" not in block.text:  # a doctest is run as such
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_commands_are_known(block):
    for words in commands_of(block.text):
        parse(words)


# Thirty trainings, one a method: they are known in the fast tests and run in the slow ones.
SHELL_PAGES = [
    pytest.param(page, marks=pytest.mark.slow if page.parent == METHODS else ())
    for page in sorted({block.page for block in SHELL})
    if page.parent != TUTORIALS
]


@pytest.mark.parametrize("page", SHELL_PAGES, ids=lambda p: p.name)
def test_commands_run(page, tmp_path, monkeypatch, capsys):
    """In order, in one empty folder: a later command may use what an earlier one made."""
    monkeypatch.chdir(tmp_path)
    for block in SHELL:
        if block.page != page or block.skipped:
            continue
        for words in commands_of(block.text):
            if DOWNLOADS.search(" ".join(words)):
                continue
            pytest.importorskip("espeakng_loader")
            shorter = [] if "--show" in words else SHORTER.get(words[0], [])
            status = main([*words, *shorter])
            said = capsys.readouterr()
            assert status == 0, f"{block}: g2d {' '.join(words)}: {said.err}"


def test_what_pages_install_can_be_installed():
    """g2d is on no index: a page names the checkout, and extras that there are."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for page in PAGES:
        for project in re.findall(
            r"pip install (?:-\w+ )?[\"']?((?:\.|g2d)[^\s\"'`]*)", page.read_text()
        ):
            extras = re.fullmatch(r"\.(?:\[([\w,]+)\])?", project)
            assert extras, f"{page.name}: pip install {project}"
            assert set(filter(None, (extras[1] or "").split(","))) <= set(
                about["optional-dependencies"]
            )


# -- the harness itself


def test_a_page_without_blocks_is_fine():
    assert blocks_of("") == []


def test_blocks_are_found_with_their_marks():
    page = (
        "# A\n```python\nx = 1\n```\n"
        "<!-- not run: it is a sketch -->\n```python\nx = ...\n```\n"
        "1. then\n   ```console\n   $ g2d methods  # all of them\n   $ ls\n   ```\n"
    )
    first, second, third = blocks_of(page)
    assert (first.line, first.text, first.skipped) == (2, "x = 1\n", False)
    assert second.skipped
    assert commands_of(third.text) == [["methods"]]
    assert commands_of("g2d train avdigits \\\n  --seed 1 | tee log\n") == [
        ["train", "avdigits", "--seed", "1"]
    ]


@pytest.mark.parametrize("words", [["dance"], ["train", "--seed", "x", "a"], ["train"]])
def test_a_command_that_is_not_known_is_noticed(words):
    with pytest.raises(SystemExit):
        parse(words)


def test_a_flag_that_is_not_known_is_noticed():
    with pytest.raises(AssertionError, match="takes no"):
        parse(["methods", "--all"])
