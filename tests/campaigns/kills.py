"""Commands killed at a time drawn by lot, given again, and compared with those left alone.

    PYTHONPATH=tests python -m campaigns.kills --trials 100

SIGKILL, or SIGTERM as SLURM and `docker stop` send it; a third are killed a second time. In the end
the same command (with `--resume` where it trains) must succeed, leave the same results to the last
bit, and no temporary file. The last campaign's counts are in `results/kills.json`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.compare.small import left_behind
from benchmark.datasets.misme.miniature import write_miniature
from campaigns.commands import HangError, ended, forked
from campaigns.counting import Clock, record_of, tally
from g2d.cli.main import main
from toy import toy_recipe

EPOCHS = 4


@dataclass(frozen=True)
class Killed:
    """A command that is killed.

    Attributes:
        words: The command, in a folder.
        onwards: What is added when it is given again.
        left: What it leaves, to be compared.
        whole: What is there in one piece when all is done; then it is not given again.
    """

    words: Callable[[Path], list[object]]
    onwards: Sequence[str]
    left: Callable[[Path], Any]
    whole: str = ""


def exported(out: Path) -> dict[str, Any]:
    """The weights within an exported file, and what is written beside it."""
    with zipfile.ZipFile(out / "done" / "model.pt2") as file:
        found: dict[str, Any] = {
            name.partition("/")[2]: file.read(name)
            for name in file.namelist()
            if "/weights/" in name or "/constants/" in name
        }
    found["about"] = json.loads((out / "done" / "model.pt2.json").read_text())
    return found


def prepared(out: Path) -> dict[str, bytes]:
    """Every file of a store."""
    files = sorted(path for path in (out / "store").rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


COMMANDS = {
    "train": Killed(
        lambda out: ["train", out / "toy.yaml", "--method", "g2d", "--out", out, "--name", "mine"],
        ["--resume"],
        left_behind,
    ),
    "compare": Killed(
        lambda out: ["compare", out / "grid.yaml", "--trust", "--jobs", "1", "--out", out],
        (),
        left_behind,
    ),
    "export": Killed(lambda out: ["export", out / "done", "--trust"], (), exported),
    "prepare": Killed(
        lambda out: [
            *("data", "prepare", "misme", "--root", out / "release"),
            *("--out", out / "store", "--workers", "0", "--side", "32"),
        ],
        (),
        prepared,
        "store",
    ),
}


def make(out: Path) -> None:
    """A recipe, a grid, a finished run, and original files."""
    out.mkdir()
    (out / "toy.yaml").write_text(json.dumps(toy_recipe(epochs=EPOCHS)))
    grid = {
        "axes": {
            "dataset": {"toys": {"recipe": str(out / "toy.yaml")}},
            "method": ["joint", "umt"],
        },
        "seeds": [0, 1],
    }
    (out / "grid.yaml").write_text(json.dumps(grid))
    write_miniature(out / "release")
    words = ["train", out / "toy.yaml", "--method", "joint", "--out", out, "--name", "done"]
    assert finished(words, out / "said") == 0, (out / "said").read_text()


def finished(words: Sequence[object], said: Path) -> int:
    """Does a command to its end in a child; its status."""
    return ended(forked(lambda: main([str(word) for word in words]), said), 3600)


def imported(words: Sequence[object], said: Path) -> int:
    """Does a command to its end in a child, and imports here what it imported: the next need not.

    Returns:
        Its status.
    """
    names = said.with_name("modules")

    def work() -> int:
        status = main([str(word) for word in words])
        names.write_text("\n".join(sys.modules))
        return status

    status = ended(forked(work, said), 3600)
    for name in names.read_text().split():
        if not name.startswith("__"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    names.unlink()
    return status


def leftovers(out: Path) -> list[str]:
    """Temporary files and folders that are there."""
    found = [*out.rglob("*.tmp"), *out.rglob("*.new")]
    return sorted(str(path.relative_to(out)) for path in found)


def trial(kind: Killed, out: Path, seconds: float, rng: np.random.Generator) -> str:
    """What becomes of a command that is killed once or twice; nothing where all is well."""
    said = out / "said"
    words = kind.words(out)
    for _ in range(1 + (rng.random() < 1 / 3)):
        number = signal.SIGKILL if rng.random() < 2 / 3 else signal.SIGTERM
        arguments = [str(word) for word in words]
        child = forked(lambda: main(arguments), said)  # noqa: B023
        time.sleep(rng.uniform(0, 1.05 * seconds))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        try:
            status = ended(child)
        except HangError:
            return f"it did not end at {number.name}"
        if number is signal.SIGTERM and status not in (0, -number):
            lines = said.read_text().splitlines()
            if status != 128 + number or not lines[-1].startswith("g2d ") or "Traceback" in lines:
                return f"at SIGTERM: status {status}, {lines[-1:]}"
            if leftovers(out):
                return f"SIGTERM left {leftovers(out)}"
        words = [*kind.words(out), *kind.onwards]
        if kind.whole and (out / kind.whole).exists():
            return ""
    if status := finished(words, said):
        return f"given again: status {status}, {said.read_text().splitlines()[-1:]}"
    if leftovers(out):
        return f"left {leftovers(out)}"
    return ""


def campaign(trials: int, seed: int, clock: Clock) -> dict[str, Any]:
    """So many kills, in turn of each command."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in COMMANDS}
    faults = []
    # every trial in the same place: paths stand in what is written
    with tempfile.TemporaryDirectory() as folder:
        whole, out = Path(folder) / "whole", Path(folder) / "out"
        make(out)
        out.rename(whole)
        truths, durations = {}, {}
        for name, kind in COMMANDS.items():
            shutil.copytree(whole, out)
            assert imported(kind.words(out), out / "said") == 0, (out / "said").read_text()
            truths[name] = kind.left(out)
            shutil.rmtree(out)
            shutil.copytree(whole, out)
            begun = time.monotonic()
            assert finished(kind.words(out), out / "said") == 0, (out / "said").read_text()
            durations[name] = time.monotonic() - begun
            assert kind.left(out) == truths[name], f"two runs of {name} differ by themselves"
            shutil.rmtree(out)
        for number in range(trials):
            if clock.over:
                break
            name = list(COMMANDS)[number % len(COMMANDS)]
            kind = COMMANDS[name]
            rng = np.random.default_rng([seed, number])
            shutil.copytree(whole, out)
            fault = trial(kind, out, durations[name], rng)
            if not fault and kind.left(out) != truths[name]:
                fault = "another result"
            counts[name]["fault" if fault else "the same"] += 1
            if fault:
                faults.append({"command": name, "trial": number, "fault": fault})
            shutil.rmtree(out)
    return tally(counts, seed, faults)


if __name__ == "__main__":
    record_of("kills", campaign, 100, __doc__ or "")
