"""docs/tutorials: everything on a page is done in order, as its reader does it."""

from __future__ import annotations

import csv
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from g2d.cli.main import main
from test_docs import ROOT, blocks_of, commands_of

FOLDER = ROOT / "docs" / "tutorials"
# The same commands on the least work.
LEAST = {"--training.epochs": "1", "--epochs": "1", "--seeds": "0", "--budget-minutes": "0.01"}
TINY = ["--encoders.image.width", "4", "--encoders.audio.width", "4"]


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command; what follows `>` gets its output."""
    to = None
    if ">" in words:
        *words, _, to = words
    for flag, value in LEAST.items():
        if flag in words:
            words[words.index(flag) + 1] = value
    if "avdigits" in words or words[:2] == ["compare", "four.yaml"]:
        pytest.importorskip("espeakng_loader")
        words += TINY
    status = main(words)
    said = capsys.readouterr()
    assert status == 0, f"g2d {' '.join(words)}: {said.err}"
    if to is not None:
        Path(to).write_text(said.out, "utf-8")


def follow(name: str, capsys: pytest.CaptureFixture[str], **smaller: str) -> None:
    """Does what the page says, in the working directory."""
    names: dict[str, Any] = {"__name__": "tutorial"}
    page = FOLDER / name
    text = page.read_text("utf-8")
    for block in blocks_of(text, page):
        if block.skipped:
            continue
        if block.language == "python":
            code = block.text
            for old, new in smaller.items():
                code = code.replace(f"{old}(400)", f"{old}({new})")
            exec(compile(code, str(page), "exec"), names)
        elif block.language == "yaml":
            before = text.splitlines()[: block.line - 1]
            (saved,) = re.findall(r"Save this as `(.+)`", "\n".join(before[-3:]))
            least = re.sub(r"epochs: \d+", "epochs: 1", block.text)
            Path(saved).write_text(re.sub(r"seeds: .*", "seeds: [0]", least), "utf-8")
        else:
            for words in commands_of(block.text):
                run(words, capsys)
            others = [line for line in block.text.splitlines() if line.startswith("head ")]
            for line in others:
                subprocess.run(["bash", "-c", line], check=True)


def test_own_model(tmp_path, monkeypatch, capsys):
    """And it prints what the page says that it prints, but for the arithmetic of the machine."""
    monkeypatch.chdir(tmp_path)
    follow("own-model.md", capsys)
    said = capsys.readouterr().out
    text = (FOLDER / "own-model.md").read_text("utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    numbers = re.compile(r"\d+")
    assert numbers.sub("#", said) == numbers.sub("#", shown)
    pairs = zip(numbers.findall(said), numbers.findall(shown), strict=True)
    assert all(abs(int(one) - int(other)) <= 3 for one, other in pairs), said
    assert (tmp_path / "balance.png").stat().st_size > 1000


def test_own_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("pandas")
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))
    follow("own-table.md", capsys, range="90")
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] in {"good", "worn", "broken"} for row in rows] == [True] * 4


@pytest.mark.slow
def test_benchmark(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    follow("benchmark.md", capsys)
    page = (tmp_path / "evidence" / "report" / "report.html").read_text("utf-8")
    for method in ("joint training", "OGM-GE", "MMPareto", "G²D"):
        assert method in page
