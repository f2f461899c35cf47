"""The rows of a grid as the paper has them, as the released code has them, or by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Literal

from g2d.engine.settings import TrainingSettings
from g2d.recipes.components import split_spec
from g2d.recipes.plain_yaml import read_shipped
from g2d.recipes.recipe import Component, Recipe

Reading = Literal["paper", "released", "default"]
DEFAULT = "G²D as g2d has it by default, and not as the paper has it"


@dataclass(frozen=True)
class Row:
    """A row of the paper, before it is read in some way.

    Attributes:
        table: Of the paper, such as `"T4"`; `None` for a figure.
        data: The recipe that the grid names.
        epochs: Of training, as the grid is written.
    """

    table: str | None
    data: str
    epochs: Any


def recipe_in_place(reading: Reading, data: str) -> tuple[str, list[tuple[str, Any]]]:
    """The recipe with the paper's encoders and settings, and what keeps the data of the other.

    Example:
        >>> recipe_in_place("paper", "avmnist"), recipe_in_place("default", "avmnist")
        (('avmnist_paper', [('data.name', 'avmnist')]), ('avmnist', []))
    """
    name = data if reading == "default" else _content()["recipes"].get(data, data)
    return name, [] if name == data else [("data.name", data)]


def place_of(data: str) -> str:
    """The recipe beside whose data the paper's numbers stand.

    Example:
        >>> place_of("avmnist_paper"), place_of("cremad")
        ('avmnist', 'cremad')
    """
    for old, new in _content()["recipes"].items():
        if new == data:
            return str(old)
    return data


def read_as(recipe: Recipe, reading: Reading, row: Row) -> Recipe:
    """The recipe of a cell with the options that a reading has for its method and fusion.

    Example:
        >>> recipe = Recipe("cremad", method={"name": "g2d", "preset": "printed", "alpha": 0.5})
        >>> read_as(recipe, "released", Row("T12", "cremad", 300)).method
        {'name': 'g2d', 'preset': 'released', 'alpha': 0.5}
        >>> read_as(recipe, "default", Row("T12", "cremad", 300)).method
        {'name': 'g2d', 'schedule': 'halves', 'alpha': 0.5}
        >>> read_as(Recipe("cremad", method="ogm_ge"), "paper", Row("T1", "cremad", 300)).method
        {'name': 'ogm_ge', 'preset': 'released', 'alpha': 0.8}
    """
    content, data = _content(), place_of(row.data)
    label, own = split_spec(recipe.method, "method")
    own = {key: value for key, value in own.items() if (key, value) != ("preset", "printed")}
    known = content["readings"][reading]
    if reading != "default":
        known = {**known, **content["rivals"]}
    given: dict[str, Any] = {}
    for part in _parts(label):
        given |= _options(known, part, data)
    if reading == "default" and label == "g2d" and row.table in content["staged"]:
        given["schedule"] = "halves"
    fusion = recipe.fusion
    if reading != "default":
        name, chosen = split_spec(fusion, "fusion")
        fusion = _component(name, {**_options(content["fusions"], name, data), **chosen})
    return replace(recipe, method=_component(label, {**given, **own}), fusion=fusion)


def differences(recipe: Recipe, reading: Reading, row: Row) -> tuple[str, ...]:
    """In what a cell still differs from what the paper has, a sentence each.

    Args:
        recipe: Of the cell, read and with all changes.
        reading: As which it was read.
        row: Of the cell.
    """
    label, options = split_spec(recipe.method, "method")
    if reading == "default":
        return (DEFAULT,) if label in ("g2d", "g2d_loss") else ()
    content, data = _content(), place_of(row.data)
    wanted = {**content["settings"], "epochs": row.epochs}
    settings = {**asdict(TrainingSettings()), **recipe.training}
    odd = [
        f"{key} {settings[key]}, in the paper {value}"
        for key, value in wanted.items()
        if value is not None and settings[key] != value
    ]
    if data in content["encoders"]:
        named = {modality: split_spec(e, "encoders")[0] for modality, e in recipe.encoders.items()}
        odd += [
            f"the encoder of {modality} is {named[modality]}, in the paper {encoder}"
            for modality, encoder in content["encoders"][data].items()
            if named.get(modality, encoder) != encoder
        ]
    facts: dict[str, tuple[Any, ...]] = {
        "reading": (reading,),
        "data": (split_spec(recipe.data, "data")[0],),
        "method": _parts(label),
        "fusion": (split_spec(recipe.fusion, "fusion")[0],),
        "suppression": (options.get("suppression"),),
    }
    return (*odd, *(rule["says"] for rule in content["differs"] if _fits(rule, facts)))


def _fits(rule: Mapping[str, Any], facts: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether a rule's every key names one of a cell's facts."""
    return all(
        set(asked if isinstance(asked, list) else [asked]) & set(facts[key])
        for key, asked in rule.items()
        if key != "says"
    )


def _parts(label: str) -> tuple[str, ...]:
    """The method, and what is around it.

    Example:
        >>> _parts("joint+smp")
        ('joint', 'smp')
    """
    return tuple(label.split("+"))


def _options(known: Mapping[str, Any], name: str, data: str) -> dict[str, Any]:
    own = known.get(name, {})
    return {**own.get("every", {}), **own.get(data, {})}


def _component(name: str, options: Mapping[str, Any]) -> Component:
    return {"name": name, **options} if options else name


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = read_shipped("g2d.benchmark.compare.paper", "readings.yaml")
    return content
