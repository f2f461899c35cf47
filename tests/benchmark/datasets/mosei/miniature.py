"""CMU-MOSEI in the layouts of its three pickles, 44 segments of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"train": 28, "valid": 8, "test": 8}
FILES = {
    "mult": "mosei_senti_data.pkl",
    "multibench": "mosei_raw.pkl",
    "mmsa": "aligned_50.pkl",
}
WIDTHS = {
    "mult": {"audio": 74, "vision": 35, "text": 300},
    "multibench": {"audio": 74, "vision": 713, "text": 300},
    "mmsa": {"audio": 74, "vision": 35, "text": 768},
}
LENGTH = 12
# A seventh of the segments each; rows r, r + 7, ... of every part have the same.
SENTIMENTS = (-3.0, -1.0, -1 / 3, 0.0, 1 / 3, 1.0, 3.0)

Change = Callable[[dict[str, Any]], object]


def words_of(row: int) -> int:
    """How many words the segment of a row has."""
    return 3 + row % 7


def content(kind: str) -> dict[str, Any]:
    """What is in the pickle of a kind; words are at the end, in `mmsa` at the beginning."""
    rng = np.random.default_rng(5)
    made: dict[str, Any] = {}
    for fold, size in SIZES.items():
        words = np.array([words_of(row) for row in range(size)])[:, None]
        place = np.arange(LENGTH)
        spoken = place < words if kind == "mmsa" else place >= LENGTH - words
        sentiment = np.array([SENTIMENTS[row % 7] for row in range(size)])
        held: dict[str, Any] = {}
        for key, width in WIDTHS[kind].items():
            features = sentiment[:, None, None] + rng.normal(size=(size, LENGTH, width))
            held[key] = (features * spoken[:, :, None]).astype(np.float32)
        first = held["audio"][0]
        first[np.flatnonzero(spoken[0])[0], 5] = -np.inf
        made[fold] = {**held, **_about(kind, fold, sentiment, spoken)}
    return made


def _about(kind: str, fold: str, sentiment: Any, spoken: Any) -> dict[str, Any]:
    """Labels and names; four segments in a row are of one video."""
    rows = range(len(sentiment))
    if kind == "mult":
        names = [[f"{fold}{row // 4}", f"{row}.5", f"{row + 1}.25"] for row in rows]
        return {"labels": sentiment.astype(np.float32)[:, None, None], "id": np.array(names)}
    if kind == "multibench":
        emotions = np.full((len(sentiment), 1, 6), 2 / 3)
        labels = np.concatenate([sentiment[:, None, None], emotions], axis=2)
        return {"labels": labels, "id": [f"{fold}{row // 4}[{row % 4}]" for row in rows]}
    # BERT also marks its own two tokens; the padding of the text is no zero there
    marked = np.stack([spoken * 101, spoken, 0 * spoken], axis=1).astype(np.int64)
    return {
        "regression_labels": sentiment,
        "classification_labels": np.sign(sentiment) + 1,
        "annotations": np.array(["Neutral"] * len(sentiment)),
        "text_bert": marked,
        "raw_text": np.array(["so I went"] * len(sentiment)),
        "id": [f"{fold}{row // 4}$_${row % 4}" for row in rows],
    }


def write(folder: Path, kind: str = "mult", change: Change | None = None) -> Path:
    """The one pickle of a kind."""
    folder.mkdir(exist_ok=True, parents=True)
    made = content(kind)
    if change is not None:
        change(made)
    (folder / FILES[kind]).write_bytes(pickle.dumps(made, 4))
    return folder
