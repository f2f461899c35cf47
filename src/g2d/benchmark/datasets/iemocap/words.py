"""The words of a turn as vectors, without any model that was trained on text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError, require

HASHED_WIDTH = 300
_GRAMS = (3, 5)
# A remark such as [LAUGHTER], or a word with what is joined to it.
_WORD = re.compile(r"\[[^\W_]+\]|[^\W_]+(?:['-][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
# As the Penn Treebank, and with it GloVe, cuts "don't" and "I'm".
_CONTRACTED = re.compile(r"(.+?)(n't|'\w+)")


class Vectors(Protocol):
    """Makes vectors of words; it has to be picklable."""

    @property
    def width(self) -> int:
        """The width of a vector."""

    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        """A vector for each word, `(words, width)`."""


def words_in(text: str) -> list[str]:
    """The words of a transcription, in lower case; remarks in brackets are words.

    Example:
        >>> words_in("[LAUGHTER] Well, I don't-- I don't know, Mr. O'Brien?")
        ['[laughter]', 'well', 'i', "don't", 'i', "don't", 'know', 'mr', "o'brien"]
    """
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


@dataclass(frozen=True)
class Hashed:
    """Vectors that are counts of a word's groups of 3 to 5 characters, by a fixed hash.

    Each group adds 1 or -1 at one of 300 places, and the vector has length 1: scikit-learn's
    `HashingVectorizer`. Nothing is fitted, and words that are written alike are near each other.
    """

    width: int = HASHED_WIDTH

    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        """A vector for each word, `(words, 300)`."""
        text = require("sklearn.feature_extraction.text", "tables")
        hashing = text.HashingVectorizer(
            analyzer="char_wb", ngram_range=_GRAMS, n_features=self.width
        )
        return np.asarray(hashing.transform(words).toarray(), dtype=np.float32)


@dataclass(frozen=True)
class FromFile:
    """Word vectors of a file.

    A word that the file does not have is put together from what it is joined of (`don't` is `do`
    and `n't`, two steps); where the file has none of that, its vector is zero.

    Attributes:
        width: Of a vector.
        known: Vectors by word.
    """

    width: int
    known: Mapping[str, NDArray[np.float32]]

    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        """A vector for each word, or for each of its parts, `(words or more, width)`."""
        return np.stack([vector for word in words for vector in self._of(word)])

    def _of(self, word: str) -> list[NDArray[np.float32]]:
        for parts in _ways(word):
            if all(part in self.known for part in parts):
                return [self.known[part] for part in parts]
        some = [self.known[part] for part in _ways(word)[-1] if part in self.known]
        return some or [np.zeros(self.width, np.float32)]


def _ways(word: str) -> list[list[str]]:
    """The ways to cut a word, the best first.

    Example:
        >>> _ways("don't")
        [["don't"], ['do', "n't"], ['don', 't']]
    """
    contracted = _CONTRACTED.fullmatch(word)
    middle = [list(contracted.groups())] if contracted else []
    return [[word], *middle, _PART.findall(word)]


def read_vectors(file: Path, words: Iterable[str]) -> FromFile:
    """Reads a file of word vectors, of which only those that are needed are kept.

    Args:
        file: Text: a word and its numbers on every line, as GloVe is distributed; the line with
            two whole numbers that word2vec and fastText begin with is passed over.
        words: Those that are to come.

    Raises:
        UserError: The file is missing, is not laid out so, or has none of the words.
    """
    wanted = {part for word in words for parts in _ways(word) for part in parts}
    width, known = 0, {}
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, 1):
                if not width:
                    fields = line.split()
                    if number == 1 and len(fields) == 2 and all(f.isdigit() for f in fields):
                        continue
                    width = len(fields) - 1
                word, _, rest = line.partition(" ")
                if word not in wanted or word in known:
                    continue
                values = rest.split()
                if len(values) > width:
                    continue  # an entry of several words, of which this is the first
                known[word] = _numbers(values, width, f"{file}, line {number}")
    except OSError as error:
        raise UserError(f"cannot read {file} ({error.strerror}); give a file of vectors") from None
    if not known:
        raise UserError(
            f"{file} has none of the words of the transcriptions; expected a word and its numbers "
            "a line"
        )
    return FromFile(width, known)


def _numbers(values: list[str], width: int, where: str) -> NDArray[np.float32]:
    try:
        vector = np.array(values, dtype=np.float32)
    except ValueError:
        vector = np.zeros(0, np.float32)
    if vector.shape != (width,) or not np.isfinite(vector).all():
        raise UserError(f"{where}: expected a word and {width} numbers; obtain the file again")
    return vector
