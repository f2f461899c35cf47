"""Whether tables of predictions fit each other: their rows, and their columns."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from g2d.errors import UserError
from g2d.table.fusing.predictions import ModelPredictions
from g2d.wording import listed

logger = logging.getLogger(__name__)

# Of the labelled rows; what an ensemble is worth is measured in so many.
FOLDS = 5
# Of names in a message.
_SHOWN = 8


def check_ids(tables: Mapping[str, tuple[bool, int]]) -> None:
    """Rows are matched by ids or by their order, in all tables alike.

    Args:
        tables: Whether each has ids, and how many rows.
    """
    lengths = {rows for has, rows in tables.values() if rows and not has}
    if len(lengths) > 1:
        each = ", ".join(f"{name} {rows}" for name, (_, rows) in tables.items())
        raise UserError(
            f"the tables have no column of ids and differ in length ({each} rows): it is not known "
            "which rows belong together; add such a column, id"
        )
    if len({has for has, rows in tables.values() if rows}) > 1:
        without = ", ".join(name for name, (has, rows) in tables.items() if rows and not has)
        raise UserError(
            f"{without}: no column of ids, which the other tables have; add one, or take it out of "
            "all, where their rows are in one order"
        )


def check_labelled(models: Mapping[str, ModelPredictions], ids: Sequence[str], table: str) -> None:
    """Checks that every model predicts enough of the labelled rows; warns of rows it lacks.

    Args:
        models: The predictions of each.
        ids: Of the labelled rows.
        table: The name of theirs.

    Raises:
        UserError: A model predicts fewer than there are folds.
    """
    if len(ids) < FOLDS:
        raise UserError(f"{table} has {len(ids)} rows, expected {FOLDS} or more to fit weights on")
    for name, predictions in models.items():
        strange, lacking = _apart(predictions.ids, ids)
        found = len(ids) - len(lacking)
        example = f" ({_pair(strange, lacking, ('there', 'here'))})" if strange and lacking else ""
        if found < FOLDS:
            least = "" if not found else f", expected {FOLDS} or more"
            raise UserError(
                f"{name}: {found} of the {len(ids)} ids of {table} are among its "
                f"{len(predictions.ids)}{least}{example}; write ids alike in every table, or name "
                "their column: --id COLUMN"
            )
        if lacking:
            more = f", and {len(strange)} of its ids are none of {table}" if strange else ""
            logger.warning(
                "%s has predictions for %d of %d labelled rows%s%s",
                name,
                found,
                len(ids),
                more,
                example,
            )


def shared_ids(models: Mapping[str, ModelPredictions]) -> list[str]:
    """Ids of new rows that any model predicts; warns of rows that one lacks.

    Args:
        models: The predictions of each.

    Returns:
        In the order in which the tables list them.

    Raises:
        UserError: No row of a model is one of another model, or there is no row.
    """
    listed = dict.fromkeys(one for predictions in models.values() for one in predictions.listed)
    predicted = {one for predictions in models.values() for one in predictions.ids}
    ids = [one for one in listed if one in predicted]
    if not ids:
        raise UserError("no table has a row to predict; expected one a sample below the header")
    filled = {name: predictions for name, predictions in models.items() if predictions.ids}
    for name, predictions in filled.items():
        others = [one for other, rest in filled.items() if other != name for one in rest.ids]
        strange, theirs = _apart(predictions.ids, others)
        if others and len(strange) == len(predictions.ids):
            raise UserError(
                f"{name}: 0 of its {len(strange)} ids are among those of other models "
                f"({_pair(strange, theirs, ('here', 'there'))}); write ids alike in every table, "
                "or predict rows of one model with tables of a header alone for the others"
            )
        if theirs:
            logger.warning(
                "%s has predictions for %d of %d rows (not for %r)",
                *(name, len(predictions.ids), len(ids), theirs[0]),
            )
    if left := [one for one in listed if one not in predicted]:
        logger.warning(
            "%d rows are left out, as all their cells are empty in every table (%r)",
            *(len(left), left[0]),
        )
    return ids


def _apart(ours: Sequence[str], theirs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ids that only the one has, and those that only the other has."""
    one, other = dict.fromkeys(ours), dict.fromkeys(theirs)
    return [i for i in one if i not in other], [i for i in other if i not in one]


def _pair(ours: Sequence[str], theirs: Sequence[str], where: tuple[str, str]) -> str:
    """An id of each side, of one sample if they look like it."""
    alike = {_core(one): one for one in reversed(theirs)}
    pairs = ((one, alike[_core(one)]) for one in ours if _core(one) in alike)
    one, other = next(pairs, (ours[0], theirs[0]))
    return f"{one!r} {where[0]}, {other!r} {where[1]}"


def _core(one: str) -> str:
    """What is left of an id without its folder, ending, leading zeros and capitals."""
    name = one.replace("\\", "/").rpartition("/")[2].casefold()
    return name.partition(".")[0].lstrip("0") or "0"


def check_columns(models: Mapping[str, ModelPredictions], columns: Sequence[str]) -> None:
    """Checks that every model has the same columns, in any order; or, of two classes, one.

    Raises:
        UserError: One has others, or more than one where numbers are predicted.
    """
    for name, predictions in models.items():
        if len(columns) == 2 and len(predictions.columns) == 1:
            continue
        strange, lacking = _apart(predictions.columns, columns)
        if len(columns) > 1 and (strange or lacking):
            if max(len(predictions.columns), len(columns)) > _SHOWN:
                lacks = f"lacks the columns {some(lacking)}" if lacking else ""
                has = f"has {some(strange)}" if strange else ""
                differs = listed([part for part in (lacks, has) if part]) + "; expected"
            else:
                differs = f"the columns are {', '.join(predictions.columns)}, expected "
                differs += f"{', '.join(columns)},"
            raise UserError(f"{name}: {differs} the same in every table")
        if len(columns) <= 1 < len(predictions.columns):
            raise UserError(
                f"{name}: got {len(predictions.columns)} columns, expected one number a row"
            )


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> some(["a", "b"]), some(["a"] * 10)
        ('a, b', 'a, a, a, a, a, a, a, a and 2 more')
    """
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
