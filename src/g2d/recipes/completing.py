"""Recipes that leave encoders to the data."""

from __future__ import annotations

from dataclasses import replace

from g2d.data.splits import DatasetSpec
from g2d.errors import UserError
from g2d.recipes.components import split_spec
from g2d.recipes.kinds import encoder_class
from g2d.recipes.recipe import Component, Recipe

AUTO = "auto"


def complete(recipe: Recipe, spec: DatasetSpec) -> Recipe:
    """The recipe with an encoder for every modality; `auto`, or none, is what the data suggests.

    An encoder that names a published model (`model`) is given the configuration which builds it
    without the model's files (`config`), so that recipe and weights are enough.

    Raises:
        UserError: The data suggests none, the recipe has one for what the data has not, or names a
            model that is not on this machine.

    Example:
        >>> from g2d.tasks import Classification
        >>> spec = DatasetSpec(
        ...     "pets",
        ...     Classification(2),
        ...     {"a": (4,), "b": (8,)},
        ...     "",
        ...     "",
        ...     encoders={"a": {"name": "mlp", "inputs": 4}, "b": {"name": "mlp", "inputs": 8}},
        ... )
        >>> complete(Recipe("pets.Data", {"a": "auto"}), spec).encoders["b"]
        {'name': 'mlp', 'inputs': 8}
    """
    unknown = [name for name in recipe.encoders if name not in spec.modalities]
    given = {name: encoder for name, encoder in recipe.encoders.items() if encoder != AUTO}
    open_ = [name for name in spec.modalities if name not in given]
    without = [name for name in open_ if name not in spec.encoders]
    if unknown or without:
        raise UserError(
            f"encoders: given for {list(recipe.encoders)}, and the data has "
            f"{list(spec.modalities)}; give one for each"
        )
    suggested = {name: spec.encoders[name] for name in open_}
    chosen: dict[str, Component] = {**given, **suggested}  # type: ignore[dict-item]
    described = {name: _described(chosen[name], f"encoders.{name}") for name in spec.modalities}
    return replace(recipe, encoders=described)


def _described(component: Component, where: str) -> Component:
    """With the configuration of the published model that it names, where it names one."""
    name, options = split_spec(component, where)
    if not isinstance(options.get("model"), str) or "config" in options:
        return component
    configuration = getattr(encoder_class(name, where), "configuration", None)
    if configuration is None:
        return component
    try:
        return {"name": name, **options, "config": configuration(options["model"])}
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
