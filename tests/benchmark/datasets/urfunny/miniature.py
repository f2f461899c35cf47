"""UR-FUNNY in both of its layouts, forty punchlines of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"train": 24, "dev": 8, "test": 8}
WIDTHS = {"audio": 81, "visual": 371, "text": 300}
VOCABULARY = 60

Change = Callable[[dict[str, Any]], object]


def sdk_content() -> dict[str, Any]:
    """What is in the authors' pickles; ids are numbers, and every second array is a list."""
    rng = np.random.default_rng(3)
    ids = rng.permutation(1000)[: sum(SIZES.values())].tolist()
    folds, start = {}, 0
    for fold, size in SIZES.items():
        folds[fold] = ids[start : start + size]
        start += size
    content: dict[str, Any] = {
        "data_folds": folds,
        "humor_label_sdk": {id: place % 2 for place, id in enumerate(ids)},
        "word_embedding_list": rng.normal(size=(VOCABULARY, 300)).tolist(),
        "language_sdk": {},
        "covarep_features_sdk": {},
        "openface_features_sdk": {},
    }
    for place, id in enumerate(ids):
        words = 3 + place % 6
        sentences = [2 + (place + k) % 24 for k in range(place % 8)]

        def features(width, label=place % 2, words=words, sentences=sentences, place=place):
            made = [100 * label + rng.normal(size=(n, width)) for n in (words, *sentences)]
            plain = [array.tolist() for array in made] if place % 2 else made
            return {"punchline_features": plain[0], "context_features": plain[1:]}

        content["covarep_features_sdk"][id] = features(81)
        content["openface_features_sdk"][id] = features(371)
        content["language_sdk"][id] = {
            "punchline_embedding_indexes": rng.integers(0, VOCABULARY, words).tolist(),
            "context_embedding_indexes": [
                rng.integers(0, VOCABULARY, n).tolist() for n in sentences
            ],
            "punchline_sentence": "so I went",
            "context_sentences": ["..."] * len(sentences),
        }
    return content


def write_sdk(folder: Path, change: Change | None = None) -> Path:
    """The authors' six pickles, of Python 2's protocol."""
    folder.mkdir(exist_ok=True)
    content = sdk_content()
    if change is not None:
        change(content)
    for name, held in content.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(held, 2))
    return folder


def multibench_content(length: int = 12) -> dict[str, Any]:
    """What is in MultiBench's pickle: zeros in front, some -inf in the sound."""
    rng = np.random.default_rng(4)
    content: dict[str, Any] = {}
    for fold, size in zip(("train", "valid", "test"), SIZES.values(), strict=True):
        words = 3 + np.arange(size) % 7
        spoken = np.arange(length) >= length - words[:, None]
        held = {}
        for key, width in zip(("audio", "vision", "text"), WIDTHS.values(), strict=True):
            held[key] = rng.normal(size=(size, length, width)) * spoken[:, :, None]
        held["audio"][0, -1, 5] = -np.inf
        held["labels"] = (np.arange(size) % 2 * 2 - 1)[:, None]
        held["id"] = np.array([[f"{fold}[{row}]".encode()] for row in range(size)])
        content[fold] = held
    return content


def write_multibench(folder: Path, change: Change | None = None) -> Path:
    """MultiBench's one pickle."""
    folder.mkdir(exist_ok=True)
    content = multibench_content()
    if change is not None:
        change(content)
    (folder / "humor.pkl").write_bytes(pickle.dumps(content, 4))
    return folder
