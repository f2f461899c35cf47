"""Checks a file of CMU-MOSEI."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from g2d.benchmark.datasets.mosei.forms import FORMS
from g2d.benchmark.datasets.mosei.read import read_source
from g2d.benchmark.datasets.mosei.targets import TARGETS, classes_of
from g2d.benchmark.datasets.words.check import look_through
from g2d.data.preparation import Counted, Sample
from g2d.data.preparation.report import Report


def check(root: str | Path, *, progress: Counted | None = None) -> Report:
    """Reads everything and reports what is there and what is wrong.

    Classes are counted by the sign of the sentiment.

    Args:
        root: Folder with one of the distributed pickles.
        progress: Called with the number of segments done and of all.

    Raises:
        UserError: The file cannot be read at all.
    """
    known = {form.file: form.sizes for form in FORMS}
    return look_through(read_source(root), TARGETS["three"], known, "segments", _class_of, progress)


def _class_of(sample: Sample) -> int:
    return int(classes_of(np.array([float(sample.target)]), "three")[0])
