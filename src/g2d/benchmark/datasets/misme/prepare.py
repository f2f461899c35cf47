"""Making a store of MIS-ME's files."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.misme.decode import Decoder
from g2d.benchmark.datasets.misme.layout import TARGET, WEATHER, read_layout
from g2d.data.preparation import Counted, assemble
from g2d.errors import UserError, require

KIND = "misme"


def prepare(
    root: str | Path,
    out: str | Path,
    *,
    side: int = 224,
    tolerance: float = 0.005,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Path:
    """Decodes and resizes the pictures, and puts the weather of each beside it.

    An interrupted call is resumed by the same call.

    Args:
        root: Folder with `images/` (or `Dataset_Conf_0.5/all_three_stations/images/`) and
            `labels/classification/`.
        out: Folder to make; must not exist.
        side: Height and width of the stored pictures in pixels; MIS-ME has 224, and 299 for
            Inception.
        tolerance: The largest share of rows that may be unusable; they are listed in skipped.csv.
        workers: Processes that decode; one for each core when not given.
        progress: Called with the number of rows done and of all rows.

    Returns:
        `out`.

    Raises:
        UserError: A sheet is missing or damaged, too many rows are unusable, or `out` exists.
    """
    require("PIL", "datasets")
    if side < 1:
        raise UserError(f"got side={side}, expected 1 pixel or more")
    layout = read_layout(root)
    return assemble(
        out,
        KIND,
        layout.samples,
        Decoder(side, layout.refused),
        options={"side": side},
        tolerance=tolerance,
        workers=workers,
        progress=progress,
        target=TARGET,
        columns=list(WEATHER),
        licence="MIT",
    )
