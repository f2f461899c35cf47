"""The leaderboard of `--method auto` on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from g2d.cli.show import in_shares, show_table
from g2d.wording import around, listed

# On fewer rows, candidates three points apart do not differ beyond chance.
_FEW = 500


def show_leaderboard(folder: Path) -> None:
    """Prints the candidates with their scores, and which is kept and why."""
    from rich.console import Console

    from g2d.files import read_json
    from g2d.table.auto.auto import LEADERBOARD

    found = read_json(folder / LEADERBOARD)
    kept = found["kept"]["name"]
    rows = [[*_row(line), _mark(line, found)] for line in found["candidates"]]
    rows += [[name, "-", "-", "-", why] for name, why in found["left_out"].items()]
    how = (
        f"{found['folds']} folds of train and validation"
        if found["folds"] > 1
        else "validation, which chose no epoch"
    )
    who = "the simplest within one standard error of the best"
    if found["prefer"] == "best" and any(line["blend"] for line in found["candidates"]):
        who = "the blend, unless the best is better by more than two standard errors"
    show_table(
        f"{found['data']}: {found['score']} on {found['rows']} rows ({how})",
        ["", found["score"], "behind the best", "seconds", ""],
        rows,
        f"± is one standard error; seconds are process time, teachers included. Kept is {who}.",
    )
    protocol = found.get("protocol", "")  # of a column of splits it names the column
    if found["rows"] < _FEW and found["folds"] == 1 and protocol.startswith("column "):
        print(
            f"  few rows  only {found['rows']} compare, which {protocol} marks val; if they were "
            "drawn at random, mark them train: then all training rows compare, in folds"
        )
    above = [
        line["name"]
        for line in found["candidates"]
        if line["floor"] and line["behind"] + line["behind_error"] < 0
    ]
    if above:
        console = Console(highlight=False, markup=False, soft_wrap=True)
        console.print(
            f"  BELOW A FLOOR: {listed(above)} did better than every model here by more than "
            "one standard error",
            style="bold red",
        )
    for name in found["useless"]:
        print(f"  {name} adds nothing to the others: weight 0 in the ensemble")
    for cut in found["cut"]:
        print(f"  cut  {cut}")
    shares = in_shares((one["share"], one["name"]) for one in found["kept"]["members"])
    of = f" ({shares})" if shares else ""
    print(f"  kept  {kept}{of}, trained again on all training rows\n")


def _row(line: Mapping[str, Any]) -> list[str]:
    return [
        line["name"],
        around(line["score"], line["error"]),
        around(line["behind"], line["behind_error"]),
        f"{line['seconds']:.1f}",
    ]


def _mark(line: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if line["name"] == found["kept"]["line"]:
        return "kept"
    return "" if line["floor"] or line["keepable"] else "some rows lack it"
