"""A grid's YAML, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.epochs import whole_number
from g2d.benchmark.compare.grid import DATASET, Beside, Change, Entry, Grid
from g2d.benchmark.compare.paper.records import ROWS, UNKNOWN, UNSURE
from g2d.benchmark.compare.undone import check_undone
from g2d.errors import UserError
from g2d.recipes.plain_yaml import read_yaml_of

_KEYS = (
    *("title", "about", "paper", "figure", "show", "epochs", "seeds", "common", "axes"),
    *("without", "beside"),
)
_WORDS = re.compile(r"\d+|\D+").findall
# What they hold is set one by one, so that the rest of a recipe's stays.
_SECTIONS = ("encoders", "teachers", "training")
_ENTRY_KEYS = {"set", "paper"}


def shipped_grids() -> list[str]:
    """Names of the grids that come with g2d."""
    folder = files("g2d.benchmark.compare.grids")
    names = [Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".yaml")]
    # table2 stands before table10.
    return sorted(names, key=lambda name: [int(w) if w.isdigit() else w for w in _WORDS(name)])


def grid_text(name: str) -> str:
    """The YAML of a shipped grid, or of a file.

    Raises:
        UserError: There is neither, or the file is no text.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise UserError(f"there is no grid file {name}")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{name} is not a text file; expected a grid in YAML") from None
    if name not in shipped_grids():
        known = ", ".join(shipped_grids())
        raise UserError(f"there is no grid {name!r}; shipped: {known}; or give a .yaml file")
    return (files("g2d.benchmark.compare.grids") / f"{name}.yaml").read_text(encoding="utf-8")


def read_grid(name: str) -> Grid:
    """Reads a shipped grid or a file.

    ```yaml
    title: Two fusions
    epochs: 20
    seeds: [0, 1, 2]
    common: {training.batch_size: 32}
    axes:
      dataset:
        my data: {recipe: my.yaml}
      method:
        joint: {method: joint}
        G²D: {set: {method: g2d}, paper: {method: G2D}}
      fusion: [late, concat]
    without:
      - {method: joint, fusion: concat}
    beside:
      - {when: {method: G²D, fusion: late}, paper: {fusion: late}}
    ```

    An axis is a mapping from labels to changes of the recipe, in dotted keys; where its name is a
    key of the recipe, a list of values is enough. `paper` names the keys of the paper's records
    that an entry stands for, `paper: false` means that there are none, and `beside` adds what only
    certain combinations stand for; its last rule that applies decides. A recipe's file is looked
    for beside the grid's, then where the command is given.

    Raises:
        UserError: The file is no grid.
    """
    grid = grid_from(read_yaml_of(name, grid_text(name)), Path(name).stem)
    return (
        _with_recipes_of(grid, Path(name).parent)
        if Path(name).suffix in {".yaml", ".yml"}
        else grid
    )


def _with_recipes_of(grid: Grid, folder: Path) -> Grid:
    """The grid with the recipes that lie beside its file."""

    def found(change: Change) -> Change:
        key, value = change
        own = folder / str(value)
        named = key == "recipe" and str(value).endswith((".yaml", ".yml"))
        return (key, str(own)) if named and own.is_file() else change

    axes = {
        axis: tuple(replace(e, changes=tuple(map(found, e.changes))) for e in entries)
        for axis, entries in grid.axes.items()
    }
    return replace(grid, axes=axes, common=tuple(map(found, grid.common)))


