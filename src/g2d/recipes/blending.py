"""`method: blend`: several methods, whose predictions are added with weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from g2d.errors import UserError
from g2d.recipes.components import split_spec
from g2d.recipes.recipe import Component, Recipe
from g2d.recipes.shallow import SHALLOW

BLEND = "blend"
# A larger weight would change nothing any more.
_HEAVIEST = 1e6
_NOT_GIVEN = object()


@dataclass(frozen=True)
class Member:
    """A member of a blend.

    Attributes:
        method: By which it is trained.
        modalities: Those it sees; all where there are none.
        weight: Of its logits, 0 or more; `None` where validation fits it.
    """

    method: Component
    modalities: tuple[str, ...]
    weight: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The member as a recipe has it."""
        weight = {} if self.weight is None else {"weight": self.weight}
        return {"method": self.method, "modalities": list(self.modalities), **weight}


# G²D's student beside the fitted ensemble of its teachers.
_USUAL = (Member("g2d", ()), Member({"name": "ume", "weights": "fitted"}, ()))


def members_of(method: Component) -> list[Member]:
    """The members of a recipe's `blend`, `g2d` and `ume` if it names none; none of other methods.

    Raises:
        UserError: They are not as `Member` has them.

    Example:
        >>> one = {"method": "joint", "modalities": ["sound", "image"], "weight": 0.7}
        >>> members_of({"name": "blend", "members": [one]})[0].modalities
        ('sound', 'image')
    """
    name, options = split_spec(method, "method")
    if name != BLEND:
        return []
    for key in options:
        if key != "members":
            raise UserError(f"method.{key}: no such option; known: members")
    found = options.get("members", _NOT_GIVEN)
    if found is _NOT_GIVEN:
        return list(_USUAL)
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        raise UserError(
            f"method.members: expected a list of {{method, modalities, weight}}, got {found!r}; "
            "without it the members are g2d and ume"
        )
    members = [_member(one, f"method.members[{number}]") for number, one in enumerate(found)]
    given = [member.weight for member in members if member.weight is not None]
    if 0 < len(given) < len(members):
        raise UserError(
            "method.members: some have a weight and some have none; give every member one, or none "
            "so that validation fits them"
        )
    if given and not any(given):
        raise UserError("method.members: all weights are 0; give one a weight above 0")
    return members


def members_with_teachers(method: Component) -> list[dict[str, Any]] | None:
    """The members that make one model of a student and its teachers.

    Args:
        method: Of the student.

    Returns:
        `method.members`; `None` where they are those of a blend that names none.

    Example:
        >>> members_with_teachers("umt")
        [{'method': 'umt'}, {'method': {'name': 'ume', 'weights': 'fitted'}}]
    """
    student, teachers = _USUAL
    if method == student.method:
        return None
    return [{"method": method}, {"method": teachers.method}]


def _member(spec: Any, where: str) -> Member:
    known = {"method", "modalities", "weight"}
    if not isinstance(spec, Mapping) or set(spec) - known or "method" not in spec:
        raise UserError(f"{where}: expected method, modalities and weight, got {spec!r}")
    name, _ = split_spec(spec["method"], f"{where}.method")
    if name in (BLEND, "auto"):
        raise UserError(f"{where}.method: {name} cannot be a member; give a method that trains")
    names, weight = spec.get("modalities") or (), spec.get("weight")
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise UserError(f"{where}.modalities: expected a list of names, got {names!r}")
    if weight is None:
        return Member(spec["method"], tuple(names))
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise UserError(f"{where}.weight: expected a number, got {weight!r}")
    if not 0 <= weight <= _HEAVIEST:
        raise UserError(f"{where}.weight: expected 0 to {_HEAVIEST:g}, got {weight}")
    return Member(spec["method"], tuple(names), float(weight))


def check_members(members: Sequence[Member], modalities: Sequence[str]) -> list[Member]:
    """The members with their modalities in the declared order.

    Raises:
        UserError: One has a modality that the data does not have, or none has one of the data's.
    """
    found = []
    for number, member in enumerate(members):
        for name in member.modalities:
            if name not in modalities:
                raise UserError(
                    f"method.members[{number}].modalities: the data has no {name!r}; it has "
                    f"{', '.join(modalities)}"
                )
        own = [name for name in modalities if name in (member.modalities or modalities)]
        found.append(replace(member, modalities=tuple(own)))
    for name in modalities:
        if not any(name in member.modalities for member in found):
            raise UserError(
                f"method.members: no member has {name!r}; give it to one, or leave it out "
                "(data.modalities)"
            )
    return found


def member_recipe(recipe: Recipe, method: Component, modalities: Sequence[str]) -> Recipe:
    """The recipe of one model on some of the modalities of another's data.

    The ensemble is late fusion, whatever the recipe fuses by, and predictors of scikit-learn have
    encoders of their own; neither has experts.

    Args:
        recipe: Of all.
        method: Of the one.
        modalities: Those it sees.
    """
    name, _ = split_spec(method, "method")
    changed = replace(recipe, method=method)
    if name == "ume":
        changed = replace(changed, fusion="late", experts={})
    if name in SHALLOW:
        changed = replace(changed, encoders={}, experts={})
    return replace(
        changed,
        encoders={name: one for name, one in changed.encoders.items() if name in modalities},
        experts={name: one for name, one in changed.experts.items() if name in modalities},
    )
