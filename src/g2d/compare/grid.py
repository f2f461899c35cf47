"""A grid: axes of settings whose product is trained with several seeds, and makes a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from g2d.compare.epochs import scaled
from g2d.errors import UserError
from g2d.experiment.recipe import Recipe, digest, load_recipe

Change = tuple[str, Any]

DATASET = "dataset"


@dataclass(frozen=True)
class Entry:
    """A value of an axis.

    Attributes:
        label: How tables call it.
        changes: What it sets in the recipe, dotted keys in order. `recipe` names the recipe itself.
        paper: Which records of the paper's results it stands for: `{"method": "UMT"}`.
    """

    label: str
    changes: tuple[Change, ...]
    paper: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """What is to be trained and how it is shown.

    Attributes:
        name: Of its record and its table.
        title: What the table shows.
        axes: By name, in order; `dataset` is always one of them.
        seeds: Every combination is trained with each.
        about: What a reader has to know, in sentences.
        paper: The table of the paper it stands beside, such as `"T4"`, if any.
        figure: The analysis that its runs are put to, such as `"alignment"`, if any.
        show: What the table shows of a run: `"fused"`, or `"all"` for the modalities as well.
        without: Combinations that do not exist, as labels by axis.
        epochs: Of training, where nothing says otherwise; what the schedules are written for.
        common: Changes of all cells, before those of the axes.
        changes: Changes of all cells, after those of the axes.
    """

    name: str
    title: str
    axes: Mapping[str, tuple[Entry, ...]]
    seeds: tuple[int, ...] = (0, 1, 2)
    about: str = ""
    paper: str | None = None
    figure: str | None = None
    show: str = "fused"
    without: tuple[Mapping[str, str], ...] = ()
    epochs: int | None = None
    common: tuple[Change, ...] = ()
    changes: tuple[Change, ...] = ()
    scale: float = 1.0

    def cells(self) -> list[Cell]:
        """Every combination with every seed, in the order of the axes.

        Raises:
            UserError: A setting is not one that recipes have.
        """
        found = []
        for combination in product(*self._resolved()):
            entries = dict(zip(self.axes, combination, strict=True))
            labels = {axis: entry.label for axis, entry in entries.items()}
            if any(rule.items() <= labels.items() for rule in self.without):
                continue
            paper = {k: v for entry in entries.values() for k, v in entry.paper.items()}
            changes = [change for entry in entries.values() for change in entry.changes]
            found += [self._cell(labels, changes, paper, seed) for seed in self.seeds]
        return found

    def with_epochs(self, epochs: int) -> Grid:
        """The same grid with fewer or more epochs; schedules keep their shares."""
        if self.epochs is None:
            return replace(self, common=(*self.common, ("training.epochs", epochs)))
        return replace(self, scale=epochs / self.epochs)

    def on(self, datasets: Sequence[tuple[str, str | None]]) -> Grid:
        """The same grid on other data.

        Args:
            datasets: Recipes, shipped or files, each with the folder of its prepared data where it
                has one. Those that the grid has keep their place beside the paper's numbers.
        """
        known = {dict(entry.changes)["recipe"]: entry for entry in self.axes[DATASET]}
        entries = []
        for name, root in datasets:
            entry = known.get(name, Entry(name, (("recipe", name),)))
            if root is not None:
                entry = replace(entry, changes=(*entry.changes, ("data.root", root)))
            entries.append(entry)
        return replace(self, axes={**self.axes, DATASET: tuple(entries)})

    def _resolved(self) -> list[tuple[Entry, ...]]:
        return list(self.axes.values())

    def _cell(
        self,
        labels: Mapping[str, str],
        changes: Sequence[Change],
        paper: Mapping[str, Any],
        seed: int,
    ) -> Cell:
        every = [*self.common, *changes]
        name = next((value for key, value in every if key == "recipe"), None)
        if name is None:
            raise UserError(f"grid {self.name}: {labels} names no recipe")
        imputation = next((value for key, value in every if key == "impute"), None)
        own = [change for change in every if change[0] not in {"recipe", "impute"}]
        if self.epochs is not None:
            own = [("training.epochs", self.epochs), *own]
        own = [*scaled(own, self.scale), *self.changes, ("seed", seed)]
        return Cell(labels, load_recipe(name, own), paper, imputation)


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Attributes:
        labels: Its value on every axis.
        recipe: What it is made from, resolved.
        paper: Which records of the paper's results it stands for.
        imputation: The baseline on teachers' features that it is, and its options, where it is no
            training of a student.
    """

    labels: Mapping[str, str]
    recipe: Recipe
    paper: Mapping[str, Any] = field(default_factory=dict)
    imputation: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Of its run folder: what it is in words, and the hash of all that decides it."""
        data, method = _word(self.recipe.data), _word(self.recipe.method)
        decides: dict[str, Any] = self.recipe.as_dict()
        if self.imputation is not None:
            method = str(self.imputation["name"]).lower()
            decides = {**decides, "imputation": dict(self.imputation)}
        return f"{data}-{method}-seed{self.recipe.seed}-{digest(decides)}"


def _word(component: Any) -> str:
    name = component if isinstance(component, str) else str(component["name"])
    return name.rpartition(".")[2]
