"""Text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from g2d.errors import UserError
from g2d.table.kinds.base import Array, Arrays, Field, Kind, one_column, share, whole
from g2d.table.kinds.tokens import Tokens, read_tokens, suggested_for
from g2d.table.reading.cells import Cell

# Chinese and Japanese are written without spaces: a character is a word.
_CHARACTER = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Such characters, words and single signs; what is none of these separates.
_TOKEN = re.compile(rf"[{_CHARACTER}]|[^\W{_CHARACTER}]+|[^\w\s]")
_WORD = re.compile(rf"[{_CHARACTER}]|[^\s{_CHARACTER}]+")
# What stands where bytes were no text.
_BROKEN = "\ufffd"
PADDING, UNKNOWN = 0, 1


def words_of(text: str) -> list[str]:
    """The words and signs of a text, in lower case.

    Example:
        >>> words_of("Don't panic!")
        ['don', "'", 't', 'panic', '!']
    """
    return _TOKEN.findall(text.lower())


def count_words(text: str) -> int:
    """How many words a text has, as a person counts.

    Example:
        >>> count_words("Don't panic!"), count_words("我喜欢"), count_words("a@b.org")
        (2, 3, 1)
    """
    return len(_WORD.findall(text))


TF_IDF = "g2d.models.encoders.short_vector.TfIdf"


class Text(Kind):
    """Text as numbers of its words, from a vocabulary of the training rows, or of its tokens.

    With a published tokenizer, a text becomes the numbers that the tokenizer gives its tokens,
    **plus 1**: 0 is padding and an absent text, whatever token a tokenizer calls 0. The tokenizer
    is saved with the model.

    Args:
        columns: One column of text.
        vocabulary: The most words to know.
        least: How often a word must come to be known.
        length: The most words, or tokens, to read of a text; as long as 95 % of the training
            texts, and at most 256, when not given.
        tokenizer: Of a published model: its folder, its `tokenizer.json`, or its name in the local
            Hugging Face cache.
    """

    name = "text"
    ragged = True
    dtype = np.int64

    def __init__(
        self,
        columns: Sequence[str],
        vocabulary: int = 10_000,
        least: int = 2,
        length: int | None = None,
        tokenizer: str | None = None,
    ) -> None:
        # the tokenizer itself is state: where it lay is nothing that a model hangs on
        super().__init__(columns, vocabulary=vocabulary, least=least, length=length)
        self._column = one_column(self.name, columns)
        self._size = whole(self.name, "vocabulary", vocabulary, 1)
        self._least = whole(self.name, "least", least, 1)
        self._given = None if length is None else whole(self.name, "length", length, 1)
        self._length = self._given
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}
        self._source = tokenizer
        self._tokens: Tokens | None = None

    def check(self) -> None:
        """Reads the tokenizer.

        Raises:
            UserError: There is none, or the length has no place for a token between its marks.
        """
        if self._source is None:
            return
        self._tokens = read_tokens(str(self._source))
        if self._given is not None and self._given <= self._tokens.marks:
            raise UserError(
                f"{self.name}: got length={self._given}, expected more than the "
                f"{self._tokens.marks} marks that the tokenizer puts around a text"
            )

    @property
    def stands_alone(self) -> bool:
        """Whether it needs no other files; a tokenizer is one."""
        return self._source is None

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The text's UTF-8 bytes, `(n,)` uint8."""
        cell = cells[self._column]
        if cell is None or not words_of(cell):
            return None
        if _BROKEN in cell:
            raise UserError(f"{cell[:40]!r} holds bytes that are no text; save it as UTF-8")
        return np.frombuffer(cell.encode("utf-8", errors="replace"), np.uint8)

    def fields(self) -> list[Field]:
        """The description of its column: words."""
        return [Field(self._column, "words")]

    def opens(self, cell: str) -> bool:
        """`False`: no cell is a path."""
        return False

    def fit(self, arrays: Arrays) -> None:
        """The vocabulary, commonest first, and the length."""
        counts: Counter[str] = Counter()
        lengths = []
        for array in arrays():
            if self._tokens is not None:
                lengths.append(len(self._tokens.numbers(_decoded(array))))
                continue
            words = words_of(_decoded(array))
            counts.update(words)
            lengths.append(len(words))
        known = [(word, n) for word, n in counts.items() if n >= self._least]
        known.sort(key=lambda pair: (-pair[1], pair[0]))
        self._know([word for word, _ in known[: self._size]])
        self._length = self._given
        if self._length is None:
            self._length = self._fitting(lengths)

    def unfamiliar(self, array: Array) -> str:
        """That no word is in the vocabulary: another language, or something else."""
        if self._tokens is not None:
            return ""
        words = words_of(_decoded(array))
        if any(word in self._numbers for word in words):
            return ""
        return f"{self._column}: none of its {len(words)} words is known from training"

    def shortened(self, rows: Sequence[Mapping[str, Cell]], folder: Path) -> list[str]:
        """How many texts are longer than `length`."""
        cells = [cell for row in rows if (cell := row[self._column]) is not None]
        lengths = [
            len(words_of(cell) if self._tokens is None else self._tokens.numbers(cell))
            for cell in cells
        ]
        limit = self._length or self._fitting(lengths)
        longer = sum(length > limit for length in lengths)
        if not longer:
            return []
        what = "words" if self._tokens is None else "tokens"
        return [
            f"{share(longer, len(cells))} texts looked at are longer than the {limit} {what} that "
            f"are read; length: {max(lengths)} reads them whole"
        ]

    @staticmethod
    def _fitting(lengths: Sequence[int]) -> int:
        return int(min(256, max(1, np.quantile(lengths, 0.95)))) if lengths else 1

    def finish(self, array: Array) -> Array:
        """Numbers, `(length,)` int64: 0 is padding, and of words 1 is an unknown one."""
        text = _decoded(array)
        if self._tokens is not None:
            numbers = self._tokens.numbers(text, self.shape[0])
        else:
            numbers = [self._numbers.get(word, UNKNOWN) for word in words_of(text)]
        padded = np.full(self.shape, PADDING, np.int64)
        kept = numbers[: self.shape[0]]
        padded[: len(kept)] = kept
        return padded

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(length,)`."""
        return (self._length or 1,)

    @property
    def suggested(self) -> dict[str, Any]:
        """Word vectors and what attention picks of them; the model that a tokenizer belongs to."""
        if self._tokens is not None:
            published = None if self._source is None else suggested_for(str(self._source))
            return published or {"name": "words", "vocabulary": len(self._tokens)}
        return {"name": "words", "vocabulary": len(self._words) + 2}

    @property
    def short_vector(self) -> dict[str, Any]:
        """The short vector of a text: TF-IDF of words or tokens."""
        known = len(self._words) + 2 if self._tokens is None else len(self._tokens)
        return {"name": TF_IDF, "words": known}

    def state(self) -> dict[str, Any]:
        """The words in order, or the tokenizer, and the length."""
        if self._tokens is not None:
            return {"tokenizer": self._tokens.content, "length": self._length}
        return {"words": self._words, "length": self._length}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores the fitted state."""
        if "tokenizer" in state:
            self._tokens = Tokens(state["tokenizer"])
        self._know(list(state.get("words", [])))
        self._length = int(state["length"])

    def _know(self, words: list[str]) -> None:
        self._words = words
        self._numbers = {word: number + 2 for number, word in enumerate(words)}


def _decoded(array: Array) -> str:
    return array.tobytes().decode("utf-8")
