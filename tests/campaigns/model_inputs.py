"""Wrong inputs of models, made by hypothesis: predictions to fuse, new rows, arrays to fit.

They stand beside `inputs.py`, whose command lines, recipes, tables and media come before a model.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from campaigns.inputs import CELLS, NUMBERS, TEXTS, VALUES, WORDS

# Numbered columns of a block, as the run that predicts new rows has them.
BLOCK = [f"f{number}" for number in range(10)]
FUSING = st.sampled_from(
    [
        *("--of=probabilities", "--of=logits", "--of=one=logits", "--positive=1", "--positive=0"),
        *("--task=classification", "--task=regression", "--task=multilabel", "--order=0,1"),
        *("--order=1,0,2", "--id=row", "--id=kind", "--target=kind", "--target=row"),
    ]
)


def as_csv(rows: list[list[str]]) -> str:
    """Rows as a CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@st.composite
def changed(draw: st.DrawFn, rows: list[list[str]]) -> list[list[str]]:
    """A table of which a few cells, names, columns or rows are other, lacking or double."""
    rows = [list(row) for row in rows]
    for _ in range(draw(st.integers(0, 2))):
        act = draw(st.sampled_from(["cell", "column", "name", "lose", "drop", "double", "empty"]))
        row = draw(st.integers(1, len(rows) - 1))
        place = draw(st.integers(0, len(rows[0]) - 1))
        if act == "cell":
            rows[row][place] = draw(CELLS)
        elif act == "column":
            pool = draw(st.lists(CELLS, min_size=1, max_size=3))
            for number, one in enumerate(rows[1:]):
                one[place] = pool[number % len(pool)]
        elif act == "name":
            rows[0][place] = draw(st.one_of(WORDS, TEXTS, st.sampled_from(rows[0])))
        elif act == "lose" and len(rows[0]) > 1:
            rows = [one[:place] + one[place + 1 :] for one in rows]
        elif act == "drop" and len(rows) > 2:
            del rows[row]
        elif act == "double":
            rows.append(list(rows[row]))
        elif act == "empty":
            rows[row] = ["" for _ in rows[row]]
    return rows


@st.composite
def ensembles(draw: st.DrawFn, said: list[list[str]], labels: list[list[str]]) -> dict[str, Any]:
    """Predictions of two models, as `g2d predict` writes them or bare, labels, and options.

    Args:
        draw: Of hypothesis.
        said: What `g2d predict` wrote.
        labels: The table of labels of the same rows.
    """
    shares = [place for place, name in enumerate(said[0]) if name.startswith("p(")]
    bare = [[row[0], *(row[place] for place in shares)] for row in said]
    bare[0] = ["row", *(name[2:-1] for name in bare[0][1:])]
    whole = st.sampled_from([said, bare])
    return {
        "one": as_csv(draw(changed(draw(whole)))),
        "two": as_csv(draw(changed(draw(whole)))),
        "labels": as_csv(draw(changed(labels))),
        "options": ["--target=kind", "--id=row", *draw(st.lists(FUSING, max_size=1))],
    }


@st.composite
def new_rows(draw: st.DrawFn, rows: list[list[str]]) -> dict[str, Any]:
    """New rows for a run with a block of numbered columns, some of them in another unit.

    Returns:
        The CSV, and how many columns of the block are a thousand times as large and otherwise as
        they were.
    """
    moved = draw(st.lists(st.sampled_from(BLOCK), unique=True, max_size=4))
    table = [list(row) for row in rows]
    for name in moved:
        place = table[0].index(name)
        for row in table[1:]:
            row[place] = f"{1000 * float(row[place]):.3f}"
    other = draw(st.booleans())
    if other:
        table = draw(changed(table))
    return {"table": as_csv(table), "moved": 0 if other else len(moved)}


def _columns(draw: st.DrawFn, rows: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {"x": rng.normal(size=rows), "y": rng.normal(size=rows)}
    made["note"] = [f"{'red' if n % 2 else 'blue'} and {n % 7}" for n in range(rows)]
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(["x", "y", "note", "more"]))
        pool = draw(st.lists(st.one_of(st.none(), NUMBERS, CELLS), min_size=1, max_size=3))
        made[name] = [pool[n % len(pool)] for n in range(rows)]
    return made


@st.composite
def fits(draw: st.DrawFn) -> dict[str, Any]:
    """What an estimator is given: a frame or an array, a target, options of its own."""
    rows = draw(st.sampled_from([0, 1, 5, 40, 40, 40, 40, 40]))
    frame = pd.DataFrame(_columns(draw, rows))
    form = draw(st.sampled_from(["frame", "frame", "frame", "index", "array", "list"]))
    index = frame.set_axis(list(range(7, 7 + rows)), axis=0)
    X = {"frame": frame, "index": index, "array": frame.to_numpy(), "list": frame.to_numpy()}[form]
    pool = draw(st.one_of(st.just(["a", "b"]), st.lists(CELLS, min_size=1, max_size=3)))
    y = [pool[n % len(pool)] for n in range(rows + draw(st.sampled_from([0, 0, 0, 1])))]
    options: dict[str, Any] = {}
    names = ["method", "batch_size", "learning_rate", "validation_fraction", "random_state"]
    names += ["optimizer", "fusion", "modalities", "encoders", "experts"]
    for _ in range(draw(st.integers(0, 2))):
        options[draw(st.sampled_from(names))] = draw(VALUES)
    weights = draw(st.sampled_from([None, None, None, [1.0] * rows, [0.0] * rows, [-1.0] * rows]))
    X = X.tolist() if form == "list" else X
    return {"X": X, "y": y, "options": options, "sample_weight": weights}
