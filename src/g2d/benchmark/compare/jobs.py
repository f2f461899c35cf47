"""The work of a grid, as plain values that any process on any machine can do."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.checking import OF_MODALITIES, method_plan
from g2d.errors import UserError
from g2d.files import write_whole
from g2d.recipes.build import build_splits
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.recipe import Recipe, digest, recipe_from
from g2d.recipes.settings import teacher_settings
from g2d.recipes.whereabouts import data_identity
from g2d.runs.run import Run
from g2d.runs.same import check_same_data, check_same_method
from g2d.runs.teach import teach
from g2d.runs.train import train


@dataclass(frozen=True)
class Job:
    """A cell, or the teachers that cells share.

    Attributes:
        name: Of the run folder, or of the teachers.
        recipe: As plain values.
        out: Folder of the run folders.
        needs: The job that has to be done before, if any.
        teaches: Whether only the teachers are to be trained.
        imputation: The baseline on teachers' features that it is, if it is one.
        blind: Whether the test split is withheld.
    """

    name: str
    recipe: Mapping[str, Any]
    out: str
    needs: str | None = None
    teaches: bool = False
    imputation: Mapping[str, Any] | None = None
    blind: bool = False


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job.

    Attributes:
        name: Of the job.
        reason: Why it failed, in one line; empty where it did not.
        seconds: It took.
    """

    name: str
    reason: str = ""
    seconds: float = 0.0


def plan_jobs(cells: Sequence[Cell], out: Path, *, blind: bool = False) -> list[Job]:
    """Plans a job for every unfinished run, after one for every set of teachers they need.

    Cells of several grids that resolve to the same recipe are one run. A recipe that cannot be
    planned is a job all the same: it fails with its reason, and the others are done.

    Args:
        cells: What is to be there in the end.
        out: Folder of run folders.
        blind: Withhold the test split, where settings are still to be chosen.

    Raises:
        UserError: A finished run was made from other data than lie there now.
    """
    now: dict[str, str] = {}
    plans: dict[str, MethodPlan] = {}  # seeds share one
    teaching: dict[str, Job] = {}
    jobs: dict[str, Job] = {}
    for cell in cells:
        if cell.name in jobs:
            continue
        if (run := Run(out / cell.name)).finished:
            if fingerprint := _fingerprint(cell.recipe, now):
                check_same_data(run, fingerprint)
            if cell.imputation is None:
                key = digest({**cell.recipe.as_dict(), "seed": 0})
                plan = plans[key] = plans.get(key) or method_plan(cell.recipe)
                check_same_method(run, plan, OF_MODALITIES)
            continue
        needs = None
        if cell.imputation is not None or _needs_teachers(cell.recipe):
            needs = f"teachers-seed{cell.recipe.seed}-{_teaching(cell.recipe)}"
            shared = cell.recipe.as_dict() | {"method": "ume", "fusion": "late"}
            teaching.setdefault(needs, Job(needs, shared, str(out), teaches=True, blind=blind))
        jobs[cell.name] = Job(
            cell.name,
            cell.recipe.as_dict(),
            str(out),
            needs,
            imputation=cell.imputation,
            blind=blind,
        )
    return [*teaching.values(), *jobs.values()]


def do(job: Job) -> None:
    """Does a job, or finds it done; goes on with what a killed one left.

    Raises:
        UserError: The recipe or the data cannot be used.
    """
    recipe, out = recipe_from(job.recipe), Path(job.out)
    if job.teaches:
        splits = build_splits(recipe)
        teaching = resolve_teaching(recipe, splits.without_test() if job.blind else splits)
        teach(teaching, out, teaching.settings.make_fabric())
        return
    if job.imputation is not None:
        from g2d.benchmark.compare.impute import impute

        impute(recipe, out, name=job.name, baseline=job.imputation)
    else:
        own = build_splits(recipe).without_test() if job.blind else None
        train(recipe, out, resume=True, name=job.name, splits=own)
    # What a finished run could be resumed from is larger than all else of it.
    (out / job.name / "last.ckpt").unlink(missing_ok=True)


def attempt(job: Job) -> str:
    """Does a job; returns why it failed, in one line, or nothing where it did not.

    The reason is kept in `failed/<name>.json` until the job succeeds.
    """
    try:
        # A note written after the lock is given back could outlive another's success.
        with _alone(job):
            with _marked(job):
                reason, trace = _tried(job)
            if reason:
                write_failure(job, reason, trace)
            else:
                _note(job).unlink(missing_ok=True)
    except OSError as error:  # the folder of runs itself
        return _in_one_line(f"{type(error).__name__}: {error}")
    return reason


def has_begun(job: Job) -> bool:
    """Whether a process is doing it, or was killed while it did; else it waits in a queue."""
    return _mark(job).exists()


def forget_beginning(job: Job) -> None:
    """Before it is handed over: what a killed process left is not taken for a beginning."""
    _mark(job).unlink(missing_ok=True)


@contextmanager
def _marked(job: Job) -> Iterator[None]:
    mark = _mark(job)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _mark(job: Job) -> Path:
    return Path(job.out) / ".locks" / f"running-{job.name}"


def _tried(job: Job) -> tuple[str, str]:
    """Why a job failed, and where; nothing where it did not."""
    try:
        do(job)
    except UserError as error:
        return _in_one_line(str(error)), ""
    except Exception as error:  # whatever happens to one cell, the others go on
        return _in_one_line(f"{type(error).__name__}: {error}"), traceback.format_exc()
    return "", ""


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _note(job: Job) -> Path:
    return Path(job.out) / "failed" / f"{job.name}.json"


def _alone(job: Job) -> FileLock:
    """Two grids, or a grid and what is left of a killed one, never write one run folder at once."""
    locks = Path(job.out) / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / f"run-{job.name}")


def write_failure(job: Job, reason: str, trace: str = "") -> None:
    """Keeps why a job failed, to be shown later."""
    note = _note(job)
    note.parent.mkdir(parents=True, exist_ok=True)
    content = {"name": job.name, "reason": reason, "trace": trace, "recipe": job.recipe}
    write_whole(note, json.dumps(content, indent=2) + "\n")


def _fingerprint(recipe: Recipe, known: dict[str, str]) -> str:
    """Of the data as they are now, opened once for all that is made from them.

    Empty where they cannot be opened: what is finished stays, and runs that fail will report why.
    """
    key = digest([recipe.data, recipe.missing])
    if key not in known:
        try:
            known[key] = build_splits(recipe).spec.fingerprint
        except UserError:
            known[key] = ""
    return known[key]


def _needs_teachers(recipe: Recipe) -> bool:
    try:
        teacher_settings(recipe)
        return method_plan(recipe).needs_teachers
    except UserError:
        return False


def _teaching(recipe: Recipe) -> str:
    """A hash of what decides the teachers, which the method and the fusion do not."""
    settings, _ = teacher_settings(recipe)
    keys = ("data", "encoders", "seed", "missing")
    own = {key: value for key, value in recipe.as_dict().items() if key in keys}
    own["data"] = data_identity(recipe.data)
    return digest({**own, "training": asdict(settings)})
