"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from g2d.errors import require

# Recorded with every run, and left to `g2d evaluate`: a run is read by fewer.
DETAILS = ("loss", "uar", "macro_f1", "mpe")


def show_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = ""
) -> None:
    """Prints a table; numbers and short words stand to the right of their first column."""
    require("rich", "train")
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    # Brackets in labels, such as [150, 150], are no markup.
    console = Console(highlight=False, markup=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    # Headings fold between words; where all fit beside the first column, no word of them is cut.
    words = [max(map(len, column.split()), default=0) for column in columns]
    first = max(len(row[0]) for row in rows) if rows else 0
    fits = first + sum(words[1:]) + 2 * len(words) < console.width
    for position, column in enumerate(columns):
        numeric = position > 0 and all(_is_number(row[position]) for row in rows)
        # Names stand first, and are there to be copied.
        whole = position == 0 and all(len(row[0]) <= 24 for row in rows)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        least = words[position] if fits else None
        table.add_column(column, justify=justify, no_wrap=whole, min_width=least)
    for row in rows:
        table.add_row(*row)
    # Title and note stand outside the table, which would fold them to its own width.
    if title:
        console.print(title, style="bold")
    console.print(table)
    if note:
        console.print(f"{note}\n", style="dim")


def show_metrics(metrics: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Prints metrics, one row each, one column for fused and every modality."""
    columns = list(next(iter(metrics.values())))
    note = ""
    if "confidence" in metrics:
        note = "confidence: how near to the right answer, from 0 to 1, on average"
        if _is_of_one_class(metrics):
            note = "confidence: mean probability of the true class"
    rows = [
        [name, *(f"{values[column]:.4f}" if column in values else "-" for column in columns)]
        for name, values in metrics.items()
    ]
    show_table(title, ["metric", *columns], rows, note)


def _is_of_one_class(metrics: Mapping[str, Any]) -> bool:
    """Whether metrics are those of one class a sample: several labels have exact matches too."""
    return "accuracy" in metrics and "exact_match" not in metrics


def in_shares(parts: Iterable[tuple[float, str]]) -> str:
    """Names with their shares of a sum.

    Example:
        >>> in_shares([(0.6, "g2d"), (0.4, "ume")])
        '60 % g2d, 40 % ume'
    """
    return ", ".join(f"{100 * share:.0f} % {name}" for share, name in parts)


def show_patterns(patterns: Mapping[str, Mapping[str, float]]) -> None:
    """Prints the fused metrics of the samples that have the same modalities."""
    hidden = {"n", *DETAILS}
    columns = [name for name in next(iter(patterns.values())) if name not in hidden]
    rows = [
        [pattern, str(int(values["n"])), *(f"{values[column]:.4f}" for column in columns)]
        for pattern, values in patterns.items()
    ]
    show_table("fused, by what samples have", ["modalities", "samples", *columns], rows)


def show_teachers(folders: Sequence[Path]) -> None:
    """Prints each teacher's main metrics."""
    from g2d.runs.run import Run

    results = [Run(folder).result for folder in folders]
    metrics = [name for name in results[0]["test"] if name not in DETAILS]
    rows = [
        [
            f"{result['modality']}, {split}",
            *(f"{result[split][metric]['fused']:.4f}" for metric in metrics),
            str(result["best_epoch"] + 1),
        ]
        for result in results
        for split in ("train", "val", "test")
    ]
    show_table("Teachers", ["", *metrics, "best epoch"], rows)
    for folder in folders:
        print(f"  teacher  {folder}")


def _is_number(text: Any) -> bool:
    """Whether a cell belongs in a column of numbers.

    Example:
        >>> _is_number("0.41"), _is_number("70.3 ± 0.4* ¹"), _is_number("-"), _is_number("late")
        (True, True, True, False)
    """
    word = str(text).translate(str.maketrans("", "", ".±+* ~⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return word in {"-", "", "failed"} or word.replace("-", "").isdigit()
