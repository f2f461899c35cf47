"""Finished models, and what becomes of wrong inputs that are given to them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from campaigns import model_inputs
from campaigns.commands import run, within
from campaigns.world import World
from g2d import G2DClassifier, UserError


class Models:
    """Models beside those of a world.

    Args:
        world: Whose folder and judgement they use.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        said = world.folder / "said.csv"
        _done("predict", world.done, "--data", world.table, "--out", said)
        self.said = _rows(said.read_text())
        kinds = [row[-1] for row in _rows(world.table.read_text())]
        self.labels = [["row", "kind"], *([str(n), kind] for n, kind in enumerate(kinds[1:], 1))]
        rng = np.random.default_rng(0)
        values = rng.normal(100, 5, (80, len(model_inputs.BLOCK))).round(3)
        self.block = [[*model_inputs.BLOCK, "age", "kind"]]
        for number, row in enumerate(values.tolist()):
            self.block.append([*map(str, row), str(number % 50), "ab"[row[0] > 100]])
        table, recipe = world.folder / "block.csv", world.folder / "block.yaml"
        table.write_text(model_inputs.as_csv(self.block))
        recipe.write_text(_done("data", "inspect", table, "--target=kind"))
        words = ["--method=joint", "--training.epochs=1", "--out", world.folder / "runs"]
        _done("train", recipe, *words, "--name=block")

    def ensemble(self, given: dict[str, Any]) -> str:
        """What is wrong with the ensemble of two models' predictions, and with its predictions."""
        world = self.world
        files = {name: world.folder / f"{name}-given.csv" for name in ("one", "two", "labels")}
        for name, file in files.items():
            file.write_text(given[name], encoding="utf-8")
        models = [f"one={files['one']}", f"two={files['two']}"]
        known, fused = world.folder / "ensemble.json", world.folder / "fused.csv"
        known.unlink(missing_ok=True)
        fit = ["ensemble", *models, f"--labels={files['labels']}", f"--out={known}"]
        fault = world.command([*fit, *given["options"]])
        if fault or not known.exists():
            return fault
        fused.unlink(missing_ok=True)
        fault = world.command(["ensemble", *models, f"--weights={known}", f"--out={fused}"])
        weights = json.loads(known.read_text())
        if not fault and "NaN" in json.dumps(weights):
            return "weights that are no numbers"
        return fault

    def predict(self, given: dict[str, Any]) -> str:
        """What is wrong with predictions of new rows; another unit of a block is to be said."""
        world = self.world
        file = world.folder / "new.csv"
        file.write_text(given["table"], encoding="utf-8")
        words = ["predict", world.folder / "runs" / "block", f"--data={file}"]
        words.append(f"--out={world.folder / 'predicted.csv'}")
        said = run(words)
        world.last = "done" if said.status == 0 else "refused"
        expected = f"{given['moved']} of the 10 columns of f"
        if given["moved"] > 1 and expected not in said.out:
            return f"nothing says {expected!r}"
        return said.fault()

    def fit(self, given: dict[str, Any]) -> str:
        """What is wrong with a classifier that is fitted on something, and asked about it."""
        self.world.last = "refused"
        options = {"method": "joint", "epochs": 1, **given["options"]}
        quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with quiet[0], quiet[1], warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with within(20):
                    model = G2DClassifier(**options)
                    model.fit(given["X"], given["y"], sample_weight=given["sample_weight"])
                    shares = model.predict_proba(given["X"])
            except UserError as error:
                if "np." in str(error):
                    return f"a value as NumPy writes it: {error}"[:300]
                return "several lines" if "\n" in str(error) else ""
            except Exception as error:
                if str(error).endswith("seed a numpy.random.RandomState instance"):
                    return ""  # scikit-learn's own words for `random_state`, in one line
                return f"{type(error).__name__}: {error}"[:300]
        self.world.last = "done"
        if not np.isfinite(shares).all():
            return "probabilities that are none"
        return "" if np.allclose(shares.sum(axis=1), 1, atol=1e-4) else "they do not add up to 1"


def judges(world: World) -> dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str]]]:
    """By kind: the inputs, and what says what is wrong with what comes of one."""
    models = Models(world)
    return {
        "ensembles": (model_inputs.ensembles(models.said, models.labels), models.ensemble),
        "new rows": (model_inputs.new_rows(models.block), models.predict),
        "estimators": (model_inputs.fits(), models.fit),
    }


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def _done(*words: object) -> str:
    said = run(words)
    assert said.status == 0, said.err
    return said.out
