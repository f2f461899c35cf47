"""`method: linear` and `boosting`: predictors of scikit-learn as a recipe of a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from g2d.data.splits import DatasetSpec
from g2d.errors import UserError
from g2d.recipes.components import split_spec
from g2d.recipes.recipe import Component, Recipe
from g2d.tasks import Regression

SHALLOW = ("linear", "boosting")
_FUSION = "g2d.models.fusion.linear.LinearFusion"


def shallow_recipe(recipe: Recipe, spec: DatasetSpec) -> Recipe:
    """The recipe on short vectors, where its method is a predictor of scikit-learn.

    Raises:
        UserError: The data does not define what such predictors read of it, they cannot read it, or
            the recipe has encoders or experts of its own.
    """
    name, _ = split_spec(recipe.method, "method")
    if name not in SHALLOW:
        return recipe
    if spec.short_vectors is None:
        raise UserError(
            f"method: {name} is for tables of your own, and {spec.name} is none; choose another"
        )
    own = [n for n in recipe.encoders if not _is_usual(recipe.encoders[n], spec, n)]
    if own or recipe.experts:
        what = f"encoders.{own[0]}" if own else "experts"
        raise UserError(f"{what}: {name} reads short vectors and has no teachers; leave it out")
    words = [n for n in spec.modalities if "words" in spec.short_vectors[n]]
    if words and name == "boosting":
        rest = ", ".join(n for n in spec.modalities if n not in words)
        way = f"give --data.modalities '[{rest}]'" if rest else "choose another method"
        raise UserError(f"method: boosting reads no words, as {', '.join(words)} has; {way}")
    encoders: dict[str, Component] = {n: dict(spec.short_vectors[n]) for n in spec.modalities}
    fusion: dict[str, Any] = {"name": _FUSION}
    if isinstance(spec.task, Regression):
        fusion["unit"] = True
    return replace(recipe, encoders=encoders, fusion=fusion, experts={})


def _is_usual(encoder: Component, spec: DatasetSpec, modality: str) -> bool:
    """Whether the user chose no encoder: it is the data's suggestion, or set by the method."""
    short = (spec.short_vectors or {}).get(modality)
    return encoder == "auto" or encoder in (spec.encoders.get(modality), short)
