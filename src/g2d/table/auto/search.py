"""The comparison itself: round by round, as far as the budget reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from g2d.data.splits import Splits
from g2d.errors import DivergedError, UserError
from g2d.recipes.build import build_student
from g2d.recipes.recipe import Recipe
from g2d.table.auto.budget import Budget
from g2d.table.auto.candidates import (
    ALONE,
    BLENDED,
    BOOSTING,
    DISTILLED,
    ENSEMBLE,
    JOINT,
    SHALLOW,
    Candidate,
    blend_of,
    candidates_of,
)
from g2d.table.auto.leaderboard import Line, Prefer, choose, rank
from g2d.table.auto.round_folder import CandidatePredictions, RoundFolder
from g2d.table.auto.rounds import Round
from g2d.table.auto.stacking import blend_weights, blended, stacked, useless

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# A step of G²D beside one of joint training, the teachers' outputs read from a cache.
_DISTILLING = 1.2
# Weights of a blend are not fitted on fewer rows.
_LEAST_ROWS = 20


class Search:
    """Compares the candidates round by round, within the budget.

    Args:
        recipe: Complete, with the length of training in it.
        splits: The data.
        rounds: How its rows are used.
        budget: What there is.
        folder: For the candidates' predictions.
        fabric: The devices.
        remember: Called after every training, to note what was spent.
        prefer: Which candidate is kept: see `choose`.

    Attributes:
        left_out: Candidates that are not compared, and why, in words.
        cuts: What else was left out, in sentences.
    """

    def __init__(
        self,
        recipe: Recipe,
        splits: Splits,
        rounds: Sequence[Round],
        budget: Budget,
        folder: Path,
        fabric: Fabric,
        remember: Callable[[], None],
        prefer: Prefer = "best",
    ) -> None:
        self.splits, self.rounds, self.budget, self.remember = splits, rounds, budget, remember
        self.recipe, self.prefer = recipe, prefer
        self.folders = [
            RoundFolder(number, rows, recipe, folder, fabric) for number, rows in enumerate(rounds)
        ]
        # trees that some rows give nothing to read are a floor
        self.candidates = [
            one
            for one in candidates_of(splits.spec)
            if one.kind != BOOSTING or self._predicts_all(one)
        ]
        self.floors: list[Candidate] = []
        self.blend: Candidate | None = None
        self.done: list[RoundFolder] = []
        self.left_out: dict[str, str] = {}
        # fitting weights takes seconds, and is asked for again and again
        self._known: dict[tuple[Candidate, int], list[CandidatePredictions]] = {}
        self.cuts: list[str] = []

    def compare(self) -> list[Line]:
        """Trains what fits; the best comes first."""
        for folder in self.folders:
            if self.done and not self._room_for(folder):
                self.cuts.append(
                    f"{len(self.done)} of {len(self.folders)} folds compare: the budget was used"
                )
                break
            self._round(folder)
        self._blend()
        self._without_useless()
        self._floors()
        return self._lines()

    def _blend(self) -> None:
        """Puts all together, where the budget lets them be trained again."""
        names = self.splits.spec.modalities
        members = [
            one
            for one in self.candidates
            if (one.kind != ALONE or len(names) == 1) and not one.dropped
        ]
        rows = sum(len(folder.rows.compared) for folder in self.done)
        if len(members) < 2 or rows < _LEAST_ROWS or self._fuses_tokens():
            return
        self.blend = blend_of(names, members)
        if not self.budget.has(self._grown(self._dearest(self.blend))):
            self._leave_out(self.blend)
            self.blend = None

    def _fuses_tokens(self) -> bool:
        """Whether joint training and G²D do."""
        spec = self.splits.spec
        return (
            len(spec.modalities) > 1
            and build_student(self.recipe, spec.modalities, spec.task).fusion.needs_tokens
        )

    def _floors(self) -> None:
        """Compares predictors without a network, last: none of them is kept."""
        kept = choose(self._lines(), self.prefer).candidate
        then, cost = self._grown(self._dearest(kept)), 0.0
        for folder in self.done:
            if not folder.has_floors and not self.budget.has(cost, then):
                self.cuts.append("no floors: the budget was used")
                self.floors = []
                return
            began = self.budget.spent
            self.floors = folder.floors(without=[str(one.method) for one in self.candidates])
            cost = self.budget.spent - began
            self.remember()

    def keep(self, lines: Sequence[Line]) -> Candidate:
        """The candidate that is kept, without modalities that its ensemble gives no weight."""
        kept = choose(lines, self.prefer).candidate
        if kept.kind == BLENDED:
            predictions = self._of_members(kept.members)
            return kept.weighed(blend_weights(self.splits.spec.task, predictions))
        if kept.kind == ENSEMBLE and self.dropped:
            smaller = kept.without(self.dropped)
            return smaller if self._predicts_all(smaller) else kept
        return kept

    @cached_property
    def dropped(self) -> tuple[str, ...]:
        """Modalities that bring nothing to the ensemble."""
        if len(self.splits.spec.modalities) < 2:
            return ()
        return useless(self.splits.spec.task, self._alone())

    def _alone(self) -> list[dict[str, CandidatePredictions]]:
        names = self.splits.spec.modalities
        return [{n: done.predictions(Candidate(ALONE, (n,))) for n in names} for done in self.done]

    def _round(self, folder: RoundFolder) -> None:
        for one in [one for one in self.candidates if one.kind in SHALLOW]:
            self._train(folder, one)
        apart = [one for one in self.candidates if not one.trains]
        if not folder.has(apart):
            folder.teach(self.splits.spec.modalities)
            self.remember()
        taught = sum(folder.predictions(one).seconds for one in apart if one.kind == ALONE)
        cost = taught  # of joint training, until it is known
        students = (JOINT, DISTILLED)
        for one in [one for one in self.candidates if one.kind in students]:
            foreseen = cost * (_DISTILLING if one.kind == DISTILLED else 1.0)
            then = self._grown(foreseen + (taught if one.kind == DISTILLED else 0.0))
            if not self.done and not folder.has([one]) and not self.budget.has(foreseen, then):
                self._leave_out(one)
                continue
            if self._train(folder, one):
                cost = max(cost, folder.predictions(one).own)
        self.done.append(folder)

    def _train(self, folder: RoundFolder, one: Candidate) -> bool:
        """Trains a candidate that has no predictions yet; whether it has them then."""
        if folder.has([one]):
            return True
        try:
            folder.train(one)
        except DivergedError:
            self._leave_out(one, "diverged")
            return False
        except UserError as error:
            if one.kind not in SHALLOW:
                raise
            self._leave_out(one, str(error))
            return False
        self.remember()
        return True

    def _room_for(self, folder: RoundFolder) -> bool:
        """Whether one more round fits, and after it the training of any that may be kept."""
        if folder.has(self.candidates):
            return True
        rounds = [  # a blend trains as much
            sum(past.predictions(one).own for one in self.candidates) for past in self.done
        ]
        return self.budget.has(max(rounds), self._grown(max(rounds)))

    def _grown(self, seconds: float) -> float:
        """Seconds on all training rows of what takes these on the rows of a round."""
        return seconds * len(self.splits.train) / len(self.rounds[0].splits.train)

    def _without_useless(self) -> None:
        """Adds the best candidate, without modalities that bring the ensemble nothing."""
        if not self.dropped:
            return
        lines = self._ranked(self.candidates)
        best = next(line.candidate for line in lines if line.keepable)
        for full in dict.fromkeys([best, choose(lines, "simplest").candidate]):
            one = full.without(self.dropped)
            if full.trains and one.trains and one.modalities not in (full.modalities, ()):
                self._add(one, full)

    def _add(self, one: Candidate, full: Candidate) -> None:
        """Compares a candidate too, which costs no more than one that was trained."""
        if not self._predicts_all(one):
            return
        cost = sum(folder.predictions(full).own for folder in self.done)
        then = self._grown(self._dearest(self.blend or full))
        if not all(folder.has([one]) for folder in self.done) and not self.budget.has(cost, then):
            self._leave_out(one)
            return
        if all(self._train(folder, one) for folder in self.done):
            self.candidates.append(one)

    def _leave_out(self, one: Candidate, why: str = "did not fit into the budget") -> None:
        self.candidates = [other for other in self.candidates if other != one]
        self.left_out[one.name] = why

    def _lines(self) -> list[Line]:
        blend = [] if self.blend is None else [self.blend]
        return self._ranked([*self.candidates, *blend, *self.floors])

    def _ranked(self, compared: Sequence[Candidate]) -> list[Line]:
        predictions = {one: self._predictions(one) for one in compared}
        unkeepable = [one for one in self.candidates if not self._predicts_all(one)] + self.floors
        return rank(self.splits.spec.task, predictions, unkeepable)

    def _predictions(self, one: Candidate) -> list[CandidatePredictions]:
        """A candidate's predictions in every round, by weights that other rows have chosen."""
        asked = one, len(self.done)
        if asked not in self._known:
            task = self.splits.spec.task
            if one.kind == BLENDED:
                self._known[asked] = blended(task, self._of_members(one.members))
            else:
                found = [folder.predictions(one) for folder in self.done]
                if one.kind == ENSEMBLE:
                    found = stacked(task, self._alone(), found)
                self._known[asked] = found
        return self._known[asked]

    def _of_members(self, members: Sequence[Candidate]) -> list[dict[str, CandidatePredictions]]:
        rounds = {one.name: self._predictions(one) for one in members}
        return [{name: each[n] for name, each in rounds.items()} for n in range(len(self.done))]

    def _dearest(self, one: Candidate) -> float:
        """Seconds that a candidate took in the round where it took most."""
        return max(predictions.seconds for predictions in self._predictions(one))

    def _predicts_all(self, one: Candidate) -> bool:
        """Whether every row has one of its modalities."""
        if one.modalities == self.splits.spec.modalities:
            return True
        for split in self.splits.named().values():
            masks = [split.present.get(name) for name in one.modalities]
            there = [mask for mask in masks if mask is not None]
            if len(there) == len(masks) and not np.any(there, axis=0).all():
                return False
        return True
