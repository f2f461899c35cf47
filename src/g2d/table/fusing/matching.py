"""Whether tables of predictions fit each other: their rows, and their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from g2d.errors import UserError
from g2d.table.fusing.answers import Answers


def check_ids(tables: Mapping[str, tuple[bool, int]]) -> None:
    """Rows are matched by ids or by their order, in all tables alike.

    Args:
        tables: Whether each has ids, and how many rows.
    """
    lengths = {rows for has, rows in tables.values() if rows and not has}
    if len(lengths) > 1:
        each = ", ".join(f"{name} {rows}" for name, (_, rows) in tables.items())
        raise UserError(
            f"the tables have no column of ids and differ in length ({each} rows): nothing tells "
            "which rows belong together; add such a column, id"
        )
    if len({has for has, _ in tables.values()}) > 1:
        without = ", ".join(name for name, (has, _) in tables.items() if not has)
        raise UserError(
            f"{without}: no column of ids, which the other tables have; add one, or take it out of "
            "all, where their rows are in one order"
        )


def check_columns(models: Mapping[str, Answers], columns: Sequence[str]) -> None:
    """Every model has the same columns, in any order."""
    for name, said in models.items():
        if len(columns) > 1 and set(said.columns) != set(columns):
            raise UserError(
                f"{name}: the columns are {', '.join(said.columns)}, expected "
                f"{', '.join(columns)}, the same in every table"
            )
        if len(columns) <= 1 < len(said.columns):
            raise UserError(f"{name}: got {len(said.columns)} columns, expected one number a row")
