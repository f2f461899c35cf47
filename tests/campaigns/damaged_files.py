"""Files of runs, teachers, caches and stores, damaged at random, and every command that opens them.

    PYTHONPATH=tests python -m campaigns.damaged_files --trials 500

One file of a copied folder is damaged, and a command opens the folder. It ends in one line that
names the file and status 1 or 2, or does what it did with the whole folder, to the last byte.
Anything else is a fault: a traceback, several lines, or another result in silence. The last
campaign's counts are in `results/damaged_files.json`.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

from campaigns import commands, inputs
from campaigns.counting import Clock, examples, record_of, tally
from g2d.data.store import Store, new_folder, write_manifest
from g2d.errors import UserError

EPOCHS = 6
# Of the processor, for a command; some of these train, and on a busy machine that is no hang.
SECONDS = 200
EXPERT = ("--experts.tabular", "boosting")
WORDS = [
    "the",
    "a",
    "that",
    "on",
    "under",
    "beside",
    "runs",
    "sings",
    "sleeps",
    "loud",
    "soft",
    "far",
    "near",
]


@dataclass(frozen=True)
class Door:
    """A way to open a folder.

    Attributes:
        of: The folder, by name, that is copied and damaged.
        open: Opens it and returns what came of it, to be compared.
    """

    of: str
    open: Callable[[Path], Any]


def run(*words: object) -> str:
    """A command of g2d in this process; what it printed.

    Raises:
        UserError: It refused, with what it said.
        AssertionError: It ended otherwise.
    """
    said = commands.run(words, SECONDS)
    fault = said.fault()
    if said.status:
        assert not fault, fault
        lines = said.err.splitlines()
        raise UserError("\n".join(line for line in lines if not line.startswith("WARNING: ")))
    return said.out


def predict(out: Path, name: str = "done") -> str:
    """The predictions of a finished run."""
    file = out / f"{name}.csv"
    run("predict", out / name, "--data", out / "table.csv", "--out", file)
    return file.read_text()


def fuse(out: Path) -> str:
    """The predictions of the fitted ensemble of two runs."""
    models = [f"{name}={out / name}.csv" for name in ("done", "blended")]
    file = out / "said.csv"
    run("ensemble", *models, "--weights", out / "fused" / "ensemble.json", "--out", file)
    return file.read_text()


def resume(out: Path) -> list[Any]:
    """What becomes of the killed run."""
    run("train", out / "recipe.yaml", "--out", out, "--name", "killed", "--resume")
    result = json.loads((out / "killed" / "result.json").read_text())
    return [result["val"], result["test"], result["teachers"]["speed"], result["best_epoch"]]


def go_on(out: Path, *options: str) -> list[Any]:
    """What becomes of another run with the same teachers, experts, floors and cache."""
    words = ["--name", "next", "--method.alpha", "0.5", *options]
    run(
        "train",
        out.parent / "recipe.yaml" if options else out / "recipe.yaml",
        "--out",
        out,
        *words,
    )
    result = json.loads((out / "next" / "result.json").read_text())
    return [result["val"], result["test"], result["teachers"]["confidence"], result["floors"]]


def analyse(out: Path) -> str:
    """How well the finished run is calibrated."""
    said = run("analyse", "calibration", out / "done", "--to", out / "figures")
    return said.replace(str(out), "")


def read_store(folder: Path) -> list[Any]:
    """Every value of the store."""
    split = Store(folder, "toy", "prepare it anew").split("train", ["a", "b"])
    batch = split.__getitems__(list(range(len(split))))
    return [value.tolist() for value in (*batch.inputs.values(), batch.target)]


DOORS = {
    "predict": Door("done", predict),
    "evaluate": Door("done", lambda out: run("evaluate", out / "done", "--json")),
    "analyse": Door("done", analyse),
    "train --resume": Door("killed", resume),
    "train (teachers)": Door("teachers", go_on),
    "train (cache)": Door("cache", go_on),
    "train (floors)": Door("floors", go_on),
    "train (experts)": Door("taught/teachers", lambda out: go_on(out / "taught", *EXPERT)),
    "predict (blend)": Door("blended", lambda out: predict(out, "blended")),
    "ensemble": Door("fused", fuse),
    "store": Door("store", read_store),
}


def make(folder: Path) -> None:
    """A finished run, one that was killed, their teachers and cache, and a store."""
    rng = np.random.default_rng(0)
    rows = []
    for row in range(90):
        place = row % 3
        near = rng.normal(place, 0.5, 3).round(3)
        word = ["red", "green", "blue"][place] if rng.random() < 0.8 else "grey"
        more = " ".join(rng.choice(WORDS, 6))
        rows.append([*near, f"{more} {word} {row}", ["one", "two", "three"][place]])
    with (folder / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["x", "y", "z", "note", "kind"], *rows])
    recipe = yaml.safe_load(run("data", "inspect", folder / "table.csv", "--target", "kind"))
    recipe["method"], recipe["training"]["epochs"] = "g2d", EPOCHS
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    run("train", folder / "recipe.yaml", "--out", folder, "--name", "done")
    run("train", folder / "recipe.yaml", *EXPERT, "--out", folder / "taught", "--name", "first")
    run("train", folder / "recipe.yaml", "--method", "blend", "--out", folder, "--name", "blended")
    labels = ["--labels", folder / "table.csv", "--target", "kind"]
    for name in ("done", "blended"):
        predict(folder, name)
    models = [f"{name}={folder / name}.csv" for name in ("done", "blended")]
    run("ensemble", *models, *labels, "--out", folder / "fused" / "ensemble.json")
    kill_one(folder)
    with new_folder(folder / "store") as store:
        np.save(store / "train-a.npy", rng.normal(size=(20, 5)).astype(np.float32))
        np.save(store / "train-b.npy", rng.normal(size=(20, 2)).astype(np.float32))
        np.save(store / "train-target.npy", np.arange(20) % 3)
        write_manifest(store, "toy", options={"seed": 0})


def kill_one(folder: Path) -> None:
    """Begins a run and kills it in the middle."""
    words = [sys.executable, "-c", "from g2d.cli.main import main; main()"]
    words += ["train", str(folder / "recipe.yaml"), "--out", str(folder), "--name", "killed"]
    process = subprocess.Popen(words, env=os.environ, stderr=subprocess.DEVNULL)
    while True:
        lines = folder / "killed" / "metrics.jsonl"
        if lines.exists() and 2 <= len(lines.read_text().splitlines()) < EPOCHS:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return
        assert process.poll() is None, "the run came to its end before it was killed"
        time.sleep(0.001)


@contextmanager
def copied(whole: Path) -> Iterator[Path]:
    """A copy of everything, to be damaged."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "out"
        shutil.copytree(whole, copy)
        yield copy


