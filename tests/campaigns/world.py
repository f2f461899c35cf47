"""A table, a recipe of it and a finished run: what wrong inputs are given to."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from campaigns import inputs
from campaigns.commands import Said, run, within
from g2d.errors import UserError
from g2d.table.kinds import KINDS

RECIPE = {
    "data": {
        "name": "table",
        "table": "TABLE",
        "target": "kind",
        "modalities": {
            "tabular": {"kind": "tabular", "columns": ["x", "y"]},
            "note": {"kind": "text", "column": "note"},
        },
        "split": {"val": 0.2, "test": 0.2, "seed": 0},
    },
    "encoders": {
        "tabular": {"name": "mlp", "inputs": 2, "width": 8},
        "note": {"name": "words", "vocabulary": 50, "width": 8},
    },
    "fusion": "late",
    "method": "joint",
    "training": {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "optimizer": "adamw"},
    "seed": 0,
}

# Of a blend: the ensemble of the teachers, and a model that is trained already.
MEMBERS = [{"method": "joint"}, {"method": {"name": "ume", "weights": "fitted"}}]


class World:
    """A folder to give commands in.

    Args:
        folder: Where; it is filled.

    Attributes:
        last: What the last command did: `done` or `refused`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.out, self.last = folder, folder / "out", ""
        self.table, self.recipe = folder / "table.csv", folder / "recipe.yaml"
        rng = np.random.default_rng(0)
        with self.table.open("w", newline="") as file:
            rows = [
                [*rng.normal(n % 2, 0.3, 2).round(3), f"{'red' if n % 2 else 'blue'} {n}", n % 2]
                for n in range(40)
            ]
            csv.writer(file).writerows([["x", "y", "note", "kind"], *rows])
        self.recipe.write_text(self.filled(json.dumps(RECIPE)))
        words = ["train", self.recipe, "--out", folder / "runs", "--name", "done"]
        said = run(words)
        assert said.status == 0, said.err
        self.done = folder / "runs" / "done"

    def filled(self, text: str) -> str:
        """Names of places replaced by what is there."""
        places = {"DONE": self.folder / "runs" / "done", "RECIPE": self.recipe, "OUT": self.out}
        places |= {"TABLE": self.table, "NOWHERE": self.folder / "nowhere", "STORE": self.folder}
        for name, place in places.items():
            text = text.replace(name, str(place))
        return text

    def command(self, words: list[str]) -> str:
        """What is wrong with what a command line does."""
        words = [self.filled(word) for word in words]
        if "--out" not in words and words[0] in {"train", "teach", "compare", "diagnose", "tune"}:
            words += ["--out", str(self.out)]
        return self._judge(words)

    def train(self, text: str) -> str:
        """What is wrong with what the text of a recipe does."""
        file = self.folder / "mine.yaml"
        file.write_text(self.filled(text), encoding="utf-8")
        return self._judge(["train", str(file), "--out", str(self.out), "--name", "it"])

    def inspect(self, content: bytes) -> str:
        """What is wrong with what is said of a table, and with predictions of it."""
        file = self.folder / "theirs.csv"
        file.write_bytes(content)
        names = content.decode("utf-8", "replace").partition("\n")[0].strip().split(",")
        target = names[-1] or "kind"
        fault = self._judge(["data", "inspect", str(file), f"--target={target}"])
        out = self.folder / "said.csv"
        return fault or self._judge(["predict", str(self.done), f"--data={file}", f"--out={out}"])

    def decode(self, media: tuple[str, bytes]) -> str:
        """What is wrong with what becomes of the file of a modality."""
        kind = KINDS[media[0]](["file"])
        file = self.folder / "sent"
        file.write_bytes(media[1])
        try:
            with within(20):
                kind.unpacked(file)
                array = kind.decode({"file": "sent"}, self.folder)
                if array is not None:
                    kind.fit(lambda: iter([array]))
                    array = kind.finish(array)
        except UserError as error:
            self.last = "refused"
            return "several lines" if "\n" in str(error) else ""
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:300]
        self.last = "done"
        return "" if array is None or np.isfinite(array).all() else "numbers that are none"

    def _judge(self, words: list[str]) -> str:
        try:
            said = run(words)
            self.last = "done" if said.status == 0 else "refused"
            return said.fault() or self._silence(said) or self._halves()
        finally:
            shutil.rmtree(self.out, ignore_errors=True)

    def _silence(self, said: Said) -> str:
        """A success whose numbers are none."""
        for file in self.out.glob("*/result.json") if said.status == 0 else ():
            found: list[Any] = [json.loads(file.read_text())["val"]]
            while found:
                one = found.pop()
                if isinstance(one, dict):
                    found += one.values()
                elif isinstance(one, float) and not math.isfinite(one):
                    return "success, and a metric that is no number"
        return ""

    def _halves(self) -> str:
        """Temporary files that were left."""
        left = [*self.folder.rglob("*.tmp"), *self.folder.rglob("*.new")]
        return f"left {left[0].name}" if left else ""


def judges(world: World) -> dict[str, tuple[Any, Callable[[Any], str]]]:
    """By kind: the inputs, and what says what is wrong with what comes of one."""
    blends = {**RECIPE, "method": {"name": "blend", "members": MEMBERS}}
    weighed = {**RECIPE, "method": {"name": "joint", "gamma": 1.0}}
    bad_yaml = st.sampled_from([inputs.BOMB, inputs.DEEP, "a: &a [*a]", "seed: !!bool maybe"])
    return {
        "command lines": (inputs.command_lines(), world.command),
        "recipes": (
            st.one_of(*map(inputs.recipes, (RECIPE, RECIPE, weighed, blends)), bad_yaml),
            world.train,
        ),
        "tables": (inputs.tables(), world.inspect),
        "media": (inputs.media(), world.decode),
    }