def grid_from(content: Any, name: str) -> Grid:
    """A grid from plain values.

    Raises:
        UserError: A key is unknown, missing, or of the wrong kind.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"grid {name}: expected keys and values")
    for key, value in content.items():
        if key not in _KEYS:
            raise UserError(f"grid {name}: {key}: no such key; known: {', '.join(_KEYS)}")
        if key in {"paper", "figure"} and not (value is None or isinstance(value, str)):
            raise UserError(f"grid {name}: {key}: expected a word, got {value!r}")
    axes = content.get("axes")
    if not isinstance(axes, Mapping) or DATASET not in axes:
        raise UserError(f"grid {name}: axes: expected keys and values, `dataset` among them")
    for axis in axes:
        if not isinstance(axis, str) or axis == "seed":
            raise UserError(f"grid {name}: axes.{axis}: no such axis; seeds have a key, `seeds`")
    seeds = content.get("seeds", [0, 1, 2])
    if not isinstance(seeds, list) or not seeds or not all(whole_number(seed) for seed in seeds):
        raise UserError(f"grid {name}: seeds: expected a list of whole numbers, got {seeds!r}")
    if len(set(seeds)) < len(seeds):
        raise UserError(f"grid {name}: seeds: expected each once, got {seeds!r}")
    epochs = content.get("epochs")
    if epochs is not None and not (whole_number(epochs) and epochs > 0):
        raise UserError(f"grid {name}: epochs: expected a whole number, 1 or more, got {epochs!r}")
    if content.get("show", "fused") not in ("fused", "all"):
        raise UserError(f"grid {name}: show: expected fused or all, got {content['show']!r}")
    grid = Grid(
        name=name,
        title=str(content.get("title", name)),
        axes={axis: _entries(name, axis, entries) for axis, entries in axes.items()},
        seeds=tuple(seeds),
        about=" ".join(str(content.get("about", "")).split()),
        paper=content.get("paper"),
        figure=content.get("figure"),
        show=content.get("show", "fused"),
        without=_without(name, content.get("without", [])),
        beside=_beside(name, content.get("beside", [])),
        epochs=epochs,
        common=_changes(name, "common", content.get("common", {})),
    )
    own = {axis: {e.label: e.changes for e in entries} for axis, entries in grid.axes.items()}
    check_undone(name, grid.common, own, DATASET)
    for rule in grid.without:
        _check_labels(grid, "without", rule)
    for beside in grid.beside:
        _check_labels(grid, "beside", beside.when)
    return grid


def _without(grid: str, content: Any) -> tuple[Mapping[str, str], ...]:
    rules = content if isinstance(content, list) else [content]
    if not all(isinstance(rule, Mapping) and rule for rule in rules):
        raise UserError(
            f"grid {grid}: without: expected a list of labels by axis, such as "
            f"- {{method: joint, fusion: concat}}, got {content!r}"
        )
    return tuple({str(axis): str(label) for axis, label in rule.items()} for rule in rules)


def _beside(grid: str, content: Any) -> tuple[Beside, ...]:
    rules = content if isinstance(content, list) else [content]
    for rule in rules:
        right = isinstance(rule, Mapping) and set(rule) == {"when", "paper"}
        if not right or not isinstance(rule["when"], Mapping):
            raise UserError(
                f"grid {grid}: beside: expected a list of rules, such as "
                f"- {{when: {{method: joint}}, paper: {{smp: false}}}}, got {rule!r}"
            )
    return tuple(
        Beside(
            {str(axis): str(label) for axis, label in rule["when"].items()},
            _paper(grid, "beside", rule["paper"]),
        )
        for rule in rules
    )


def _check_labels(grid: Grid, key: str, rule: Mapping[str, str]) -> None:
    for axis, label in rule.items():
        entries = grid.axes.get(axis, ())
        # Labels of subsets are known when the dataset is.
        made = any(("modalities", "subsets") in entry.changes for entry in entries)
        if not made and label not in [entry.label for entry in entries]:
            raise UserError(f"grid {grid.name}: {key}: there is no {axis} {label!r}")


def _entries(grid: str, axis: str, content: Any) -> tuple[Entry, ...]:
    if isinstance(content, list) and content:
        labels = [str(value) for value in content]
        if len(set(labels)) < len(labels):
            raise UserError(f"grid {grid}: axes.{axis}: expected each once, got {content!r}")
        return tuple(
            Entry(label, ((_key(axis), value),))
            for label, value in zip(labels, content, strict=True)
        )
    if not isinstance(content, Mapping) or not content:
        raise UserError(
            f"grid {grid}: axes.{axis}: expected labels with changes of the recipe, or a list"
        )
    return tuple(_entry(grid, axis, str(label), value) for label, value in content.items())


def _entry(grid: str, axis: str, label: str, content: Any) -> Entry:
    where = f"axes.{axis}.{' '.join(label.split())}"
    if isinstance(content, Mapping) and content and set(content) <= _ENTRY_KEYS:
        changes = _changes(grid, where, content.get("set", {}))
        return Entry(label, changes, _paper(grid, where, content.get("paper", {})))
    return Entry(label, _changes(grid, where, content))


def _paper(grid: str, where: str, content: Any) -> Mapping[str, Any] | None:
    if content is False or content is None:
        return None
    if not isinstance(content, Mapping):
        raise UserError(f"grid {grid}: {where}: paper: expected keys and values, or false")
    rows = content.get(ROWS, {})
    if not isinstance(rows, Mapping) or not all(isinstance(row, str) for row in rows.values()):
        raise UserError(
            f"grid {grid}: {where}: paper.rows: expected what the paper calls each modality, such "
            f"as {{near: Near}}, got {rows!r}"
        )
    if content.get(UNSURE, next(iter(UNKNOWN))) not in UNKNOWN:
        known = ", ".join(UNKNOWN)
        raise UserError(f"grid {grid}: {where}: paper.unsure: expected one of {known}")
    return content


def _changes(grid: str, where: str, content: Any) -> tuple[Change, ...]:
    if content is None:
        return ()
    if not isinstance(content, Mapping):
        raise UserError(f"grid {grid}: {where}: expected dotted keys and values, got {content!r}")
    changes: list[Change] = []
    for key, value in content.items():
        if key == "seed":
            raise UserError(f"grid {grid}: {where}: seed: a grid has a key of its own, seeds")
        if key in _SECTIONS and isinstance(value, Mapping) and value:
            changes += [(f"{key}.{name}", setting) for name, setting in value.items()]
        else:
            changes.append((str(key), value))
    return tuple(changes)


def _key(axis: str) -> str:
    """The axis `dataset` sets the recipe."""
    return "recipe" if axis == DATASET else axis
