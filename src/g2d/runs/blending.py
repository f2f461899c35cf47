"""The members of a blend, trained one after the other and put together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2d.data.chosen import choose
from g2d.data.splits import Splits
from g2d.models.blend import blend
from g2d.models.multimodal import MultimodalModel
from g2d.recipes.blending import BLEND, member_recipe, members_of
from g2d.recipes.experiment import Experiment
from g2d.runs.run import Run

# Within the run folder while members are trained.
_FOLDER = "members"


def train_members(
    run: Run, experiment: Experiment, train: Callable[..., Path]
) -> tuple[MultimodalModel, list[dict[str, Any]]]:
    """Trains the members, which share their teachers, and puts them together.

    Args:
        run: The blend's, within whose folder they are trained; `forget_members` removes them.
        experiment: The blend's; its members never see test.
        train: Trains a recipe into a folder of runs.

    Returns:
        The model, and for each member what builds it again, for `model.json`.
    """
    members = members_of({"name": BLEND, **experiment.plan.options})
    blind = experiment.splits.without_test()
    models, described = [], []
    for number, member in enumerate(members):
        folder = train(
            member_recipe(experiment.recipe, member.method, member.modalities),
            run.path / _FOLDER,
            resume=True,
            name=f"member-{number}",
            splits=some_modalities(blind, member.modalities),
            floors=False,
        )
        own = Run(folder, trust=True)  # trained just now
        models.append(own.model)
        kept = ("modalities", "encoders", "fusion", "brought")
        described.append({key: own.description[key] for key in kept})
    weights = [member.weight for member in members]
    return blend(blind.spec.modalities, models, weights), described


def forget_members(run: Run) -> None:
    """Removes the folders of the members, whose weights the blend has."""
    shutil.rmtree(run.path / _FOLDER, ignore_errors=True)


def some_modalities(splits: Splits, modalities: Sequence[str]) -> Splits:
    """The splits with some modalities, under their own name, so that teachers are shared."""
    if tuple(modalities) == splits.spec.modalities:
        return splits
    some = choose(replace(splits, test=splits.val), modalities)  # test is not to be looked at
    spec = replace(some.spec, name=splits.spec.name, fingerprint=splits.spec.fingerprint)
    return replace(some, spec=spec, test=splits.test)
