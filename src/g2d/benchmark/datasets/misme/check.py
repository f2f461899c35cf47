"""Checks MIS-ME's files."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

from g2d.benchmark.datasets.misme.decode import Decoder
from g2d.benchmark.datasets.misme.layout import TARGET, WEATHER, Layout, read_layout
from g2d.benchmark.datasets.parts import PARTS
from g2d.data.preparation import Counted, inspect
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report

_RELEASE = {"train": 2701, "val": 900, "test": 900}


def check(
    root: str | Path,
    *,
    side: int = 224,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Decodes every picture and looks for what is wrong with pictures and sheets.

    Args:
        root: Folder with `images/` and `labels/classification/`.
        side: Height and width that `prepare` would be asked for.
        workers: Processes that decode; one for each core when not given.
        progress: Called with the number of rows done and of all rows.

    Returns:
        Sizes, ranges and gaps; as problems, pictures that are missing or broken, listed twice or
        copies across the published splits, rows without a target, and cells that are no numbers.

    Raises:
        UserError: A folder or a sheet is missing, damaged, or lacks a column.
    """
    layout = read_layout(root)
    found = inspect(
        layout.samples,
        Decoder(side, layout.refused),
        lambda sample: sample.columns["part"],
        workers=workers,
        progress=progress,
    )
    return found + Report(tuple(_facts(layout)), tuple(some(layout.odd)))


def _facts(layout: Layout) -> list[str]:
    lines = []
    for part in PARTS:
        rows = [sample for sample in layout.samples if sample.columns["part"] == part]
        targets = [sample.target for sample in rows if not math.isnan(sample.target)]
        stations = Counter(sample.columns["station"] or "unknown" for sample in rows)
        extent = f"{TARGET} {min(targets):g} to {max(targets):g}, " if targets else ""
        lines.append(
            f"{part}: {len(rows)} of the {_RELEASE[part]} rows of the release, {extent}"
            + ", ".join(f"station {name} {count}" for name, count in sorted(stations.items()))
        )
    gaps = {name: sum(not s.columns[name] for s in layout.samples) for name in WEATHER}
    lines += [f"{name}: {count} values missing" for name, count in gaps.items() if count]
    shared, total = _shared_moments(layout)
    if shared:
        lines.append(
            f"{shared} of {total} test rows have a training row of the same station and time (and "
            "so the same weather and target); protocol time keeps them apart"
        )
    listed = {sample.sources["picture"].name for sample in layout.samples}
    more = sum(path.is_file() and path.name not in listed for path in layout.pictures.iterdir())
    return [*lines, f"{more} pictures are in no sheet"] if more else lines


def _shared_moments(layout: Layout) -> tuple[int, int]:
    """Test rows whose station and time are also in train, and all test rows."""
    moments = defaultdict(list)
    for sample in layout.samples:
        moments[sample.columns["part"]].append((sample.columns["station"], sample.columns["taken"]))
    known = {moment for moment in moments["train"] if all(moment)}
    return sum(moment in known for moment in moments["test"]), len(moments["test"])
