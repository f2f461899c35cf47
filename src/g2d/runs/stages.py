"""The stages of a run, once its teachers are known: which are left out, which are too short."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

from g2d.functional.scores import rank
from g2d.recipes.method_plan import MethodPlan

logger = logging.getLogger(__name__)

# Optimizer steps in which a modality that learns alone gets anywhere.
_SHORT = 100


def fit_stages(
    plan: MethodPlan,
    ranking: Mapping[str, float] | None,
    at_chance: Collection[str],
    steps: int,
) -> MethodPlan:
    """A plan without the stages of modalities whose teachers are at chance.

    Only a schedule that adapts (one with patience) is changed; for a fixed one there is a warning.

    Args:
        plan: The method.
        ranking: Scores of the modalities, the lowest is trained first; `None` where every batch is
            ranked anew.
        at_chance: The modalities whose teachers know nothing of the target.
        steps: Optimizer steps an epoch.
    """
    schedule = plan.schedule
    if schedule is None or not plan.has_stages:
        return plan
    if ranking is not None:
        prioritized = rank(ranking)[:-1]
        idle = {
            stage: name
            for stage, name in enumerate(prioritized)
            if name in at_chance and schedule.tau[stage]
        }
        names = ", ".join(idle.values())
        if idle and schedule.patience is not None:
            schedule = schedule.without(idle)
            logger.warning(
                "on held-out data the teacher of %s is at chance, so there is no stage in which it "
                "learns alone; the schedule is %s",
                names,
                list(schedule.tau),
            )
        elif idle:
            logger.warning(
                "on held-out data the teacher of %s is at chance, and the schedule %s gives it a "
                "stage of its own; --method.schedule auto leaves such stages out",
                names,
                list(schedule.tau),
            )
    shortest = min((length for length in schedule.tau[:-1] if length), default=None)
    if shortest is not None and shortest * steps < _SHORT:
        logger.warning(
            "the shortest stage has %d steps (epochs: %d), too few for a modality to learn alone; "
            "give more training.epochs, or --method.schedule 0 for no stages",
            shortest * steps,
            shortest,
        )
    return replace(plan, schedule=schedule)
