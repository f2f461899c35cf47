"""Checks a grid before any of it is trained: unknown names, absent data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.figures import analysis_of
from g2d.benchmark.compare.grid import DATASET, Grid
from g2d.benchmark.compare.impute import BASELINES
from g2d.errors import UserError
from g2d.recipes.blueprint import build
from g2d.recipes.build import dataset_of
from g2d.recipes.components import check_options, split_spec
from g2d.recipes.kinds import encoder_class, fusion_class
from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.missing import MissingSettings
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe, digest
from g2d.recipes.settings import teacher_settings, training_settings

# What `fault` returns for prepared data whose folder is not given.
UNNAMED = "data.root: this must be given"
_SHOWN = 3


def check_grid(grid: Grid, cells: Sequence[Cell]) -> None:
    """Refuses a grid with an entry that cannot work in any of its cells.

    A combination of entries that work elsewhere is left to its cell, which fails with the reason;
    so is whatever only the data shows.

    Raises:
        UserError: An entry names something that is not there, or data without a folder; there is no
            such figure.
    """
    if grid.figure is not None:
        analysis_of(grid.name, grid.figure)
    reasons = _reasons(cells)
    bare = {_recipe_of(grid, cell): None for cell, why in _both(cells, reasons) if why == UNNAMED}
    if bare:
        named = dict.fromkeys(_recipe_of(grid, cell) for cell in cells)
        given = " ".join(f"{name}=DIR" if name in bare else name for name in named)
        raise UserError(
            f"grid {grid.name}: there is no folder of prepared data for {', '.join(bare)}; name "
            f"it: --on {given} (g2d data prepare makes one)"
        )
    faults = []
    for reason in dict.fromkeys(reasons):
        if reason:
            where = _never_right(cells, reasons, reason)
            if where is not None:
                faults.append(f"{where}: {reason}" if where else reason)
    if faults:
        if grid.paper is not None and any("method.preset: there is no" in one for one in faults):
            faults.append("what the paper has for every row: --as paper, or --as released")
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise UserError(f"grid {grid.name}: {'; '.join(faults[:_SHOWN])}{more}")


# Options that name or count the modalities, which only the data knows.
OF_MODALITIES = ("schedule", "patience", "rank_by")


def method_plan(recipe: Recipe) -> MethodPlan:
    """The method of a recipe as far as it is known without the data.

    What names the modalities, or counts them, is left out: only the data knows which there are.

    Raises:
        UserError: There is no such method, or an option is not one of it.
    """
    label, options = split_spec(recipe.method, "method")
    kept = {key: value for key, value in options.items() if key != "schedule"}
    if isinstance(kept.get("rank_by"), list | tuple):
        del kept["rank_by"]
        if kept.get("suppression") == "partial":
            kept["rank_by"] = "heldout"
    modalities = tuple(recipe.encoders)
    if len(modalities) < 2:
        modalities = ("first", "second")
    return plan_method(replace(recipe, method={"name": label, **kept}), modalities)


def fault(recipe: Recipe, imputation: Mapping[str, Any] | None = None) -> str:
    """The fault of a recipe, as far as it shows without the data; empty without one.

    Example:
        >>> fault(Recipe("avdigits", method="g2"))[:28]
        "method: there is no 'g2'; kn"
    """
    try:
        training_settings(recipe)
        teacher_settings(recipe)
        target, options, _ = dataset_of(recipe)
        check_options(target, options, "data")
        for modality, encoder in recipe.encoders.items():
            if encoder != "auto":
                where = f"encoders.{modality}"
                name, options = split_spec(encoder, where)
                check_options(encoder_class(name, where), options, where)
        name, options = split_spec(recipe.fusion, "fusion")
        check_options(fusion_class(name), options, "fusion", ("widths", "outputs"))
        method_plan(recipe)
        if recipe.missing is not None:
            build(MissingSettings, recipe.missing, "missing")
        if imputation is not None and imputation["name"] not in BASELINES:
            known = ", ".join(BASELINES)
            return f"impute: there is no baseline {imputation['name']!r}; known: {known}"
        root = recipe.data.get("root") if isinstance(recipe.data, Mapping) else None
        if root is not None and not Path(str(root)).exists():
            return f"data.root: {root} is not there; expected the folder of the prepared data"
    except UserError as error:
        return str(error)
    return ""


def _reasons(cells: Sequence[Cell]) -> list[str]:
    """The fault of every cell; seeds share one check."""
    known: dict[str, str] = {}
    reasons = []
    for cell in cells:
        key = digest([{**cell.recipe.as_dict(), "seed": 0}, cell.imputation])
        if key not in known:
            known[key] = fault(cell.recipe, cell.imputation)
        reasons.append(known[key])
    return reasons


def _never_right(cells: Sequence[Cell], reasons: Sequence[str], reason: str) -> str | None:
    """The entry that is at fault wherever it stands, in words; `None` where there is none."""
    own = [cell.labels for cell, why in _both(cells, reasons) if why == reason]
    right = [cell.labels for cell, why in _both(cells, reasons) if not why]
    shared = [
        (axis, label)
        for axis, label in own[0].items()
        if all(labels[axis] == label for labels in own)
        and not any(labels[axis] == label for labels in right)
    ]
    if not shared and right:  # several of an axis, each of them at fault wherever it stands
        for axis in own[0]:
            labels = dict.fromkeys(labels[axis] for labels in own)
            if not any(other[axis] in labels for other in right):
                return f"{axis} {', '.join(map(repr, labels))}"
        return None
    # An axis of one entry is not shown.
    several = [
        f"{axis} {label!r}"
        for axis, label in shared
        if any(cell.labels[axis] != label for cell in cells)
    ]
    return ", ".join(several)


def _both(cells: Sequence[Cell], reasons: Sequence[str]) -> list[tuple[Cell, str]]:
    return list(zip(cells, reasons, strict=True))


def _recipe_of(grid: Grid, cell: Cell) -> str:
    """The recipe that a cell's dataset names, as `--on` wants it."""
    entry = next(e for e in grid.axes[DATASET] if e.label == cell.labels[DATASET])
    return str(dict((*grid.common, *entry.changes)).get("recipe", entry.label))
