"""A grid: axes of settings whose product is trained with several seeds, and makes a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.epochs import scaled, with_scaled_steps
from g2d.benchmark.compare.fitting import modalities_of, subsets, why_not, with_modalities
from g2d.benchmark.compare.paper.readings import (
    Reading,
    Row,
    differences,
    place_of,
    read_as,
    recipe_in_place,
)
from g2d.benchmark.compare.undone import untrue
from g2d.errors import UserError
from g2d.recipes.recipe import Recipe, load_recipe, recipe_title, with_changes

Change = tuple[str, Any]

DATASET = "dataset"


# Changes that are no keys of a recipe: which recipe, which of its modalities, which baseline.
_OWN = ("recipe", "modalities", "impute")


@dataclass(frozen=True)
class Entry:
    """A value on an axis of a grid: its label, and the changes of the recipe that it stands for.

    Attributes:
        label: How tables call it.
        changes: What it sets in the recipe, dotted keys in order. `recipe` names the recipe itself;
            `modalities` is a list of those used, or `subsets`, which stands for an entry for every
            two or more of the dataset's.
        paper: Which records of the paper's results it stands for: `{"method": "UMT"}`; `None` where
            the paper has none.
    """

    label: str
    changes: tuple[Change, ...]
    paper: Mapping[str, Any] | None = field(default_factory=dict)


@dataclass(frozen=True)
class Beside:
    """Which records of the paper certain combinations stand for, beyond those of their entries.

    Attributes:
        when: Labels by axis.
        paper: Keys of records; `None` for no record. Of several that apply the last decides whether
            there are any.
    """

    when: Mapping[str, str]
    paper: Mapping[str, Any] | None


@dataclass(frozen=True)
class Grid:
    """The runs to be trained, as a product of axes, and how their table is shown.

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
        beside: Records of the paper that only certain combinations stand for.
        epochs: Of training, where nothing else is given; what the schedules are written for.
        common: Changes of all cells, before those of the axes.
        changes: Changes of all cells, after those of the axes.
        scale: Epochs that are trained for one that is written.
        reading: Whose options the rows have, where they are not as the grid is written.
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
    beside: tuple[Beside, ...] = ()
    epochs: int | None = None
    common: tuple[Change, ...] = ()
    changes: tuple[Change, ...] = ()
    scale: float = 1.0
    reading: Reading | None = None

    def cells(self) -> list[Cell]:
        """Every combination with every seed, in the order of the axes; those that can be.

        Raises:
            UserError: A setting is not one that recipes have.
        """
        return [found for found in self._combinations() if isinstance(found, Cell)]

    def left_out(self) -> list[str]:
        """Why combinations have no cells, in sentences: what their data cannot have.

        Raises:
            UserError: A setting is not one that recipes have.
        """
        reasons = [found for found in self._combinations() if isinstance(found, str)]
        return list(dict.fromkeys(reasons))

    def with_changes(self, changes: Sequence[Change]) -> Grid:
        """The same grid with further changes of all cells.

        Raises:
            UserError: One undoes what an axis sets, so that labels would no longer be true.
        """
        for key, value in changes:
            if key == "seed":
                raise UserError(f"--seed {value}: a grid has several; use --seeds {value}")
            for axis, entries in self.axes.items():
                if untrue([entry.changes for entry in entries], key):
                    raise UserError(
                        f"--{key}: the axis {axis!r} of grid {self.name} sets it; write a grid "
                        "file of your own to have it otherwise"
                    )
        return replace(self, changes=(*self.changes, *changes))

    def with_epochs(self, epochs: int) -> Grid:
        """The same grid with fewer or more epochs; schedules keep their shares.

        Raises:
            UserError: It is not 1 or more, or an axis sets epochs that were not written for any.
        """
        if epochs < 1:
            raise UserError(f"epochs: expected 1 or more, got {epochs}")
        if self.epochs is None:
            for axis, entries in self.axes.items():
                own = {name for entry in entries for name, _ in entry.changes}
                if own & {"training", "training.epochs"}:
                    raise UserError(
                        f"--epochs {epochs}: the axis {axis!r} of grid {self.name} sets "
                        "training.epochs; write a grid file of your own to have it otherwise, or "
                        "give in it with `epochs` what the axis is written for"
                    )
            return replace(self, common=(*self.common, ("training.epochs", epochs)))
        return replace(self, scale=epochs / self.epochs)

    def read_as(self, reading: Reading | Literal["printed"]) -> Grid:
        """The same grid, its rows with the paper's options, the released code's, or the defaults.

        As `printed` it is the grid itself.

        Raises:
            UserError: It is not of the paper.
        """
        if self.paper is None and self.figure is None:
            raise UserError(f"--as {reading}: grid {self.name} is not one of the paper's")
        if reading == "printed":
            return self
        name, title = f"{self.name}-{reading}", f"{self.title}, as {reading}"
        return replace(self, name=name, title=title, reading=reading)

    def on(self, datasets: Sequence[tuple[str, str | None]]) -> Grid:
        """The same grid on other data.

        Args:
            datasets: Recipes, shipped or files, each with the folder of its prepared data where it
                has one. Those that the grid has keep their place beside the paper's numbers.

        Raises:
            UserError: Two would have one label, and so be taken for seeds of one.
        """
        entries = []
        for name, root in datasets:
            beside = place_of(name)
            own = [e for e in self.axes[DATASET] if dict(e.changes).get("recipe") == beside]
            place = (("data.root", root),) if root is not None else ()
            entries += [
                replace(entry, changes=(("recipe", name), *entry.changes, *place))
                for entry in own or [Entry(recipe_title(name), (("recipe", name),), paper=None)]
            ]
        labels = [entry.label for entry in entries]
        for label in labels:
            if labels.count(label) > 1:
                raise UserError(
                    f"--on: {label} is named twice; to compare two forms of it, write a grid file "
                    "that gives each a label"
                )
        return replace(self, axes={**self.axes, DATASET: tuple(entries)})

    def _combinations(self) -> Iterator[Cell | str]:
        for dataset in self.axes[DATASET]:
            axes = {axis: self._fitted(axis, dataset) for axis in self.axes}
            for combination in product(*axes.values()):
                entries = dict(zip(axes, combination, strict=True))
                labels = {axis: entry.label for axis, entry in entries.items()}
                if any(rule.items() <= labels.items() for rule in self.without):
                    continue
                changes = [change for entry in combination for change in entry.changes]
                recipe, imputation, impossible, differs = self._recipe(labels, changes)
                if impossible:
                    yield f"{dataset.label}: {impossible}"
                    continue
                paper = self._paper(labels, combination)
                for seed in self.seeds:
                    yield Cell(labels, replace(recipe, seed=seed), paper, imputation, differs)

    def _fitted(self, axis: str, dataset: Entry) -> tuple[Entry, ...]:
        """The entries of an axis on a dataset."""
        if axis == DATASET:
            return (dataset,)
        entries: list[Entry] = []
        for entry in self.axes[axis]:
            if ("modalities", "subsets") not in entry.changes:
                entries.append(entry)
                continue
            rest = tuple(change for change in entry.changes if change[0] != "modalities")
            recipe, *_ = self._recipe({DATASET: dataset.label}, dataset.changes)
            for names in subsets(modalities_of(recipe)):
                chosen = (("modalities", names), *rest)
                entries.append(Entry(" + ".join(names), chosen, entry.paper))
        return tuple(entries)

    def _paper(self, labels: Mapping[str, str], entries: Sequence[Entry]) -> Mapping[str, Any]:
        if any(entry.paper is None for entry in entries):
            return {}
        found = {key: value for entry in entries for key, value in (entry.paper or {}).items()}
        rules = [rule.paper for rule in self.beside if rule.when.items() <= labels.items()]
        for paper in rules:
            found |= paper or {}
        return {} if rules and rules[-1] is None else found

    def _recipe(
        self, labels: Mapping[str, str], changes: Sequence[Change]
    ) -> tuple[Recipe, Mapping[str, Any] | None, str, tuple[str, ...]]:
        """The recipe of a combination, the baseline it is, why it cannot be, how it differs."""
        every = [*self.common, *changes]
        own = {key: value for key, value in reversed(every) if key in _OWN}
        if "recipe" not in own:
            raise UserError(f"grid {self.name}: {labels} names no recipe")
        imputation = own.get("impute")
        if imputation is not None and not (
            isinstance(imputation, Mapping) and isinstance(imputation.get("name"), str)
        ):
            raise UserError(
                f"grid {self.name}: impute: expected a mapping with a name, got {imputation!r}"
            )
        rest = [change for change in every if change[0] not in _OWN]
        if self.epochs is not None:
            rest = [("training.epochs", self.epochs), *rest]
        row = Row(self.paper, str(own["recipe"]), dict(rest).get("training.epochs"))
        try:
            recipe = self._resolved(row, scaled(rest, self.scale))
            names = _names(own.get("modalities")) or modalities_of(recipe)
            impossible = why_not(recipe, names)
            if "modalities" in own and not impossible:
                recipe = with_modalities(recipe, names)
        except UserError as error:
            where = ", ".join(f"{axis} {label!r}" for axis, label in labels.items())
            raise UserError(f"grid {self.name}, {where}: {error}") from None
        differs = () if self.reading is None else differences(recipe, self.reading, row)
        return recipe, imputation, impossible, differs

    def _resolved(self, row: Row, changes: Sequence[Change]) -> Recipe:
        if self.reading is None:
            recipe = load_recipe(row.data, [*changes, *self.changes])
        else:
            name, same_data = recipe_in_place(self.reading, row.data)
            recipe = read_as(load_recipe(name, [*same_data, *changes]), self.reading, row)
            recipe = with_changes(recipe, self.changes)
        return with_scaled_steps(recipe, self.scale, self.changes)


def _names(chosen: Any) -> tuple[str, ...]:
    """The modalities that an entry names.

    Raises:
        UserError: It is no list of names.
    """
    if chosen is None:
        return ()
    if not isinstance(chosen, list | tuple) or not all(isinstance(name, str) for name in chosen):
        raise UserError(f"modalities: expected a list of names, or subsets, got {chosen!r}")
    return tuple(chosen)
