"""What is compared: a linear model, single modalities, their ensemble, joint training, G²D, all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, NamedTuple

from g2d.data.splits import DatasetSpec
from g2d.recipes.blending import BLEND, Member, member_recipe
from g2d.recipes.components import split_spec
from g2d.recipes.recipe import Component, Recipe, digest
from g2d.shallow.floors import slow_to_boost

# What is compared with and never kept: a predictor without a network.
FLOOR = -1
# From the simplest to the least simple, which is also the order of training.
LINEAR, ALONE, BOOSTING, ENSEMBLE, JOINT, DISTILLED, BLENDED = range(7)
# A member of a blend with a smaller share of the weights is left out.
_LEAST_SHARE = 0.01
# Predictors of scikit-learn, which take seconds.
SHALLOW = (LINEAR, BOOSTING)
_METHODS: dict[int, Component] = {
    LINEAR: "linear",
    BOOSTING: "boosting",
    ALONE: {"name": "ume", "weights": "equal"},
    ENSEMBLE: {"name": "ume", "weights": "fitted"},
    JOINT: "joint",
    DISTILLED: "g2d",
}


class Weight(NamedTuple):
    """The weight of a member of a blend.

    Attributes:
        value: By which its logits are multiplied.
        share: Its share of the sum of all members' calibrated logits.
    """

    value: float
    share: float


@dataclass(frozen=True)
class Candidate:
    """A way to train, on some of the modalities.

    Attributes:
        kind: `LINEAR`, `ALONE`, `BOOSTING`, `ENSEMBLE`, `JOINT`, `DISTILLED` or `BLENDED`; `FLOOR`
            for what is compared with.
        modalities: Those it sees.
        dropped: Those it leaves out because they bring nothing.
        predictor: Of a floor, its name.
        members: Of a blend, who they are.
        weights: Of its members.
    """

    kind: int
    modalities: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    predictor: str = ""
    members: tuple[Candidate, ...] = ()
    weights: tuple[Weight, ...] = ()

    @property
    def name(self) -> str:
        """The name on the leaderboard.

        Example:
            >>> Candidate(ALONE, ("photo",)).name, Candidate(JOINT, ("a", "b"), ("c",)).name
            ('photo alone', 'joint without c')
        """
        if self.kind == FLOOR:
            return f"{self.predictor} (floor)"
        if self.kind == ALONE:
            return f"{self.modalities[0]} alone"
        without = f" without {', '.join(self.dropped)}" if self.dropped else ""
        known = {ENSEMBLE: "ensemble", BLENDED: BLEND}
        return f"{known.get(self.kind) or split_spec(self.method, 'method')[0]}{without}"

    @property
    def key(self) -> str:
        """The name of its files, safe for any names of modalities."""
        return digest([self.kind, self.modalities, self.predictor])

    @property
    def method(self) -> Component:
        """The candidate as the `method` of a recipe."""
        if self.kind == BLENDED:
            found = zip(self.members, self.weights, strict=True)
            members = [Member(one.method, one.modalities, weight.value) for one, weight in found]
            return {"name": BLEND, "members": [member.as_dict() for member in members]}
        return _METHODS[self.kind]

    @property
    def simplicity(self) -> tuple[int, int]:
        """Smaller is simpler: what one model predicts, then fewer modalities."""
        return self.kind, len(self.modalities)

    @property
    def trains(self) -> bool:
        """Whether there is a model to train beside the teachers."""
        return self.kind not in (ALONE, ENSEMBLE)

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe of its method, on its modalities."""
        return member_recipe(recipe, self.method, self.modalities)

    def weighed(self, weights: Mapping[str, Weight]) -> Candidate:
        """A blend with weights, by its members' names, without members that have next to none.

        Example:
            >>> blend = blend_of("ab", [Candidate(LINEAR, ("a", "b")), Candidate(JOINT, ("a",))])
            >>> weights = {"linear": Weight(0.5, 0.001), "joint": Weight(0.2, 0.999)}
            >>> blend.modalities, blend.weighed(weights).modalities
            (('a', 'b'), ('a',))
        """
        kept = [one for one in self.members if weights[one.name].share >= _LEAST_SHARE]
        found = blend_of(self.modalities, kept, [weights[one.name] for one in kept])
        return replace(found, dropped=(*self.dropped, *found.dropped))

    def without(self, dropped: Sequence[str]) -> Candidate:
        """The candidate with fewer modalities; with one left, that modality alone."""
        left = tuple(name for name in self.modalities if name not in dropped)
        if len(left) == 1 and self.kind not in SHALLOW:
            return Candidate(ALONE, left)
        gone = tuple(name for name in self.modalities if name in dropped)
        return replace(self, modalities=left, dropped=(*self.dropped, *gone))


def blend_of(
    modalities: Sequence[str], members: Sequence[Candidate], weights: Sequence[Weight] = ()
) -> Candidate:
    """The blend of some candidates, on the modalities that one of them sees."""
    seen = {name for one in members for name in one.modalities}
    names = tuple(name for name in modalities if name in seen)
    gone = tuple(name for name in modalities if name not in seen)
    return Candidate(BLENDED, names, gone, members=tuple(members), weights=tuple(weights))


def candidates_of(spec: DatasetSpec) -> list[Candidate]:
    """All candidates that are compared at first, the simplest first.

    A linear model of everything, and boosted trees on the columns of numbers, are among them where
    the data defines what they read and scikit-learn is installed.
    """
    names = spec.modalities
    found = [Candidate(ALONE, (name,)) for name in names]
    if spec.short_vectors is not None and find_spec("sklearn") is not None:
        found.insert(0, Candidate(LINEAR, names))
        short = spec.short_vectors
        columns = tuple(name for name in names if short[name].get("summary") == "flat")
        if columns and not slow_to_boost(spec.task):
            found.append(Candidate(BOOSTING, columns))
    if len(names) > 1:
        found += [Candidate(kind, names) for kind in (ENSEMBLE, JOINT, DISTILLED)]
    return found


def on_modalities(recipe: Recipe, names: Sequence[str]) -> Recipe:
    """The recipe on some of its data's modalities.

    Example:
        >>> data = {"name": "table", "modalities": {"a": {"kind": "text"}, "b": {"kind": "image"}}}
        >>> short = on_modalities(Recipe(data, {"a": "auto", "b": "auto"}), ["b"])
        >>> short.data["modalities"], short.encoders
        ({'b': {'kind': 'image'}}, {'b': 'auto'})
    """
    data: dict[str, Any] = (
        {"name": recipe.data} if isinstance(recipe.data, str) else {**recipe.data}
    )
    known = data.get("modalities")
    if isinstance(known, Mapping):
        data["modalities"] = {name: spec for name, spec in known.items() if name in names}
    else:
        data["modalities"] = list(names)
    encoders = {name: encoder for name, encoder in recipe.encoders.items() if name in names}
    experts = {name: expert for name, expert in recipe.experts.items() if name in names}
    return replace(recipe, data=data, encoders=encoders, experts=experts)
