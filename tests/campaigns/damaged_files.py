"""Files of runs, teachers, caches and stores, damaged at random, and every command that opens them.

    python tests/campaigns/damaged_files.py --trials 500

One file of a copied folder is damaged, and a command opens the folder. It ends in one line that
names the file and status 1 or 2, or does what it did with the whole folder, to the last byte.
Anything else is a fault: a traceback, several lines, or another result in silence. The last
campaign's counts are in `damaged_files.json`.
"""

from __future__ import annotations

import argparse
import csv
import io
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
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.cli.main import main
from g2d.data.store import Store, new_folder, write_manifest
from g2d.errors import UserError

HERE = Path(__file__).parent
EPOCHS = 6
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


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    """One bit."""
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return content[: rng.integers(len(content))]


def hole(content: bytes, rng: np.random.Generator) -> bytes:
    """A block of zeros, as file systems leave it after a power cut."""
    start, size = int(rng.integers(len(content))), int(rng.integers(1, 512))
    return content[:start] + bytes(min(size, len(content) - start)) + content[start + size :]


def junk(content: bytes, rng: np.random.Generator) -> bytes:
    """Something else's content."""
    return rng.bytes(int(rng.integers(300)))


DAMAGES = {"flipped": flip, "cut": cut, "hole": hole, "junk": junk}


def run(*words: object) -> str:
    """A command of g2d in this process; what it printed.

    Raises:
        UserError: It ended with another status than 0, with what it said.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(word) for word in words])
    if status:
        lines = err.getvalue().splitlines()
        raise UserError("\n".join(line for line in lines if not line.startswith("WARNING: ")))
    return out.getvalue()


def predict(out: Path) -> str:
    """The predictions of the finished run."""
    file = out / "said.csv"
    run("predict", out / "done", "--data", out / "table.csv", "--out", file)
    return file.read_text()


def resume(out: Path) -> list[Any]:
    """What becomes of the killed run."""
    run("train", out / "recipe.yaml", "--out", out, "--name", "killed", "--resume")
    result = json.loads((out / "killed" / "result.json").read_text())
    return [result["val"], result["test"], result["teachers"]["speed"], result["best_epoch"]]


def go_on(out: Path) -> list[Any]:
    """What becomes of another run with the same teachers and cache."""
    run("train", out / "recipe.yaml", "--out", out, "--name", "next", "--method.alpha", "0.5")
    result = json.loads((out / "next" / "result.json").read_text())
    return [result["val"], result["test"], result["teachers"]["confidence"]]


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
    recipe = run("data", "inspect", folder / "table.csv", "--target", "kind")
    (folder / "recipe.yaml").write_text(recipe.replace("epochs: 20", f"epochs: {EPOCHS}"))
    run("train", folder / "recipe.yaml", "--out", folder, "--name", "done")
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


def outcome(name: str, whole: Path, file: Path, damage: str, seed: Any, truth: Any) -> str:
    """What became of one trial: `refused`, `the same`, or a fault."""
    with copied(whole) as out:
        path = out / file
        path.write_bytes(DAMAGES[damage](path.read_bytes(), np.random.default_rng(seed)))
        opened = out / "store" if DOORS[name].of == "store" else out
        try:
            found = DOORS[name].open(opened)
        except UserError as error:
            if "\n" in str(error):
                return "fault: several lines"
            return "refused" if file.name in str(error) else "fault: the file is not named"
        except BaseException:
            return f"fault: {traceback.format_exc().splitlines()[-1][:200]}"
    return "the same" if found == truth else "fault: another result in silence"


def campaign(trials: int, seed: int) -> dict[str, Any]:
    """So many trials, and what became of them."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in DOORS}
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "out"
        whole.mkdir()
        make(whole)
        rng = np.random.default_rng(seed)
        truths = {}
        for name, door in DOORS.items():
            with copied(whole) as out:
                truths[name] = door.open(out / "store" if door.of == "store" else out)
        for trial in range(trials):
            name = list(DOORS)[trial % len(DOORS)]
            files = sorted(
                p for p in (whole / DOORS[name].of).rglob("*") if p.is_file() and p.stat().st_size
            )
            file = files[rng.integers(len(files))].relative_to(whole)
            damage = str(rng.choice(list(DAMAGES)))
            said = outcome(name, whole, file, damage, [seed, trial], truths[name])
            counts[name][said.partition(":")[0]] += 1
            if said.startswith("fault"):
                faults.append({"door": name, "file": str(file), "damage": damage, "said": said})
    return {"trials": trials, "seed": seed, "counts": counts, "faults": faults}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "damaged_files.json")
    given = parser.parse_args()
    found = campaign(given.trials, given.seed)
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    sys.exit(bool(found["faults"]))
