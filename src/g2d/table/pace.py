"""How long an epoch takes, in process time, which other programs do not lengthen."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from g2d.data.splits import Splits
from g2d.engine.loop import fit
from g2d.methods.joint import JointTraining
from g2d.models.encoders.embeddings import keep_embeddings
from g2d.recipes.build import build_student
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import training_settings
from g2d.runs.loaders import evaluation_loader, train_loader

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@keep_embeddings()
def seconds_of_an_epoch(recipe: Recipe, own: Splits, fabric: Fabric) -> float:
    """Times an epoch of joint training with validation; the second where the first is short.

    The first pays for what is set up once, which in short epochs is most of it, and so are the
    embeddings of a frozen backbone, which are kept (`g2d.models.encoders.embeddings`).

    Args:
        recipe: Complete: with an encoder for every modality.
        own: The data.
        fabric: The device.
    """
    settings = replace(training_settings(recipe), epochs=1, patience=None, loggers=())
    seconds = 0.0
    for _ in range(2):
        torch.manual_seed(recipe.seed)
        model = build_student(recipe.with_method("joint"), own.spec.modalities, own.spec.task)
        before = time.process_time()
        fit(
            JointTraining(model, own.spec.task),
            train_loader(own.train, settings, recipe.seed, fabric),
            evaluation_loader(own.val, settings, fabric),
            settings,
            fabric=fabric,
            title="how long an epoch takes",
        )
        seconds = time.process_time() - before
        frozen = any(getattr(encoder, "frozen", False) for encoder in model.encoders.values())
        if seconds > 5 and not frozen:
            break
    return seconds
