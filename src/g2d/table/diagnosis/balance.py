"""Teachers beside unimodal logits: what every modality can predict, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from g2d.analysis.intervals import Interval
from g2d.figures import blank, save, without_box
from g2d.table.diagnosis.verdict import Finding

# Okabe and Ito's colours, which the colour-blind can distinguish.
_TEACHER, _JOINT, _G2D = "#999999", "#0072B2", "#D55E00"


@dataclass(frozen=True)
class Balance:
    """Skills of teachers and of unimodal logits, from guessing (0) to perfect (1).

    Attributes:
        findings: One a modality.
    """

    findings: Sequence[Finding]

    def plot(self, path: Path) -> Path:
        """Draws bars with their 95 % intervals into a file."""
        from matplotlib.ticker import PercentFormatter

        figure = blank(5.6, 1.2 + 0.75 * len(self.findings))
        axis = figure.subplots()
        places = np.arange(len(self.findings))
        series = (
            ("teacher alone", _TEACHER, [f.teacher for f in self.findings]),
            ("inside joint training", _JOINT, [f.readout for f in self.findings]),
            ("inside G²D", _G2D, [f.after for f in self.findings]),
        )
        for number, (label, colour, values) in enumerate(series):
            axis.barh(
                places + 0.26 * (number - 1),
                [value.mean for value in values],
                height=0.24,
                xerr=[_half(value) for value in values],
                error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "0.15"},
                color=colour,
                label=label,
            )
        axis.set_yticks(places, [finding.modality for finding in self.findings])
        axis.invert_yaxis()
        axis.axvline(0, color="0.5", linewidth=1)
        axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axis.set_xlabel("of the way from guessing to perfect")
        without_box(axis)
        figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
        return save(figure, path)


def _half(value: Interval) -> float:
    """Nothing is drawn of an interval that is not known."""
    return value.half if value.known else 0.0
