"""UR-FUNNY as its authors distribute it: one pickle a kind of feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.pickles import load_pickle
from g2d.benchmark.datasets.urfunny.source import WIDTHS, checked_label
from g2d.benchmark.datasets.words.parts import empty_parts
from g2d.benchmark.datasets.words.source import Arrays, Source, aligned, or_zero, steps
from g2d.data.preparation import Sample, UnusableError
from g2d.errors import UserError

FILES = {
    "folds": "data_folds.pkl",
    "labels": "humor_label_sdk.pkl",
    "words": "word_embedding_list.pkl",
    "text": "language_sdk.pkl",
    "audio": "covarep_features_sdk.pkl",
    "visual": "openface_features_sdk.pkl",
}
_PARTS = {"train": "train", "dev": "val", "test": "test"}
# As in the authors' tutorial: the last sentences before the punchline, the first words of each.
_SENTENCES, _WORDS = 5, 20


def read_sdk(root: Path, context: bool) -> Source:
    """Reads all of it into memory.

    Raises:
        UserError: A file is missing, damaged, holds what it must not, or is not of this dataset.
    """
    files = {name: root / file for name, file in FILES.items()}
    content = {name: load_pickle(file) for name, file in files.items()}
    for name, file in files.items():
        expected = list if name == "words" else dict
        if not isinstance(content[name], expected | np.ndarray if name == "words" else expected):
            kind = type(content[name]).__name__
            raise UserError(f"{file} holds a {kind}, expected a {expected.__name__}; get it again")
    folds = content["folds"]
    if set(_PARTS) - set(folds):
        raise UserError(f"{files['folds']} holds {sorted(folds)}, expected {sorted(_PARTS)}")
    samples, problems, seen = [], [], dict[str, str]()
    for fold, part in _PARTS.items():
        for name in folds[fold]:
            id = str(name)
            if id in seen:
                problems.append(f"{id} is in {seen[id]} and in {part}")
                continue
            seen[id] = part
            target = or_zero(_label)(content["labels"].get(name))
            samples.append(Sample(id, target, files, {"part": part, "name": id}))
    keys = {str(name): name for fold in _PARTS for name in folds[fold]}
    decode = _Decode(content, keys, _vectors(content["words"], files["words"]), context)
    return Source("sdk", files, samples, decode, (*empty_parts(samples), *problems))


def _label(value: Any) -> int:
    return checked_label(value, (0, 1))


def _vectors(words: Any, file: Path) -> NDArray[np.float32]:
    try:
        return steps(words, "text", WIDTHS["text"])
    except UnusableError as error:
        raise UserError(f"{file}: {error}; get it again") from None


@dataclass(frozen=True)
class _Decode:
    content: Mapping[str, Any]
    keys: Mapping[str, Any]
    vectors: NDArray[np.float32]
    context: bool

    def __call__(self, sample: Sample) -> Arrays:
        name = self.keys[sample.id]
        for kind in ("labels", *WIDTHS):
            if name not in self.content[kind]:
                raise UnusableError(f"{FILES[kind]} does not have it")
        _label(self.content["labels"][name])
        spoken = {kind: self.content[kind][name] for kind in WIDTHS}
        found = aligned(
            {kind: self._rows(kind, self._of(spoken[kind], kind, "punchline")) for kind in WIDTHS}
        )
        if not found["text"].any():
            raise UnusableError("none of its words has a vector")
        if not self.context:
            return found
        before = {kind: self._before(kind, spoken[kind]) for kind in WIDTHS}
        return {**found, **{f"{kind}-context": rows for kind, rows in aligned(before).items()}}

    def _of(self, spoken: Any, kind: str, where: str) -> Any:
        key = f"{where}_embedding_indexes" if kind == "text" else f"{where}_features"
        if not isinstance(spoken, dict) or key not in spoken:
            raise UnusableError(f"{FILES[kind]} has no {key} for it")
        return spoken[key]

    def _rows(self, kind: str, words: Any) -> NDArray[np.float32]:
        if kind != "text":
            return steps(words, kind, WIDTHS[kind])
        index = np.asarray(words)
        if index.size == 0:
            raise UnusableError("text has no words")
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise UnusableError("text is not a list of word numbers")
        if index.min() < 0 or index.max() >= len(self.vectors):
            raise UnusableError(
                f"word {index.max()} is not among the {len(self.vectors)} of {FILES['words']}"
            )
        vectors: NDArray[np.float32] = self.vectors[index]
        return vectors

    def _before(self, kind: str, spoken: Any) -> NDArray[np.float32]:
        """The words of the sentences before the punchline, `(T, d)`; T may be 0."""
        sentences = list(self._of(spoken, kind, "context"))[-_SENTENCES:]
        rows = [self._rows(kind, words[:_WORDS]) for words in sentences if len(words)]
        return np.concatenate([np.zeros((0, WIDTHS[kind]), np.float32), *rows])