@dataclass(frozen=True)
class Damaged:
    """A file that is not as it was.

    Attributes:
        door: By which it is opened.
        file: Which it is, from the folder on.
        content: What it holds.
    """

    door: str
    file: Path
    content: bytes = field(repr=False)


class Damage:
    """Damaged files of a folder, and what becomes of the commands that open it.

    Args:
        whole: An empty folder, to be filled.

    Attributes:
        inputs: Damaged files, made by hypothesis.
        last: What became of the last: `refused` or `the same`.
    """

    def __init__(self, whole: Path) -> None:
        self._whole, self.last = whole, ""
        make(whole)
        self._truths = {name: self._opened(door, None) for name, door in DOORS.items()}
        self.inputs = self._strategy()

    def _strategy(self) -> st.SearchStrategy[Damaged]:
        @st.composite
        def one(draw: st.DrawFn) -> Damaged:
            name = draw(st.sampled_from(list(DOORS)))
            held = self._whole / DOORS[name].of
            files = sorted(p for p in held.rglob("*") if p.is_file() and p.stat().st_size)
            file = draw(st.sampled_from(files))
            content = draw(inputs.damaged(file.read_bytes()))
            return Damaged(name, file.relative_to(self._whole), content)

        return one()

    def _opened(self, door: Door, damaged: Damaged | None) -> Any:
        with copied(self._whole) as out:
            if damaged is not None:
                (out / damaged.file).write_bytes(damaged.content)
            return door.open(out / "store" if door.of == "store" else out)

    def judge(self, damaged: Damaged) -> str:
        """What is wrong with what becomes of one."""
        try:
            found = self._opened(DOORS[damaged.door], damaged)
        except UserError as error:
            self.last = "refused"
            if "\n" in str(error):
                return "several lines"
            if damaged.file.name not in str(error):
                return f"the file is not named: {error}"
            return "" if "; " in str(error) else f"no way out is named: {error}"
        except Exception:
            return traceback.format_exc().splitlines()[-1][:300]
        self.last = "the same"
        return "" if found == self._truths[damaged.door] else "another result in silence"


def campaign(trials: int, seed: int, clock: Clock) -> dict[str, Any]:
    """So many trials, and what became of them."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in DOORS}
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "out"
        whole.mkdir()
        damage = Damage(whole)

        def see(value: Damaged, fault: str) -> None:
            counts[value.door]["fault" if fault else damage.last] += 1
            if fault:
                faults.append({"door": value.door, "file": str(value.file), "fault": fault})

        examples(damage.inputs, damage.judge, trials, seed, see, clock)
    return tally(counts, seed, faults)


if __name__ == "__main__":
    record_of("damaged_files", campaign, 500, __doc__ or "")
