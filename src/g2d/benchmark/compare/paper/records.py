"""Which of the paper's numbers belongs beside a measured one, and where the paper is at odds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from g2d.errors import UserError
from g2d.methods.validation import FUSED
from g2d.recipes.plain_yaml import read_shipped

MULTI = "Multi"
ROWS = "rows"
# A row that may or may not be the one that the paper has: by what is not known of it.
UNSURE = "unsure"
UNKNOWN = {
    "epochs": "unknown: the paper does not say whether this row had 150 epochs or 300; its number "
    "stands beside both",
}

# What readers have to know of all of them.
PROTOCOL = (
    "† The paper's numbers are of one run each, without a deviation, and selected on the test "
    "split: the best of as many looks at test as there were epochs. Ours are "
    "not, unless a mark says so."
)


@dataclass(frozen=True)
class PaperNumber:
    """A number of the paper.

    Attributes:
        value: As it is printed; accuracies and MAPE in percent.
        marks: What is odd about it.
    """

    value: float
    marks: tuple[str, ...] = ()


def paper_number(
    table: str, selectors: Mapping[str, Any], *, read: str, metric: str
) -> PaperNumber | None:
    """The paper's number beside one place of a table, if it has one.

    Args:
        table: `"T1"` to `"T12"`.
        selectors: Of the cell: keys of records with the value, or a list of possible values, that
            they must have. `rows` is what the paper calls a modality, `unsure` what is not
            known of the number. Without a `method` nothing is selected.
        read: `"fused"` or a modality.
        metric: As run folders call it.

    Raises:
        UserError: Several numbers fit.

    Example:
        >>> chosen = {"dataset": "CREMA-D", "method": "UMT", "smp": True}
        >>> paper_number("T4", chosen, read="fused", metric="accuracy").value
        82.39
    """
    rows = selectors.get(ROWS)
    row = MULTI if read == FUSED else rows.get(read) if isinstance(rows, Mapping) else None
    if row is None or "method" not in selectors:
        return None
    wanted = {key: value for key, value in selectors.items() if key not in (ROWS, UNSURE)}
    found = [
        record
        for record in _content()["results"]
        if record["table"] == table
        and record["row"] == row
        and record["metric"].lower() == metric
        and all(_fits(record.get(key), value) for key, value in wanted.items())
    ]
    if len(found) > 1:
        raise UserError(f"{table}: {len(found)} of the paper's numbers fit {wanted}, {row}")
    if not found:
        return None
    unknown = (UNKNOWN[selectors[UNSURE]],) if UNSURE in selectors else ()
    return PaperNumber(float(found[0]["value"]), (*unknown, *_marks(found[0])))


def inconsistencies(table: str, datasets: set[str]) -> list[str]:
    """Where the paper is at odds with itself or its code, in one line each.

    Args:
        table: `"T1"` to `"T12"`.
        datasets: Of the paper's, those that are shown.
    """
    return [
        f"{entry['id']}, {entry['about']}: {entry['a']}; but {entry['b']}"
        for entry in _content()["inconsistencies"]
        if table in entry["tables"] and (entry.get("dataset") or _any(datasets)) in datasets
    ]


def _any(datasets: set[str]) -> str:
    return next(iter(datasets), "")


def _fits(known: Any, wanted: Any) -> bool:
    return bool(known == wanted or (isinstance(wanted, list) and known in wanted))


def _marks(record: Mapping[str, Any]) -> tuple[str, ...]:
    size = str(record.get("grid_n", ""))
    marks = [str(record["note"])] if "note" in record else []
    if size == "669":
        marks.append("in the paper: of 669 test samples, the others of 744 (I03)")
    if size == "none":
        marks.append("in the paper: no whole number of right test samples gives this value")
    return tuple(marks)


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = read_shipped("g2d.benchmark.compare.paper", "results.yaml")
    return content
