"""Other methods against suppression, and their gain in the fused prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from g2d.analysis.intervals import Interval
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.recipes.experiment import resolve
from g2d.recipes.recipe import Component, Recipe
from g2d.table.diagnosis.judging import SeedFindings, fused_gain
from g2d.table.diagnosis.verdict import SMALL, helps
from g2d.tasks import Task
from g2d.wording import listed


@dataclass(frozen=True)
class Rival:
    """A method beside joint training, on the test rows.

    Attributes:
        key: As `METHODS` has it.
        score: Of its fused prediction.
        gain: That score less that of joint training.
    """

    key: str
    score: Interval
    gain: Interval

    @property
    def label(self) -> str:
        """Its name in sentences and tables."""
        return METHODS[self.key][0]

    @property
    def options(self) -> str:
        """The options of the command line for it."""
        return METHODS[self.key][1]

    def as_dict(self) -> dict[str, Any]:
        """The rival as plain values."""
        return {
            "label": self.label,
            "score": self.score.as_dict(),
            "gain": self.gain.as_dict(),
            "verdict": helps(self.gain),
        }


# By key: what it is called, how it is asked for on the command line, and in a recipe.
METHODS: dict[str, tuple[str, str, Component]] = {
    "g2d": ("G²D", "--method g2d", "g2d"),
    "ensemble": (
        "the fitted ensemble",
        "--fusion late --method ume --method.weights fitted",
        {"name": "ume", "weights": "fitted"},
    ),
    "amco": ("AMCo", "--method amco", "amco"),
}


def recipe_for(key: str, recipe: Recipe) -> Recipe:
    """The recipe with this method; the ensemble is late fusion."""
    changed = recipe.with_method(METHODS[key][2])
    return replace(changed, fusion="late") if key == "ensemble" else changed


def possible(recipe: Recipe, splits: Splits) -> list[str]:
    """The methods that are defined for the task and the fusion; G²D always is among them."""
    found = ["g2d"]
    for key in METHODS:
        if key in found:
            continue
        try:
            resolve(recipe_for(key, recipe), splits)
        except UserError:
            continue
        found.append(key)
    return found


def measured(done: Sequence[SeedFindings], methods: Sequence[str], task: Task) -> tuple[Rival, ...]:
    """The methods that trained to the end with every seed, beside joint training."""
    measures = {key: fused_gain(done, task, key) for key in methods if _finished(key, done)}
    return tuple(Rival(key, score, gain) for key, (_, score, gain) in measures.items())


def lost(done: Sequence[SeedFindings], methods: Sequence[str]) -> str:
    """Which methods are left out, in a sentence; empty where all trained to the end."""
    names = [METHODS[key][0] for key in methods if not _finished(key, done)]
    if not names:
        return ""
    verb, its = ("is", "its") if len(names) == 1 else ("are", "their")
    return (
        f"{listed(names)} {verb} left out: at this learning rate {its} training loss became no "
        "number."
    )


def _finished(key: str, done: Sequence[SeedFindings]) -> bool:
    return key == "g2d" or all(key in one.others for one in done)


def winner(rivals: Sequence[Rival]) -> Rival | None:
    """The method whose gain over joint training is surely above 0, the largest first.

    Example:
        >>> sure, none = Interval(0.05, 0.01, 0.01), Interval(0.2, 0.3, 0.1)
        >>> winner([Rival("g2d", sure, sure), Rival("amco", none, none)]).key
        'g2d'
        >>> winner([Rival("amco", none, none)]) is None
        True
    """
    sure = [rival for rival in rivals if helps(rival.gain) == "helps"]
    return max(sure, key=lambda rival: rival.gain.mean, default=None)


def worth(rivals: Sequence[Rival], suppressed: Sequence[str], metric: str) -> str:
    """Whether preventing suppression pays, in a sentence or two; empty without rivals."""
    if not rivals:
        return ""
    best = winner(rivals)
    gains = ", ".join(f"{one.label} {100 * one.gain.mean:+.1f}" for one in rivals)
    text = f"Over joint training, in points of {metric} on the test rows: {gains}."
    if best is not None:
        return f"{text} {best.label[:1].upper()}{best.label[1:]} wins."
    if suppressed and max(one.gain.high for one in rivals) < SMALL:
        return f"{text} Preventing it is worth nothing here: the fused prediction loses nothing."
    return f"{text} None of them is surely better."
