"""The analyses of finished runs, by the names that the command line knows."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from g2d.analysis.finding import Finding


@dataclass(frozen=True)
class Analysis:
    """A question to runs or models, and the function that answers it.

    Attributes:
        what: The question, in one line.
        figure: Which figure or table of the paper it is; empty where it is none.
        run: The analysis of a `Sequence[Subject]`; takes `split` too where `splits` names any.
        splits: The splits it can be asked about one at a time, the usual one first; empty where
            the question itself says which it is about.
        projections: How its picture can be drawn, the usual one first; it takes `projection` then.
    """

    what: str
    figure: str
    run: Callable[..., Finding]
    splits: tuple[str, ...] = ()
    projections: tuple[str, ...] = ()


def _later(path: str) -> Callable[..., Finding]:
    """`package.module.function` of g2d, imported when it is first called."""

    def run(*arguments: Any, **options: Any) -> Finding:
        module, _, name = path.rpartition(".")
        function = getattr(importlib.import_module(f"g2d.{module}"), name)
        found: Finding = function(*arguments, **options)
        return found

    return run


_ANY = ("test", "val", "train")

ANALYSES: Mapping[str, Analysis] = {
    "learning-curves": Analysis(
        "who learns when: validation metric of every modality by epoch",
        "Figure 1",
        _later("analysis.learning_curves.subjects_curves"),
    ),
    "confidence": Analysis(
        "how sure the teachers are on train and held out, and who is weak by each",
        "Figure 3",
        _later("analysis.confidence.confidence"),
    ),
    "confidence-ratio": Analysis(
        "how much of the weak teacher's confidence the student has, on train and test",
        "Figure 6",
        _later("analysis.confidence_ratio.confidence_ratio"),
    ),
    "calibration": Analysis(
        "whether predictions are as often right as they are sure, fused and each modality",
        "",
        _later("analysis.calibration.calibration"),
        _ANY,
    ),
    "attribution": Analysis(
        "what each modality is worth: head, mean ablation, Shapley value, linear probe",
        "",
        _later("analysis.worth.worth"),
        ("test",),  # on val the probe's penalty is chosen
    ),
    "modality-gap": Analysis(
        "how far the modalities lie apart in the feature space of each run",
        "Figure 4",
        _later("analysis.modality_gap.modality_gap"),
        _ANY,
        ("pca", "tsne"),
    ),
    "alignment": Analysis(
        "how close every student's features are to those of its teachers",
        "Figure 5",
        _later("analysis.alignment.alignment"),
        _ANY,
    ),
    "gradients": Analysis(
        "who pulls how hard and whither: gradients of every modality, by epoch where recorded",
        "",
        _later("analysis.gradients.gradients"),
        ("train", "val", "test"),
    ),
    "cost": Analysis(
        "what a step costs with one run's model and data: joint training, G²D; time, memory",
        "Table 10",
        _later("benchmark.cost.cost.cost"),
    ),
}
