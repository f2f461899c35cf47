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
        for combination in product(*self.axes.values()):
            entries = dict(zip(self.axes, combination, strict=True))
            labels = {axis: entry.label for axis, entry in entries.items()}
            if any(rule.items() <= labels.items() for rule in self.without):
                continue
            paper = {k: v for entry in entries.values() for k, v in entry.paper.items()}
            changes = [change for entry in entries.values() for change in entry.changes]
            found += [self._cell(labels, changes, paper, seed) for seed in self.seeds]
        return found

    def with_changes(self, changes: Sequence[Change]) -> Grid:
        """The same grid with further changes of all cells.

        Raises:
            UserError: One undoes what an axis sets, so that labels would no longer be true.
        """
        for key, value in changes:
            if key == "seed":
                raise UserError(f"--seed {value}: a grid has several; use --seeds {value}")
            for axis, entries in self.axes.items():
                own = {name for entry in entries for name, _ in entry.changes}
                if any(name == key or name.startswith(f"{key}.") for name in own):
                    raise UserError(
                        f"--{key}: the axis {axis!r} of grid {self.name} sets it; write a grid "
                        "file of your own to have it otherwise"
                    )
        return replace(self, changes=(*self.changes, *changes))

    def with_epochs(self, epochs: int) -> Grid:
        """The same grid with fewer or more epochs; schedules keep their shares.

        Raises:
            UserError: It is not 1 or more.
        """
        if epochs < 1:
            raise UserError(f"epochs: expected 1 or more, got {epochs}")
        if self.epochs is None:
            return replace(self, common=(*self.common, ("training.epochs", epochs)))
        return replace(self, scale=epochs / self.epochs)

    def on(self, datasets: Sequence[tuple[str, str | None]]) -> Grid:
        """The same grid on other data.

        Args:
            datasets: Recipes, shipped or files, each with the folder of its prepared data where it
                has one. Those that the grid has keep their place beside the paper's numbers.
        """
        entries = []
        for name, root in datasets:
            own = [e for e in self.axes[DATASET] if dict(e.changes).get("recipe") == name]
            place = (("data.root", root),) if root is not None else ()
            entries += [
                replace(entry, changes=(*entry.changes, *place))
                for entry in own or [Entry(name, (("recipe", name),))]
            ]
        return replace(self, axes={**self.axes, DATASET: tuple(entries)})

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
        if imputation is not None and not (
            isinstance(imputation, Mapping) and isinstance(imputation.get("name"), str)
        ):
            raise UserError(
                f"grid {self.name}: impute: expected a mapping with a name, got {imputation!r}"
            )
        own = [change for change in every if change[0] not in {"recipe", "impute"}]
        if self.epochs is not None:
            own = [("training.epochs", self.epochs), *own]
        own = [*scaled(own, self.scale), *self.changes, ("seed", seed)]
        try:
            recipe = load_recipe(str(name), own)
        except UserError as error:
            where = ", ".join(f"{axis} {label!r}" for axis, label in labels.items())
            raise UserError(f"grid {self.name}, {where}: {error}") from None
        return Cell(labels, recipe, paper, imputation)


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
