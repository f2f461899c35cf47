"""What a folder of runs holds of one run, as far as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.places import without_places
from g2d.benchmark.compare.record import State
from g2d.engine.records import RunFolder
from g2d.files import read_json
from g2d.methods.validation import FUSED
from g2d.tasks import Task, task_from


@dataclass(frozen=True)
class Run:
    """A run as the page sees it.

    Attributes:
        name: Of its folder, as the folder of runs calls it: `teachers/...` for a teacher.
        path: Its folder.
        state: How far it is.
        about: `run.json`; empty where the run did not begin.
        result: `result.json`; empty where it is not finished.
        epochs: The lines of `metrics.jsonl`.
        reason: Why it failed; empty where it did not.
        task: What is learned, where the model's description says so.
    """

    name: str
    path: Path
    state: State
    about: Mapping[str, Any]
    result: Mapping[str, Any]
    epochs: tuple[Mapping[str, Any], ...]
    reason: str
    task: Task | None

    @property
    def seed(self) -> int:
        """Of weights and order; -1 where nothing says it."""
        return int(self.about.get("recipe", {}).get("seed", -1))

    @property
    def metric(self) -> str:
        """What the run is judged by."""
        if self.task is not None:
            return self.task.metric
        metrics = self.result.get("test", {})
        return "accuracy" if "accuracy" in metrics or not metrics else next(iter(metrics))

    @property
    def score(self) -> float | None:
        """The metric of the fused prediction on test."""
        found = self.result.get("test", {}).get(self.metric, {}).get(FUSED)
        return None if found is None else float(found)

    @property
    def teachers(self) -> Mapping[str, str]:
        """Folders of its teachers, by modality."""
        folders: Mapping[str, str] = self.result.get("teachers", {}).get("folders", {})
        return folders

    def resolved(self) -> dict[str, Any]:
        """Everything that decides the run but its seed: the recipe, with defaults filled in."""
        recipe = {k: v for k, v in self.about.get("recipe", {}).items() if k != "seed"}
        known = {key: self.about[key] for key in ("method", "training") if key in self.about}
        if self.about.get("kind") == "teacher":
            # A teacher has no method or fusion; those of the recipe are fillers.
            recipe = {k: v for k, v in recipe.items() if k not in {"method", "fusion"}}
            known["modality"] = self.about.get("modality")
        return {**recipe, **known}

    def environments(self) -> Iterator[Mapping[str, Any]]:
        """What the run was made with, session by session."""
        sessions = self.about.get("sessions", [])
        if not sessions and "environment" in self.about:
            yield self.about["environment"]
        for session in sessions:
            yield session["environment"]


def read_run(out: Path, name: str) -> Run:
    """Reads what there is of a run; files that are not there leave it emptier."""
    folder = RunFolder(out / name)
    failure = _read(out / "failed" / f"{name}.json")
    about = _read(folder.path / "run.json")
    if not about and failure:
        about = {"recipe": failure.get("recipe", {})}
    described = _read(folder.path / "model.json").get("task")
    state: State = "finished" if folder.finished else "failed" if failure else "open"
    return Run(
        name=name,
        path=folder.path,
        state=state,
        about=about,
        result=_read(folder.path / "result.json"),
        epochs=tuple(folder.epochs()),
        reason="" if folder.finished else without_places(str(failure.get("reason", ""))),
        task=task_from(described) if described else None,
    )


def _read(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
