"""Whether what lies in a run folder is of the same recipe and the same data."""

from __future__ import annotations

import json
from collections.abc import Sequence

from g2d.errors import UserError
from g2d.recipes.experiment import Experiment
from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.moved import current
from g2d.recipes.own_code import code_of
from g2d.recipes.recipe import Recipe
from g2d.recipes.whereabouts import wherever
from g2d.runs.run import Run
from g2d.runs.trust import named_by
from g2d.wording import listed

# What held before these options were there.
BEFORE = {
    "gamma": 0.0,
    "distill_to": "fused",
    "calibrate": False,
    "init": "random",
    "weights": "equal",
    "frozen_features": "keep",
}


def check_folder(run: Run, experiment: Experiment, resume: bool) -> None:
    """Refuses a folder that a run must not be written into.

    Raises:
        UserError: There is a run in it that is not to be resumed, or is of something else.
    """
    if not run.started:
        return
    if not resume:
        what, keep = ("a finished", "show") if run.finished else ("an unfinished", "go on with")
        raise UserError(
            f"{run.path} holds {what} run; add --resume to {keep} it; for a changed recipe give "
            "--name or another --out"
        )
    then = dict(run.about["recipe"])
    now = json.loads(json.dumps(experiment.recipe.as_dict()))
    # the fingerprint, below, shows whether they are the same data in another place
    then["data"], now["data"] = wherever(current(then.get("data"))), wherever(now["data"])
    differ = [key for key in dict.fromkeys([*now, *then]) if now.get(key) != then.get(key)]
    if differ:
        raise UserError(
            f"{run.path} was made from another recipe (not the same: {', '.join(differ)}); give "
            "another --out or --name, or repeat the first recipe"
        )
    check_same_data(run, experiment.splits.spec.fingerprint)
    check_same_method(run, experiment.plan)
    check_same_code(run, experiment.recipe)


def check_same_code(run: Run, recipe: Recipe) -> None:
    """Refuses a run of classes of one's own whose code has changed since.

    Raises:
        UserError: One says something else than it did.
    """
    then, now = run.about.get("code", {}), code_of(named_by([recipe]))
    changed = [path for path, code in now.items() if then.get(path, code) != code]
    if changed:
        raise UserError(
            f"{run.path} was trained with other code of {listed(changed)}; give another --out or "
            "--name, or put the first code back"
        )


def check_same_data(run: Run, fingerprint: str) -> None:
    """Refuses a run folder that was made from data which are not those of today.

    Raises:
        UserError: The fingerprint is another.
    """
    known = run.about["fingerprint"]
    if known != fingerprint:
        raise UserError(
            f"{run.path} was made from other data (fingerprint {known[:12]}, now "
            f"{fingerprint[:12]}); give another --out, or put the first data back"
        )


def check_same_method(run: Run, plan: MethodPlan, unknown: Sequence[str] = ()) -> None:
    """Refuses a run of a method whose defaults have changed since.

    An option that the run does not have is taken from `BEFORE`, or is not compared.

    Args:
        run: Its folder.
        plan: The method as it is today.
        unknown: Options of the plan that are not known before the data is open.

    Raises:
        UserError: An option that the recipe leaves to the default was another.
    """
    then = {**BEFORE, **run.about["method"]}
    now = json.loads(json.dumps(plan.options))
    differ = [key for key in now if key in then and key not in unknown and now[key] != then[key]]
    if differ:
        was = ", ".join(f"{key} {then[key]}" for key in differ)
        raise UserError(
            f"{run.path} was trained with other defaults of {plan.label} ({was}); write "
            "all of them in the recipe, or give another --out"
        )
