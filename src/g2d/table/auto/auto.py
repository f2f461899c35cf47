"""From a recipe to a leaderboard and the run folder of the candidate that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g2d.analysis.scores import score_name
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.models.encoders.embeddings import keep_embeddings
from g2d.recipes.blueprint import build
from g2d.recipes.build import build_splits
from g2d.recipes.completing import complete
from g2d.recipes.components import split_spec
from g2d.recipes.recipe import Recipe, digest, recipe_from
from g2d.recipes.settings import training_settings
from g2d.runs.lock import alone_in
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.table.auto.budget import Budget, epochs_within
from g2d.table.auto.candidates import Candidate, on_modalities
from g2d.table.auto.leaderboard import Line, Prefer, choose
from g2d.table.auto.lengths import length_for, shortened, with_length
from g2d.table.auto.rounds import make_rounds, usual_folds
from g2d.table.auto.search import Search
from g2d.table.pace import seconds_of_an_epoch

AUTO = "auto"
LEADERBOARD = "leaderboard.json"
# What is known of an unfinished comparison, and the folder of its rounds, beside the kept run.
_STATE, _FOLDER = "auto.json", "auto"
_FORM = 4


@dataclass(frozen=True)
class AutoSettings:
    """The options of `method: auto`.

    Attributes:
        folds: In how many folds train and validation are cross-validated; 1 compares on
            validation as it is. By default 1 where validation has 1000 rows or more, or where a
            column, a group or time decides which rows validate; else 5, or 3 from 2000 rows on.
        budget_minutes: Of process time, for everything; no limit when null.
        prefer: Who is kept. `best` is the blend of all, unless the best candidate is better by more
            than two standard errors; `simplest` is the simplest within one of the best.
    """

    folds: int | None = None
    budget_minutes: float | None = None
    prefer: Prefer = "best"

    def __post_init__(self) -> None:
        if self.folds is not None and not 1 <= self.folds <= 20:
            raise UserError(f"folds must be from 1 to 20, got {self.folds}")
        if self.budget_minutes is not None and not self.budget_minutes > 0:
            raise UserError(f"budget_minutes must be above 0, got {self.budget_minutes:g}")


def is_auto(recipe: Recipe) -> bool:
    """Whether a recipe asks for the best of several methods."""
    return split_spec(recipe.method, "method")[0] == AUTO


def train_auto(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    name: str | None = None,
    data: Callable[[Recipe], Splits] = build_splits,
    began: float | None = None,
) -> Path:
    """Compares the candidates, and trains the one that is kept into a run folder.

    The run folder is that of an ordinary run by the method that is kept, with `leaderboard.json`
    beside it. An interrupted comparison resumes with the candidates that have no predictions yet.

    Args:
        recipe: Its method is `auto`, with the options of `AutoSettings`.
        out: Folder of runs.
        resume: Go on with an unfinished run; a finished one is left as it is.
        name: Of the run's folder; made of dataset and seed when not given.
        data: Opens the data of a recipe, which may have fewer modalities than this one.
        began: The process's clock from which the budget counts; now when not given.

    Returns:
        The run folder.

    Raises:
        UserError: The recipe or the data cannot be used, or the run exists.
    """
    _, options = split_spec(recipe.method, "method")
    settings: AutoSettings = build(AutoSettings, options, "method")
    devices = training_settings(recipe).devices
    if devices > 1:
        raise UserError(
            f"method: auto compares its candidates on one device, got devices {devices}; leave "
            "training.devices out, and give it to the method that auto keeps"
        )
    splits = data(recipe)
    splits.without_test()  # refuses data that is selected on test
    named = name or f"{splits.spec.name}-{AUTO}-seed{recipe.seed}"
    run = Run(out / named)
    with alone_in(run.path / _FOLDER), keep_embeddings():
        if _to_do(run, recipe, splits, resume):
            _train_into(run, recipe, splits, settings, data, began)
    return run.path


def _train_into(
    run: Run,
    recipe: Recipe,
    splits: Splits,
    settings: AutoSettings,
    data: Callable[[Recipe], Splits],
    began: float | None,
) -> None:
    state = run.read_json(_STATE)
    minutes = settings.budget_minutes
    budget = Budget(None if minutes is None else 60 * minutes, before=state["spent"])
    if began is not None:
        budget.began = began

    def remember() -> None:
        state["spent"] = round(budget.spent, 2)
        run.write_json(_STATE, state)

    length = length_for(len(splits.train), training_settings(recipe).batch_size)
    recipe = with_length(complete(recipe, splits.spec), length)
    fabric = training_settings(recipe).make_fabric()
    wanted = training_settings(recipe).epochs
    rounds = make_rounds(splits, settings.folds or usual_folds(splits), recipe.seed)
    if budget.seconds is not None:
        if "epochs" not in state:
            epoch = seconds_of_an_epoch(recipe, rounds[0].splits, fabric)
            state["epochs"] = epochs_within(budget.seconds - budget.spent, epoch, wanted)
            remember()
        recipe = shortened(recipe, state["epochs"])
    place = run.path / _FOLDER
    search = Search(recipe, splits, rounds, budget, place, fabric, remember, settings.prefer)
    lines = search.compare()
    kept = search.keep(lines)
    final = kept_recipe(recipe, kept, splits)
    if run.started:  # before an interrupt, from which weights may differ in their last digits
        final = recipe_from(dict(run.about["recipe"]))
    own = splits if final.data == recipe.data else data(final)
    train(final, run.path.parent, resume=True, name=run.path.name, splits=own, fabric=fabric)
    if training_settings(recipe).epochs < wanted:
        search.cuts.append(f"{training_settings(recipe).epochs} of {wanted} epochs at most")
    remember()
    run.write_json(LEADERBOARD, _record(run, search, lines, kept, budget))
    for folder in search.folders:
        folder.forget()


def kept_recipe(recipe: Recipe, kept: Candidate, splits: Splits) -> Recipe:
    """The recipe of an ordinary run by the candidate that is kept."""
    recipe = kept.recipe(recipe)
    if kept.modalities == splits.spec.modalities:
        return recipe
    return on_modalities(recipe, kept.modalities)


def _record(
    run: Run, search: Search, lines: list[Line], kept: Candidate, budget: Budget
) -> dict[str, Any]:
    """What `leaderboard.json` holds."""
    folds, result = len(search.done), Run(run.path).result
    task, seed = search.splits.spec.task, result["seed"]
    return {
        "format": _FORM,
        "data": search.splits.spec.name,
        "seed": seed,
        "score": score_name(task),
        "rows": sum(len(rows.compared) for rows in search.rounds[:folds]),
        "folds": folds,
        "protocol": search.splits.spec.protocol,
        "prefer": search.prefer,
        "candidates": [line.as_dict() for line in lines],
        "kept": {
            "name": kept.name,
            "line": choose(lines, search.prefer).candidate.name,
            "method": kept.method,
            "modalities": list(kept.modalities),
            "members": [
                {"name": one.name, "share": round(weight.share, 4)}
                for one, weight in zip(kept.members, kept.weights, strict=True)
            ],
        },
        "test": {
            name: values["fused"]
            for name, values in result.get("test", {}).items()
            if "fused" in values
        },
        "useless": list(search.dropped),
        "left_out": search.left_out,
        "cut": search.cuts,
        "budget_minutes": None if budget.seconds is None else budget.seconds / 60,
        "seconds": round(budget.spent, 1),
    }


def _to_do(run: Run, recipe: Recipe, splits: Splits, resume: bool) -> bool:
    """Whether there is something left to do in the folder, which is of this very recipe.

    Raises:
        UserError: It holds a run that is not to be resumed, or one of something else.
    """
    _, options = split_spec(recipe.method, "method")  # of which the budget may change
    asked = digest(
        [
            _FORM,
            {**recipe.as_dict(), "method": AUTO},
            options.get("folds"),
            options.get("prefer", "best"),
            splits.spec.fingerprint,
        ]
    )
    if not (run.path / _STATE).exists():
        if run.started:
            raise UserError(
                f"{run.path} holds a run that was not made by {AUTO}; give another --name or --out"
            )
        run.write_json(_STATE, {"asked": asked, "recipe": recipe.as_dict(), "spent": 0.0})
        return True
    done = (run.path / LEADERBOARD).exists()
    if not resume:
        what, keep = ("a finished", "show") if done else ("an unfinished", "go on with")
        raise UserError(
            f"{run.path} holds {what} run; add --resume to {keep} it; for a changed recipe give "
            "--name or another --out"
        )
    if run.read_json(_STATE)["asked"] != asked:
        raise UserError(
            f"{run.path} was made from another recipe, from other data, or by an earlier version; "
            "give another --out or --name, or repeat the first recipe"
        )
    return not done
