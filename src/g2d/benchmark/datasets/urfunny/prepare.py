"""Making a store of UR-FUNNY."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.urfunny.multibench import FILE, read_multibench
from g2d.benchmark.datasets.urfunny.sdk import FILES, read_sdk
from g2d.benchmark.datasets.urfunny.source import WIDTHS
from g2d.benchmark.datasets.words.source import Source
from g2d.data.preparation import Counted, assemble
from g2d.errors import UserError

KIND = "urfunny"


def prepare(
    root: str | Path,
    out: str | Path,
    *,
    context: bool = False,
    tolerance: float = 0.005,
    progress: Counted | None = None,
) -> Path:
    """Stores the features of every punchline, as they were distributed.

    All files are read into memory first. Numbers that are not finite are stored as such; the
    dataset cleans and standardises as it reads.

    Args:
        root: Folder with the six pickles of the authors (`data_folds.pkl`, `*_sdk.pkl`,
            `word_embedding_list.pkl`), or with MultiBench's `humor.pkl`.
        out: Folder to make; must not exist.
        context: Store the sentences before the punchline as well (the last 5, of each the first
            20 words); only the authors' pickles have them.
        tolerance: The largest share of punchlines that may be unusable.
        progress: Called with the number of punchlines done and of all.

    Returns:
        `out`.

    Raises:
        UserError: A file is missing, damaged or holds what no data needs, a punchline is in two
            folds or a fold is empty, too much of it cannot be used, or `out` exists.
    """
    source = read_source(root, context)
    source.refuse_problems()
    names = [*WIDTHS, *(f"{name}-context" for name in WIDTHS)] if context else list(WIDTHS)
    return assemble(
        out,
        KIND,
        source.samples,
        source.decode,
        ragged=names,
        options={"source": source.kind, "context": context},
        tolerance=tolerance,
        workers=0,  # the features are in this process's memory
        progress=progress,
        sources={name: file.name for name, file in source.files.items()},
    )


def read_source(root: str | Path, context: bool = False) -> Source:
    """Reads whichever distribution is in a folder.

    Raises:
        UserError: Neither is there, or it cannot be read.
    """
    root = Path(root)
    there = {name for name in (FILE, *FILES.values()) if (root / name).exists()}
    if there & set(FILES.values()):
        return read_sdk(root, context)
    if FILE not in there:
        raise UserError(
            f"{root} holds no UR-FUNNY; expected {', '.join(FILES.values())}, or {FILE}"
        )
    if context:
        raise UserError(f"{FILE} has no context; leave --context out, or use the authors' pickles")
    return read_multibench(root)
