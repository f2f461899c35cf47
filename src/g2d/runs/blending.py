"""The members of a blend, trained one after the other and put together."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from g2d.data.chosen import some_modalities
from g2d.data.splits import Splits
from g2d.engine.records import read_predictions
from g2d.errors import UserError
from g2d.methods.validation import FUSED
from g2d.models.blend import blend
from g2d.models.multimodal import MultimodalModel
from g2d.recipes.blending import BLEND, member_recipe, members_of
from g2d.recipes.experiment import Experiment, resolve
from g2d.recipes.recipe import Recipe
from g2d.runs.places import run_name
from g2d.runs.run import Run
from g2d.runs.same import check_folder
from g2d.runs.together import blend_weights

logger = logging.getLogger(__name__)

# Within the run folder while members are trained.
_FOLDER = "members"


@dataclass(frozen=True)
class Blended:
    """A blend whose members are trained.

    Attributes:
        model: The members put together.
        described: For each member what builds it again, for `model.json`.
        record: For each member what it is, what it took and what its teachers knew, for
            `result.json`.
    """

    model: MultimodalModel
    described: list[dict[str, Any]]
    record: list[dict[str, Any]]


def train_members(run: Run, experiment: Experiment, train: Callable[..., Path]) -> Blended:
    """Trains the members, which share their teachers, and puts them together.

    Args:
        run: The blend's, within whose folder they are trained; `forget_members` removes them. A
            member whose run lies finished beside it is not trained again.
        experiment: The blend's; its members never see test.
        train: Trains a recipe into a folder of runs.
    """
    members = members_of({"name": BLEND, **experiment.plan.options})
    blind = experiment.splits.without_test()
    models, described, record, logits = [], [], [], []
    for number, member in enumerate(members):
        recipe = member_recipe(experiment.recipe, member.method, member.modalities)
        splits = some_modalities(blind, member.modalities)
        own = known = _finished(run.path.parent, recipe, splits)
        if own is None:
            place, name = run.path / _FOLDER, f"member-{number}"
            folder = train(recipe, place, resume=True, name=name, splits=splits, floors=False)
            own = Run(folder, trust=True)  # trained just now
        models.append(own.model)
        parts = ("modalities", "encoders", "fusion", "brought")
        described.append({key: own.description[key] for key in parts})
        taught = own.result.get("teachers", {}).get("confidence")
        record.append(
            {
                **member.as_dict(),
                **{key: own.result[key] for key in ("seconds", "epochs", "best_epoch")},
                **({"confidence": taught} if taught else {}),
                **({"run": known.path.name} if known is not None else {}),
            }
        )
        logits.append(torch.from_numpy(read_predictions(own.path, "val")[f"logits/{FUSED}"]))
    weights = [member.weight for member in members if member.weight is not None]
    if not weights:
        # every sample has a modality of every member, so that all rows count
        weights, shares = blend_weights(blind.spec.task, logits, blind.val.target)
        for one, weight, share in zip(record, weights, shares, strict=True):
            one |= {"weight": weight, "share": share}
    return Blended(blend(blind.spec.modalities, models, weights), described, record)


def forget_members(run: Run) -> None:
    """Removes the folders of the members, whose weights the blend has."""
    shutil.rmtree(run.path / _FOLDER, ignore_errors=True)


def _finished(out: Path, recipe: Recipe, splits: Splits) -> Run | None:
    """The run of the same recipe and data in a folder of runs, under its usual name."""
    experiment = resolve(recipe, splits)
    run = Run(out / run_name(experiment), out=out)
    if not run.finished:
        return None
    try:
        check_folder(run, experiment, resume=True)
        run.model  # noqa: B018  refused where it needs code that is not trusted
    except UserError:
        return None
    logger.info("%s is finished and becomes a member", run.path)
    return run
