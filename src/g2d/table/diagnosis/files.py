"""The files of a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from g2d.analysis.drawing import inline_svg
from g2d.analysis.learning_curves import learning_curves
from g2d.files import write_whole
from g2d.table.diagnosis.balance import Balance
from g2d.table.diagnosis.diagnose import Diagnosis
from g2d.table.diagnosis.page import Drawn, diagnosis_page, shown


def write_diagnosis(
    diagnosis: Diagnosis, out: Path, step: tuple[str, str], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Writes `diagnosis.json` and `diagnosis.html`.

    Args:
        diagnosis: What was found.
        out: The folder; also that of the runs.
        step: The command to run next, and why.
        notes: What is known of the data, in sentences.

    Returns:
        What `diagnosis.json` holds.
    """
    command, why = step
    found = {
        **diagnosis.as_dict(),
        "notes": list(notes),
        "next": {"command": command, "why": why},
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "diagnosis.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    page = diagnosis_page(found, notes, _figures(diagnosis, found, out))
    write_whole(out / "diagnosis.html", page)
    return found


def _figures(diagnosis: Diagnosis, found: dict[str, Any], out: Path) -> list[Drawn]:
    skills = "; ".join(
        f"{name}: teacher {shown(about['teacher'])}, joint training {shown(about['readout'])}, "
        f"G²D {shown(about['readout_with_g2d'])}"
        for name, about in found["modalities"].items()
    )
    shares = "; ".join(
        f"{name} {100 * value:.1f} points" for name, value in diagnosis.attribution.values.items()
    )
    curves = learning_curves(diagnosis.runs, out / "runs")
    return [
        Drawn(
            inline_svg(Balance(diagnosis.findings).plot, "balance"),
            f"Bars of the skill of every modality. {skills}.",
            "What every modality can predict alone, and what is left of it inside a fused model.",
        ),
        Drawn(
            inline_svg(diagnosis.attribution.plot, "shapley"),
            f"Bars of Shapley values: {shares}.",
            "How much of the fused score of joint training is owed to which modality (exact "
            "Shapley values, absent modalities replaced by their mean feature).",
        ),
        Drawn(
            inline_svg(curves.plot, "curves"),
            f"Curves of {curves.metric} over the epochs for {', '.join(curves.panels)}.",
            "Who learns when, on the rows that choose the epoch; the first seed.",
        ),
    ]
