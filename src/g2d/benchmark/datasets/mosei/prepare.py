"""Making a store of CMU-MOSEI."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.mosei.read import form_of, read_source
from g2d.data.preparation import Counted, assemble

KIND = "mosei"


def prepare(
    root: str | Path,
    out: str | Path,
    *,
    tolerance: float = 0.005,
    progress: Counted | None = None,
) -> Path:
    """Stores the features of every segment as they were distributed, without what fills them up.

    The file is read into memory first. Numbers that are not finite are stored as such; the
    dataset cleans and standardises as it reads. The target is the sentiment, from -3 to 3.

    Args:
        root: Folder with one of `mosei_senti_data.pkl`, `mosei_raw.pkl` and `aligned_50.pkl`.
        out: Folder to make; must not exist.
        tolerance: The largest share of segments that may be unusable.
        progress: Called with the number of segments done and of all.

    Returns:
        `out`.

    Raises:
        UserError: The file is missing, damaged or holds what no data needs, a video is in two
            parts of it or a part is empty, too much of it cannot be used, or `out` exists.
    """
    form = form_of(root)
    source = read_source(root)
    source.refuse_problems()
    return assemble(
        out,
        KIND,
        source.samples,
        source.decode,
        ragged=list(form.widths),
        options={"source": source.kind, "widths": dict(form.widths)},
        tolerance=tolerance,
        workers=0,  # the features are in this process's memory
        progress=progress,
        sources={name: file.name for name, file in source.files.items()},
    )
