"""What of a table is read, and how it is divided: as a recipe declares it, or as it is inferred."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from g2d.errors import UserError
from g2d.table.columns.schema import infer, make_kinds
from g2d.table.kinds import Kind
from g2d.table.reading.source import Table
from g2d.table.rows.division import SplitBy


@dataclass(frozen=True)
class Declared:
    """The columns of a table that are read, and as what.

    Attributes:
        kinds: By modality.
        split: How rows are divided.
        name: Of the data.
    """

    kinds: dict[str, Kind]
    split: SplitBy
    name: str


def declare(
    table: Table,
    target: str,
    modalities: Mapping[str, Any] | Sequence[str] | None,
    split: Mapping[str, Any] | None,
    weight: str | None = None,
) -> Declared:
    """Kinds and split, inferred where they are not given; arguments as of `TableData`.

    Raises:
        UserError: A column is not there, or may not be learnt from.
    """
    how, name = SplitBy.of(split), name_of(table.name)
    specs, names = (modalities, None) if isinstance(modalities, Mapping) else ({}, modalities)
    if not specs or split is None:
        # a name identifies a speaker: dividing by it, nothing may be learnt from it
        apart = [column for column in (how.column, how.group, weight) if column is not None]
        inferred = infer(table, target, apart)
        if not specs:
            specs = _some(inferred.modalities, names)
            if len(specs) < len(inferred.modalities):  # other data, so called as `choose` does
                name = "-".join([name, *specs])
        if split is None and inferred.split is not None:
            how = SplitBy(column=inferred.split)
    kinds = make_kinds(specs)
    if not kinds:
        raise UserError(f"{table.name}: no column beside {target!r} can be learnt from")
    for modality, kind in kinds.items():
        for column in kind.columns:
            if column == target:
                raise UserError(f"modalities.{modality}: {column!r} is the target; leave it out")
            if column in (how.column, how.group):
                raise UserError(
                    f"modalities.{modality}: rows are divided by {column!r}, so nothing may be "
                    "learnt from it; leave it out"
                )
            table.column(column)
    return Declared(kinds, _as_written(how, kinds), name)


def name_of(table: str) -> str:
    """The table's name, as part of the names of folders."""
    return re.sub(r"[^\w-]+", "_", Path(table).stem).strip("_") or "table"


def _some(found: Mapping[str, Any], names: Sequence[str] | None) -> Mapping[str, Any]:
    """What was read off a table, or those of it that are named, in the order of the table."""
    if names is None:
        return found
    listed = isinstance(names, Sequence) and not isinstance(names, str) and len(names) > 0
    if not listed or any(name not in list(found) for name in names):
        raise UserError(f"modalities: got {names!r}, expected some of {', '.join(found)}")
    return {name: found[name] for name in found if name in names}


def _as_written(split: SplitBy, kinds: Mapping[str, Kind]) -> SplitBy:
    """Takes the format of the dates that divide rows from the option of a modality."""
    if split.time is None or split.dates is not None:
        return split
    given = [kind.options.get("dates", {}) for kind in kinds.values()]
    found = {dates[split.time] for dates in given if split.time in dates}
    if len(found) > 1:
        raise UserError(
            f"split.time: modalities read the dates of {split.time!r} in different ways "
            f"({', '.join(sorted(found))}); add dates to split, or correct theirs"
        )
    return replace(split, dates=found.pop()) if found else split
