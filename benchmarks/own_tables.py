"""The tables of `own_data.py`: made of what scikit-learn ships, or found in a folder."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


@dataclass(frozen=True)
class OwnTable:
    """A table and the column to predict.

    Attributes:
        file: CSV.
        target: The column.
        modalities: As a recipe has them; read off the table when `None`.
        what: In a few words.
    """

    file: Path
    target: str
    modalities: dict[str, Any] | None
    what: str


def _write(
    file: Path, views: Mapping[str, Any], target: str, values: Sequence[Any]
) -> dict[str, Any]:
    """Writes views side by side; returns them as a recipe's modalities."""
    columns = {name: [f"{name}{i}" for i in range(view.shape[1])] for name, view in views.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow([*(c for each in columns.values() for c in each), target])
        for row, value in enumerate(values):
            numbers = [f"{x:.6g}" for view in views.values() for x in view[row]]
            table.writerow([*numbers, value])
    return {name: {"kind": "tabular", "columns": each} for name, each in columns.items()}


def digits(folder: Path) -> OwnTable:
    """Halves of 1,797 digits and noise."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    noise = np.random.default_rng(0).normal(size=(len(X), 16))
    views = {"upper": X[:, :32], "lower": X[:, 32:], "noise": noise}
    file = folder / "digits.csv"
    modalities = _write(file, views, "digit", [f"d{label}" for label in y])
    return OwnTable(file, "digit", modalities, "halves of digits and noise, 10 classes")


def rare(folder: Path) -> OwnTable:
    """Halves of digits; one in ten is what is looked for."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    file = folder / "rare.csv"
    views = {"upper": X[:, :32], "lower": X[:, 32:]}
    modalities = _write(file, views, "found", ["yes" if label == 8 else "no" for label in y])
    return OwnTable(file, "found", modalities, "halves of digits, a class of one row in ten")


def diabetes(folder: Path) -> OwnTable:
    """442 patients: what is known of the person, and of the blood; a number to predict."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    file = folder / "diabetes.csv"
    modalities = _write(file, {"person": X[:, :4], "blood": X[:, 4:]}, "progression", y)
    return OwnTable(file, "progression", modalities, "regression in two views")


def cancer(folder: Path) -> OwnTable:
    """569 tumours in three views, and a view of noise."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    noise = np.random.default_rng(1).normal(size=(len(X), 10))
    views = {"mean": X[:, :10], "error": X[:, 10:20], "worst": X[:, 20:], "noise": noise}
    file = folder / "cancer.csv"
    modalities = _write(file, views, "kind", ["malignant" if v == 0 else "benign" for v in y])
    return OwnTable(file, "kind", modalities, "three views and a useless one, 2 classes")


def wine(folder: Path) -> OwnTable:
    """178 wines: taste and colour, three growers."""
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    taste = [0, 1, 2, 3, 4, 12]
    views = {"taste": X[:, taste], "colour": X[:, [n for n in range(13) if n not in taste]]}
    file = folder / "wine.csv"
    modalities = _write(file, views, "grower", [f"g{label}" for label in y])
    return OwnTable(file, "grower", modalities, "two views of few rows, 3 classes")


def leaves(root: Path) -> OwnTable:
    """990 leaves: a picture and three vectors."""
    return OwnTable(root / "leaves" / "data.csv", "species", None, "a picture and three vectors")


def movies(root: Path) -> OwnTable:
    """1,000 films: two texts and numbers."""
    return OwnTable(root / "movies" / "data.csv", "Drama", None, "two texts and numbers")


def movies_anew(folder: Path, root: Path) -> OwnTable:
    """The same without its column of splits, so that every seed divides the films anew."""
    file = folder / "movies_anew.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with movies(root).file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(
            stream, [name for name in rows[0] if name != "split"], extrasaction="ignore"
        )
        table.writeheader()
        table.writerows(rows)
    return OwnTable(file, "Drama", None, "the same films, split anew by every seed")


def movies_sentences(folder: Path, root: Path, model: Path) -> OwnTable:
    """The films split anew, their texts read by a published sentence model, frozen."""
    from g2d.table.inspection.inspect import inspect_table

    table = movies_anew(folder, root)
    content, _ = inspect_table(table.file, table.target)
    modalities = {
        name: {**spec, **({"tokenizer": str(model)} if spec["kind"] == "text" else {})}
        for name, spec in content["data"]["modalities"].items()
    }
    what = "the films split anew, texts read by MiniLM"
    return OwnTable(table.file, table.target, modalities, what)


def avmnist(folder: Path, images: Path, speech: Path) -> OwnTable:
    """Digits, seen and heard, as pictures and recordings."""
    out = folder / "avmnist"
    if not (out / "data.csv").exists():
        script = HERE.parent / "examples" / "make_tables.py"
        words = [sys.executable, str(script), "avmnist", str(out)]
        words += ["--images", str(images), "--speech", str(speech)]
        subprocess.run(words, check=True)
    return OwnTable(out / "data.csv", "digit", None, "digits, seen and heard")
