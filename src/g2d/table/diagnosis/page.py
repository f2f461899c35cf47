"""The diagnosis as one page that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from g2d.table.diagnosis.wording import in_percent

_NAMES = {
    "suppressed": "suppressed",
    "kept": "not suppressed",
    "noise": "no signal",
    "unclear": "unclear",
}


@dataclass(frozen=True)
class Drawn:
    """A figure of the page, as SVG.

    Attributes:
        svg: The element.
        shows: What it shows, for those who do not see it.
        caption: What stands below it.
    """

    svg: str
    shows: str
    caption: str


def diagnosis_page(found: Mapping[str, Any], notes: Sequence[str], figures: Sequence[Drawn]) -> str:
    """Writes the page of a diagnosis.

    Args:
        found: What `diagnosis.json` holds.
        notes: What is known of the data, in sentences.
        figures: In order.
    """
    plan, data = found["plan"], found["data"]
    rows = data["rows"]
    template = Template(files("g2d.table.diagnosis").joinpath("diagnosis.html").read_text("utf-8"))
    seeds = f"{plan['seeds']} seed{'s' * (plan['seeds'] != 1)}"
    return template.substitute(
        title=escape(f"{data['name']}: {found['headline']}"),
        over=escape(f"Diagnosis of {data['name']}"),
        headline=escape(found["headline"][:1].upper() + found["headline"][1:]),
        words="\n".join(f"<p>{escape(sentence)}</p>" for sentence in found["words"]),
        why=escape(found["next"]["why"]),
        command=escape(found["next"]["command"]),
        judged=rows["judged"],
        seeds=seeds,
        modalities=table(MODALITY_COLUMNS, modality_rows(found)),
        figures="\n".join(_figure(figure) for figure in figures),
        fused=table(FUSED_COLUMNS, fused_rows(found)),
        notes="".join(f"<li>{escape(note)}</li>" for note in notes),
        rows=escape(
            f"{rows['train']} rows train, {rows['choose']} choose the epoch, {rows['judged']} "
            f"judge, {rows['test']} test whether G²D helps; divided by: {data['protocol']}."
        ),
        measured="".join(
            f"<li>{escape(line)}</li>"
            for line in (
                f"Teachers, joint training and G²D, {plan['epochs']} epochs each, {seeds}.",
                *(f"Cut: {cut}." for cut in plan["cut"]),
                f"It took {found['seconds']:.0f} seconds.",
            )
        ),
    )


MODALITY_COLUMNS = (
    "modality",
    "verdict",
    "teacher alone",
    "inside joint training",
    "inside G²D",
    "confidence ratio",
    "Shapley share",
)
FUSED_COLUMNS = ("on the test rows", "score", "over joint training, in points")


def modality_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """The rows of the table of modalities."""
    return [
        [
            name,
            _NAMES[about["verdict"]],
            shown(about["teacher"]),
            shown(about["readout"]),
            shown(about["readout_with_g2d"]),
            shown(about["confidence_ratio"], limit=math.inf),
            shown(about["shapley_share"], limit=math.inf),
        ]
        for name, about in found["modalities"].items()
    ]


def fused_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """The rows of the table of fused scores."""
    fused, metric = found["fused"], found["data"]["metric"]
    return [
        [f"joint training, {metric}", shown(fused["joint"]), ""],
        *(
            [
                f"{one['label']}, {metric}",
                shown(one["score"]),
                shown(one["gain"], digits=1).replace(" %", ""),
            ]
            for one in fused["methods"].values()
        ),
    ]


def shown(value: Mapping[str, Any], digits: int = 0, limit: float = 1.0) -> str:
    """An interval in per cent, cut off at what is possible.

    Example:
        >>> shown({"mean": 0.5, "low": 0.4, "high": 0.6}), shown({"mean": 0.5, "low": None})
        ('50 % (40 to 60)', '50 %')
    """
    if value["mean"] is None:
        return "-"
    mean = f"{in_percent(value['mean'], digits)} %"
    if value["low"] is None:
        return mean
    low, high = max(value["low"], -limit), min(value["high"], limit)
    return f"{mean} ({in_percent(low, digits)} to {in_percent(high, digits)})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table.

    Example:
        >>> table(["a"], [["<1>"]])
        '<table><tr><th scope="col">a</th></tr><tr><td>&lt;1&gt;</td></tr></table>'
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _figure(figure: Drawn) -> str:
    return (
        f'<figure><div role="img" aria-label="{escape(figure.shows)}">{figure.svg}</div>'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )
