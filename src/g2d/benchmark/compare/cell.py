"""One run of a grid, and the name of its folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from g2d.recipes.own_code import code_of
from g2d.recipes.recipe import Recipe, digest
from g2d.recipes.whereabouts import data_identity
from g2d.runs.trust import named_by


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Attributes:
        labels: Its value on every axis.
        recipe: What it is made from, resolved.
        paper: Which records of the paper's results it stands for.
        imputation: The baseline on teachers' features that it is, and its options, where it is no
            training of a student.
        differs: In what it differs from what the paper has, a sentence each.
    """

    labels: Mapping[str, str]
    recipe: Recipe
    paper: Mapping[str, Any] = field(default_factory=dict)
    imputation: Mapping[str, Any] | None = None
    differs: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """The name of its run folder: readable words, and the hash of all that decides the run.

        Data are identified by their contents, so that a store that was moved, or named by another
        path, has the runs that were made from it; code of one's own by its text, so that a method
        that was changed is trained anew.
        """
        data, method = _data_word(self.recipe.data), _word(self.recipe.method)
        decides: dict[str, Any] = self.recipe.as_dict()
        decides = {**decides, "data": data_identity(self.recipe.data)}
        if self.imputation is not None:
            method = str(self.imputation["name"]).lower()
            decides = {**decides, "imputation": dict(self.imputation)}
        if code := code_of(named_by([self.recipe])):
            decides = {**decides, "code": code}
        return f"{data}-{method}-seed{self.recipe.seed}-{digest(decides)}"


def _data_word(component: Any) -> str:
    """The name of the data; of a table of one's own, that of its file."""
    if isinstance(component, Mapping) and component.get("name") == "table":
        return re.sub(r"[^\w.-]+", "-", Path(str(component.get("table"))).stem)
    return _word(component)


def _word(component: Any) -> str:
    name = component if isinstance(component, str) else str(component["name"])
    return name.rpartition(".")[2]
