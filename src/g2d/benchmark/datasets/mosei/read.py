"""Reading one of the pickles of CMU-MOSEI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.mosei.forms import FORMS, KEYS, Form
from g2d.benchmark.datasets.parts import in_two_parts
from g2d.benchmark.datasets.words.folds import Folds, read_folds, texts_of
from g2d.benchmark.datasets.words.parts import empty_parts, unnamed
from g2d.benchmark.datasets.words.source import (
    Arrays,
    Source,
    aligned,
    from_first_word,
    or_zero,
    steps,
)
from g2d.data.preparation import Sample, UnusableError
from g2d.errors import UserError

# Of a label: the sentiment alone, or before the six emotions.
_NUMBERS = (1, 7)
_LOWEST, _HIGHEST = -3.0, 3.0


def form_of(root: str | Path) -> Form:
    """Which of the files is in a folder.

    Raises:
        UserError: None is, or more than one.
    """
    there = [form for form in FORMS if (Path(root) / form.file).exists()]
    if len(there) == 1:
        return there[0]
    names = ", ".join(form.file for form in there)
    if there:
        raise UserError(f"{root} holds {names}, which differ; give a folder with one of them")
    known = ", ".join(form.file for form in FORMS)
    raise UserError(f"{root} holds no CMU-MOSEI; expected one of {known}")


def read_source(root: str | Path) -> Source:
    """Reads all of the file in a folder into memory.

    A part in which a video of another is, is a problem: its speaker and its words would be on
    both sides. So is a part without segments.

    Raises:
        UserError: There is no such file, it is damaged, holds what it must not, or is not laid
            out as it should be.
    """
    form = form_of(root)
    file = Path(root) / form.file
    folds = read_folds(file, form.keys)
    samples = folds.samples("mosei", form.labels, or_zero(sentiment), _columns)
    problems = (*empty_parts(samples), *in_two_parts(samples, "video"))
    notes = unnamed(samples, "video")
    return Source(form.kind, {"mosei": file}, samples, _Decode(folds, form), problems, notes)


def sentiment(label: Any) -> float:
    """From -3 (highly negative) to 3 (highly positive).

    Args:
        label: One number, or seven of which the first is the sentiment.

    Raises:
        UnusableError: It is neither, or out of range.

    Example:
        >>> sentiment([[1.5, 0, 0, 0, 0, 0, 0.3]])
        1.5
    """
    try:
        numbers = np.asarray(label, dtype=np.float64).reshape(-1)
    except (ValueError, TypeError):
        numbers = np.empty(0)
    if len(numbers) not in _NUMBERS or not _LOWEST <= numbers[0] <= _HIGHEST:
        shown = " ".join(str(label).split())[:20]
        raise UnusableError(f"its label is {shown}, expected a number from -3 to 3")
    return float(numbers[0])


def _columns(name: Any) -> dict[str, str]:
    """The segment's name, and the video that it is cut from."""
    texts = texts_of(name)
    first = texts[0] if texts else ""
    if len(texts) > 1:  # video, beginning and end
        video = first
    elif "$_$" in first:
        video = first.rpartition("$_$")[0]
    else:
        video = first.rpartition("[")[0] or first
    return {"name": " ".join(texts), "video": video}


@dataclass(frozen=True)
class _Decode:
    folds: Folds
    form: Form

    def __call__(self, sample: Sample) -> Arrays:
        held, row = self.folds.of(sample)
        sentiment(held[self.form.labels][row])
        widths = self.form.widths
        found = {name: steps(held[key][row], name, widths[name]) for name, key in KEYS.items()}
        if self.form.mask is not None:
            return _masked(aligned(found), held[self.form.mask][row], self.form.mask)
        return _without_end(from_first_word(aligned(found)))


def _masked(arrays: Arrays, value: Any, key: str) -> Arrays:
    """The words that BERT's tokenizer has marked."""
    count = len(arrays["text"])
    try:
        marked: NDArray[np.float64] = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError):
        marked = np.empty(0)
    if marked.shape != (3, count):
        raise UnusableError(f"its {key} has shape {marked.shape}, expected (3, {count})")
    return _between(arrays, marked[1] > 0)


def _without_end(arrays: Arrays) -> Arrays:
    """The same without a last stretch that is zero in all modalities: what is filled up behind."""
    return _between(arrays, np.any([array.any(axis=1) for array in arrays.values()], axis=0))


def _between(arrays: Mapping[str, NDArray[np.generic]], there: NDArray[np.bool_]) -> Arrays:
    places = np.flatnonzero(there)
    if not len(places):
        raise UnusableError("it has no words")
    return {name: array[places[0] : places[-1] + 1] for name, array in arrays.items()}
