"""Making a store of the clips of a table."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.audiovisual.decode import Decoder
from g2d.benchmark.datasets.audiovisual.layout import Layout
from g2d.data.preparation import Counted, assemble
from g2d.errors import UserError


def prepare_clips(
    layout: Layout,
    out: str | Path,
    kind: str,
    decode: Decoder,
    *,
    tolerance: float,
    workers: int | None,
    progress: Counted | None,
) -> Path:
    """Decodes every clip: the spectrogram of its ten seconds, and one frame of each.

    Args:
        layout: Of the original files.
        out: Folder to make; must not exist.
        kind: Of the store.
        decode: What becomes of a clip.
        tolerance: The largest share of clips that may be missing or unusable.
        workers: Processes; one for each core when `None`, 0 for this one.
        progress: Called with the number of clips done and of all clips.

    Returns:
        `out`.

    Raises:
        UserError: A clip comes twice, too many clips cannot be used, or `out` exists.
    """
    if layout.faults:
        raise UserError(f"{layout.faults[0]}; obtain the table again")
    return assemble(
        out,
        kind,
        layout.samples,
        decode,
        ragged={"video"},
        options=decode.options(),
        tolerance=tolerance,
        workers=workers,
        progress=progress,
        classes=list(layout.classes),
        licence="annotations CC BY 4.0; the clips belong to those who made them",
    )
