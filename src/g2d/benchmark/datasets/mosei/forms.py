"""The pickles in which CMU-MOSEI goes round: one file of three parts each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KEYS = {"audio": "audio", "visual": "vision", "text": "text"}


@dataclass(frozen=True)
class Form:
    """How one of the files is laid out.

    Attributes:
        kind: What the store records it was made of.
        file: Name of the pickle.
        widths: Features of a word, by modality.
        labels: Key of the labels.
        mask: Key of an array `(N, 3, T)` whose second row marks where words are; without it words
            are distinguished from padding by their numbers.
        sizes: Of the splits, as distributed.
    """

    kind: str
    file: str
    widths: Mapping[str, int]
    labels: str
    sizes: Mapping[str, int]
    mask: str | None = None

    @property
    def keys(self) -> list[str]:
        """The keys that every part has to hold."""
        return [*KEYS.values(), self.labels, *([self.mask] if self.mask else [])]


FORMS = (
    # COVAREP, FACET, GloVe
    Form(
        "mult",
        "mosei_senti_data.pkl",
        {"audio": 74, "visual": 35, "text": 300},
        "labels",
        {"train": 16265, "val": 1869, "test": 4643},
    ),
    # COVAREP, OpenFace 2, GloVe
    Form(
        "multibench",
        "mosei_raw.pkl",
        {"audio": 74, "visual": 713, "text": 300},
        "labels",
        {"train": 16327, "val": 1871, "test": 4662},
    ),
    # COVAREP, FACET, BERT
    Form(
        "mmsa",
        "aligned_50.pkl",
        {"audio": 74, "visual": 35, "text": 768},
        "regression_labels",
        {"train": 16326, "val": 1871, "test": 4659},
        mask="text_bert",
    ),
)
