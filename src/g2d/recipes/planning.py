"""A recipe's method, its options checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from g2d.errors import UserError
from g2d.methods.base import Method
from g2d.methods.schedule import Schedule
from g2d.methods.smp import SequentialPrioritization, can_prioritize
from g2d.models.fusion import LateFusion
from g2d.recipes.blending import BLEND, Member, check_members, member_recipe, members_of
from g2d.recipes.catalog import FUSIONS, METHODS
from g2d.recipes.components import locate, split_spec
from g2d.recipes.method_options import share_options, take_of_teachers, with_preset
from g2d.recipes.method_plan import MethodPlan, RankBy, Weights
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import training_settings
from g2d.recipes.shallow import SHALLOW
from g2d.recipes.staging import schedule_from

# Options of stages, which imply that there are stages.
_OF_STAGES = {"rank_by", "suppression", "scope"}


def plan_method(
    recipe: Recipe, modalities: tuple[str, ...], epochs: int | None = None
) -> MethodPlan:
    """Checks a recipe's method before anything is trained.

    A method is a name from the catalog or a dotted path; `+smp` puts sequential modality
    prioritization around it. Beside the options in its signature, a method that ranks
    modalities takes `rank_by` (`speed`, `heldout`, `train`, `train_batch`, or the modalities
    themselves in the order in which they are to learn) and `schedule` (see `staging`), one that
    has teachers takes `calibrate` and `init`, and any method that has presets takes `preset`.

    Args:
        recipe: Whose method it is.
        modalities: Of the data.
        epochs: Of training; read off the recipe when not given.

    Raises:
        UserError: An option is unknown, of the wrong type, or does not fit.
    """
    label, options = split_spec(recipe.method, "method")
    if label == "auto":
        raise UserError(
            "method: auto compares several methods, and only g2d train does so; give one, such as "
            "--method g2d"
        )
    if label == BLEND:
        return _plan_blend(recipe, modalities)
    if label in SHALLOW:
        return _plan_shallow(label, options)
    if label == "ume":
        return _plan_ensemble(recipe, options)
    if len(modalities) < 2:
        raise UserError(f"got modalities: {modalities[0]}; expected 2 or more, or --method ume")
    return _plan_student(recipe, label, options, modalities, epochs)


def _plan_student(
    recipe: Recipe,
    label: str,
    options: Mapping[str, Any],
    modalities: tuple[str, ...],
    epochs: int | None,
) -> MethodPlan:
    """A method that trains a student: its class, and the wrapper around it if there is one."""
    targets = method_classes(label)
    base = label.partition("+")[0]
    usual = METHODS[base].options if base in METHODS else {}
    rest = with_preset(targets, {**usual, **options})
    ranks = any(target.ranks for target in targets)
    schedule = _schedule(recipe, rest, targets, modalities, epochs)
    rank_by = _rank_by(rest, modalities, targets) if ranks else None
    needs = any(target.needs_teachers for target in targets)
    taught = take_of_teachers(rest) if needs else {}
    parts = share_options(targets, rest)
    resolved: dict[str, Any] = {}
    for _, checked in parts:  # an option that two parts have is the method's, not the wrapper's
        resolved = {**checked, **resolved}
    if rank_by is not None:
        resolved["rank_by"] = list(rank_by) if isinstance(rank_by, tuple) else rank_by
    if schedule is not None:
        resolved["schedule"] = list(schedule.tau)
        if schedule.patience is not None:
            resolved["patience"] = schedule.patience
    resolved |= taught
    if len(targets) > 1 or ranks:
        _check_scope(recipe, resolved)
    return MethodPlan(label, needs, rank_by, resolved, tuple(parts), schedule, **taught)


def check_method(label: str) -> None:
    """Refuses a method that there is not, before any data is read.

    Raises:
        UserError: There is no such method or wrapper, or they do not go together.
    """
    if label not in {"auto", "ume", BLEND, *SHALLOW}:
        method_classes(label)


def method_classes(label: str) -> list[type[Method]]:
    """The method's class, and after it that of `+smp`.

    Raises:
        UserError: There is no such method or wrapper, or they do not go together.
    """
    base, plus, wrapper = label.partition("+")
    if plus and wrapper != "smp":
        raise UserError(f"method: {wrapper!r} is no wrapper; the one there is: {base}+smp")
    known = {name: entry.path for name, entry in METHODS.items()}
    found = locate(base, known, "method", others=("auto", BLEND, *SHALLOW))
    if not (isinstance(found, type) and issubclass(found, Method)):
        what = "nothing to prioritize in" if base == "ume" else "no method"
        raise UserError(f"method: there is {what} {base!r}; expected a subclass of g2d.Method")
    if not plus:
        return [found]
    if found.staged:
        raise UserError(f"method: {base!r} prioritizes by itself; give {base!r}, without +smp")
    if not can_prioritize(found):
        raise UserError(
            f"method: {base!r} takes steps of its own, or orders the modalities by itself; use it "
            "without +smp"
        )
    return [found, SequentialPrioritization]


def _schedule(
    recipe: Recipe,
    options: dict[str, Any],
    targets: Sequence[type[Method]],
    modalities: Sequence[str],
    epochs: int | None,
) -> Schedule | None:
    """Takes the schedule of a method with stages out of the options."""
    if not any(target.staged for target in targets):
        return None
    epochs = training_settings(recipe).epochs if epochs is None else epochs
    usual = "halves" if set(options) & _OF_STAGES else _last(targets).usual_schedule
    schedule = schedule_from(options.pop("schedule", usual), len(modalities), epochs)
    return schedule.one_longer() if options.get("suppression") == "released" else schedule


def _last(targets: Sequence[type[Method]]) -> type[SequentialPrioritization]:
    """The one that has the stages."""
    (staged,) = (target for target in targets if issubclass(target, SequentialPrioritization))
    return staged


def _plan_blend(recipe: Recipe, modalities: tuple[str, ...]) -> MethodPlan:
    members = check_members(members_of(recipe.method), modalities)
    shared = _share_teachers(recipe, members, modalities)
    options = {"members": [member.as_dict() for member in members]}
    return MethodPlan(BLEND, shared, None, options, (), None)


def _plan_shallow(label: str, options: Mapping[str, Any]) -> MethodPlan:
    for name in options:
        raise UserError(f"method.{name}: {label} has no options")
    return MethodPlan(label, False, None, {}, (), None)


def _plan_ensemble(recipe: Recipe, options: Mapping[str, Any]) -> MethodPlan:
    """The ensemble of teachers is late fusion, and the one choice is how they are weighed."""
    for name in options:
        if name != "weights":
            raise UserError(f"method.{name}: no such option; known: weights")
    weights = options.get("weights", "equal")
    if weights not in get_args(Weights):
        raise UserError(f"method.weights: expected equal or fitted, got {weights!r}")
    name, _ = split_spec(recipe.fusion, "fusion")
    if locate(name, FUSIONS, "fusion") is not LateFusion:
        raise UserError(
            f"fusion: ume averages the teachers, which is late fusion, got {name!r}; "
            "use --fusion late"
        )
    return MethodPlan("ume", True, None, {"weights": weights}, (), None, weights=weights)


def _rank_by(
    options: dict[str, Any], names: tuple[str, ...], targets: Sequence[type[Method]]
) -> RankBy | tuple[str, ...]:
    partial = options.get("suppression") == "partial"
    usual = targets[-1].ranked_by
    rank_by = options.pop("rank_by", "heldout" if partial else usual)
    if partial and (rank_by == "speed" or isinstance(rank_by, list | tuple)):
        raise UserError(
            "method.rank_by: partial suppression is a ratio of the teachers' confidences; use "
            f"heldout, train or train_batch, got {rank_by!r}"
        )
    if isinstance(rank_by, list | tuple) and sorted(map(str, rank_by)) == sorted(names):
        return tuple(rank_by)
    if rank_by not in get_args(RankBy):
        raise UserError(
            f"method.rank_by: expected {', '.join(get_args(RankBy))}, or {list(names)} in some "
            f"order, got {rank_by!r}"
        )
    return cast(RankBy, rank_by)


def _check_scope(recipe: Recipe, options: Mapping[str, Any]) -> None:
    """Checks before training that the scope `branch` has a fusion with a head a modality."""
    name, _ = split_spec(recipe.fusion, "fusion")
    has_heads = getattr(locate(name, FUSIONS, "fusion"), "has_own_heads", False)
    if options.get("scope") == "branch" and not has_heads:
        raise UserError(
            f"method.scope: the fusion {name!r} has no head for each modality, so a branch cannot "
            "be frozen; use --method.scope encoder, or late or sum fusion"
        )


def _share_teachers(recipe: Recipe, members: Sequence[Member], modalities: Sequence[str]) -> bool:
    """Whether a blend has members with teachers, and they are those of the whole recipe.

    A teacher begins by the place of its modality among those of its data, so that members of fewer
    modalities have others; and so have those beside experts.
    """
    if recipe.experts or any(one.modalities != tuple(modalities) for one in members):
        return False
    recipes = [member_recipe(recipe, one.method, one.modalities) for one in members]
    try:
        return any(plan_method(one, tuple(modalities)).needs_teachers for one in recipes)
    except UserError:
        return False  # reported where the members are checked, with the member's number
