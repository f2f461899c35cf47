"""Recipes that leave encoders to the data."""

from __future__ import annotations

from dataclasses import replace

from g2d.data.splits import DatasetSpec
from g2d.errors import UserError
from g2d.experiment.recipe import Recipe

AUTO = "auto"


def complete(recipe: Recipe, spec: DatasetSpec) -> Recipe:
    """The recipe with an encoder for every modality; `auto`, or none, is what the data suggests.

    Raises:
        UserError: The data suggests none, or the recipe has one for what the data has not.

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
    chosen = {name: {**given, **suggested}[name] for name in spec.modalities}
    return replace(recipe, encoders=chosen)  # type: ignore[arg-type]
