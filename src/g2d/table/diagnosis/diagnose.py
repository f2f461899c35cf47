"""Is a modality suppressed? From a recipe to numbers and a verdict."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.analysis.attribution import Attribution
from g2d.analysis.intervals import Interval
from g2d.analysis.scores import score_name
from g2d.data.splits import Splits
from g2d.errors import DivergedError, UserError
from g2d.files import read_json, write_json
from g2d.models.encoders.embeddings import keep_embeddings
from g2d.recipes.build import build_splits
from g2d.recipes.completing import complete
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe, digest, with_changes
from g2d.recipes.settings import training_settings
from g2d.runs.run import Run
from g2d.runs.teach import teach
from g2d.runs.train import train
from g2d.table.diagnosis.budget import Plan, fit_budget
from g2d.table.diagnosis.judging import (
    SeedFindings,
    find,
    fused_gain,
    mean_attribution,
    measure_seed,
    without_weight,
)
from g2d.table.diagnosis.rivals import Rival, lost, measured, possible, recipe_for, winner, worth
from g2d.table.diagnosis.verdict import Finding, helps, judge, needs_seeds, overall, rows_needed
from g2d.table.diagnosis.wording import headline, round_up, sentences
from g2d.table.pace import seconds_of_an_epoch
from g2d.table.rows.selecting import choose_on_train
from g2d.wording import listed

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

# Plans and results of another form are made anew.
_FORM = 2


@dataclass(frozen=True)
class Diagnosis:
    """The results of a diagnosis.

    Attributes:
        data: Name, task, metric, and how many rows train, choose the epoch, judge and test.
        plan: What was trained, and what was cut.
        findings: One a modality.
        joint: Fused score of joint training on test.
        g2d: The same of G²D.
        gain: Their difference.
        rivals: G²D and what else may help, on the same rows.
        lost: Which of them diverged, in a sentence.
        dropped: Modalities that an ensemble of the teachers gives no weight, for most seeds.
        budget_minutes: That were given.
        attribution: Shapley values of the joint model's score, the mean over seeds.
        runs: Run folders of joint training and of G²D, for the first seed.
        seconds: That this took, in this session.
    """

    data: dict[str, Any]
    plan: Plan
    findings: tuple[Finding, ...]
    joint: Interval
    g2d: Interval
    gain: Interval
    attribution: Attribution
    runs: tuple[Path, ...]
    seconds: float
    rivals: tuple[Rival, ...] = ()
    lost: str = ""
    dropped: tuple[str, ...] = ()
    budget_minutes: float = 10

    @property
    def sentences(self) -> list[str]:
        """The verdict in plain words."""
        rows = self.data["rows"]
        share = rows["judged"] / sum(rows.values())
        found = sentences(self.findings, self.gain, share, self.data["metric"])
        suppressed = [f.modality for f in self.findings if judge(f) == "suppressed"]
        found += filter(None, [worth(self.rivals, suppressed, self.data["metric"]), self.lost])
        if self.dropped:
            those = "it" if len(self.dropped) == 1 else "them"
            found.append(
                "An ensemble fitted on the rows that judge gives no weight to "
                f"{listed(self.dropped)}: try it without {those}."
            )
        if self.plan.shortened and any(judge(f) in ("noise", "unclear") for f in self.findings):
            found.append(
                f"All this is after {self.plan.epochs} epochs: the time was too short for more, "
                "and a modality that learns late may look like one without signal."
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """The content of `diagnosis.json`, without the command to run next."""
        return {
            "format": _FORM,
            "verdict": overall(self.findings),
            "headline": headline(self.findings),
            "suppressed": [f.modality for f in self.findings if judge(f) == "suppressed"],
            "words": self.sentences,
            "g2d": helps(self.gain),
            "data": self.data,
            "plan": self.plan.as_dict(),
            "modalities": {f.modality: f.as_dict() for f in self.findings},
            "fused": {
                "joint": self.joint.as_dict(),
                "g2d": self.g2d.as_dict(),
                "gain": self.gain.as_dict(),
                "methods": {rival.key: rival.as_dict() for rival in self.rivals},
            },
            "winner": best.key if (best := winner(self.rivals)) else "joint",
            "drop": list(self.dropped),
            "seconds": round(self.seconds, 1),
        }

    def next_step(self, recipe: str, again: Callable[[float], str]) -> tuple[str, str]:
        """The command to run next and why, as it is typed.

        Args:
            recipe: The recipe file, as it is typed.
            again: The command of this diagnosis, as it was typed, without the number of seeds, and
                with so many times its budget.
        """
        kind = overall(self.findings)
        if kind == "unclear":
            needed = [n for n in map(rows_needed, self.findings) if n is not None]
            if needed:
                rows = self.data["rows"]
                total = round_up(max(needed) * sum(rows.values()) / rows["judged"])
                return again(1.0), f"Ask again when there are about {total} rows."
            if any(map(needs_seeds, self.findings)):
                more = min(10, max(5, 2 * self.plan.seeds))
                command = f"{again(more / self.plan.seeds)} --seeds {more}"
                return command, "More seeds are needed to tell."
        best = winner(self.rivals)
        if best is not None:
            return (
                f"g2d train {recipe} {best.options} --out runs",
                f"{best.label[:1].upper()}{best.label[1:]} helps here.",
            )
        if kind in ("balanced", "noise"):
            return f"g2d train {recipe} --method joint --out runs", "Joint training is enough."
        minutes = f"--budget-minutes {self.budget_minutes:g}"
        return (
            f"g2d train {recipe} --method auto {minutes} --out runs",
            "No method is surely better here; compare them on more rows, and keep the simplest.",
        )


@keep_embeddings()
def diagnose(
    recipe: Recipe,
    out: Path,
    budget_minutes: float = 10,
    seeds: int | None = None,
) -> Diagnosis:
    """Trains teachers, a joint model and G²D a few times, and judges them on held-out rows.

    A seventh of the training rows chooses the epochs of all runs, so that the validation rows,
    which judge, have chosen nothing: of the epochs of a teacher without signal, the best one on
    the rows that choose would look like signal there. Test is used once, for whether G²D helps.
    Finished parts are not done again.

    Args:
        recipe: Of any method; joint training and G²D are trained in its place.
        out: Folder of runs, teachers and caches.
        budget_minutes: Time to stay within, as far as one epoch foretells.
        seeds: How often to train; as often as there is time for, 5 at most, when not given.

    Raises:
        UserError: The recipe or the data cannot be used.
    """
    started = time.monotonic()
    if not budget_minutes > 0:
        raise UserError(f"budget-minutes: got {budget_minutes:g}, expected more than 0")
    if seeds is not None and not 1 <= seeds <= 10:
        raise UserError(f"seeds: got {seeds}, expected 1 to 10")
    splits = build_splits(recipe)
    recipe = with_changes(complete(recipe, splits.spec), [("training.devices", 1)])
    recipe = replace(recipe, experts={})  # what is judged are networks
    for method in ("joint", "g2d"):
        plan_method(recipe.with_method(method), splits.spec.modalities)
    methods = possible(recipe.with_method("g2d"), splits)
    fabric = training_settings(recipe).make_fabric()
    plan = _plan(recipe, splits, out, budget_minutes, seeds, fabric)
    recipe = with_changes(recipe, [("training.epochs", plan.epochs)])
    recipe = replace(recipe, teachers={k: v for k, v in recipe.teachers.items() if k != "epochs"})
    done: list[SeedFindings] = []
    for number in range(plan.seeds):
        before = time.monotonic()
        done.append(_train_seed(recipe, splits, recipe.seed + number, methods, out, fabric))
        now = time.monotonic()
        left = 60 * budget_minutes - (now - started)
        if seeds is None and number + 1 < plan.seeds and now - before > left:
            cut = f"stopped after {number + 1} of {plan.seeds} seeds: the time budget was used up"
            plan = replace(plan, seeds=number + 1, cut=(*plan.cut, cut))
            break
    joint, g2d, gain = fused_gain(done, splits.spec.task)
    own = done[0].splits
    return Diagnosis(
        data={
            "name": splits.spec.name,
            "task": splits.spec.task.describe()["kind"],
            "metric": score_name(splits.spec.task),
            "protocol": splits.spec.protocol,
            "rows": {
                "train": len(own.train),
                "choose": len(own.val),
                "judged": len(splits.val),
                "test": len(splits.test),
            },
        },
        plan=plan,
        findings=find(done),
        joint=joint,
        g2d=g2d,
        gain=gain,
        attribution=mean_attribution(done),
        runs=(done[0].joint.path, done[0].g2d.path),
        seconds=time.monotonic() - started,
        rivals=measured(done, methods, splits.spec.task),
        lost=lost(done, methods),
        dropped=without_weight(done),
        budget_minutes=budget_minutes,
    )


def _train_seed(
    recipe: Recipe, splits: Splits, seed: int, methods: Sequence[str], out: Path, fabric: Fabric
) -> SeedFindings:
    """Trains teachers, joint training and the other methods with one seed, and measures them."""
    recipe = replace(recipe, seed=seed)
    own = choose_on_train(splits, seed)
    epochs = training_settings(recipe).epochs
    # of other data or with other options it is another run, and not in the way of this one
    which = digest([replace(recipe, seed=0).as_dict(), own.spec.fingerprint])[:8]
    runs = {}
    for key in ("joint", *methods):
        try:
            path = train(
                recipe.with_method("joint") if key == "joint" else recipe_for(key, recipe),
                out / "runs",
                resume=True,
                name=f"{own.spec.name}-{key}-seed{seed}-epochs{epochs}-{which}",
                splits=own,
                fabric=fabric,
                floors=False,
            )
        except DivergedError:
            if key in ("joint", "g2d"):
                raise
            logger.warning("%s is left out: its training diverged", key)
        else:
            runs[key] = Run(path, trust=True)
    teachers = teach(resolve_teaching(recipe, own), out / "runs", fabric)
    both = [runs.pop("joint"), runs.pop("g2d")]
    settings = training_settings(recipe)
    return replace(measure_seed(own, splits.val, both, teachers, settings, fabric), others=runs)


def _plan(
    recipe: Recipe,
    splits: Splits,
    out: Path,
    budget_minutes: float,
    seeds: int | None,
    fabric: Fabric,
) -> Plan:
    """What fits; kept in a file, so that the same question goes on where it was stopped."""
    asked = [_FORM, recipe.as_dict(), splits.spec.fingerprint, budget_minutes, seeds]
    key = digest(json.loads(json.dumps(asked)))
    if (out / "plan.json").exists():
        known = read_json(out / "plan.json")
        if known.get("asked") == key:
            return Plan(known["epochs"], known["seeds"], tuple(known["cut"]))
    epoch = seconds_of_an_epoch(recipe, choose_on_train(splits, recipe.seed), fabric)
    left = 60 * budget_minutes - epoch
    plan = fit_budget(epoch, max(left, 1.0), training_settings(recipe).epochs, seeds)
    logger.info("an epoch takes %.2f s: %s", epoch, plan)
    found = {"asked": key, "seconds_of_an_epoch": epoch, **plan.as_dict()}
    write_json(out / "plan.json", found)
    return plan
