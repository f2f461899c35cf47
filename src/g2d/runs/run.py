"""A run folder: what was done, what came of it, and the model that it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.data.splits import Splits
from g2d.engine.records import read_epochs, read_predictions
from g2d.errors import UserError
from g2d.files import Record, read_json, write_json
from g2d.methods.validation import FUSED
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.missing import with_saved_masks
from g2d.recipes.recipe import Recipe, with_changes
from g2d.runs.opening import load_model, load_teacher, open_splits
from g2d.runs.places import not_finished, teacher_folder
from g2d.runs.trust import Trust, recipe_of
from g2d.tasks import Classification, Task, task_from

State = Literal["finished", "failed", "open"]


class Run:
    """The folder of one run, of a student or of a teacher.

    What the folder holds is read when it is asked for, and then kept. Records are there as far as
    the run came; they are plain values, and nothing that they name is imported. `recipe`, `model`,
    `splits` and `teachers` are of a finished run, and import what its recipe names.

    | file | what | attribute |
    |---|---|---|
    | `run.json` | resolved recipe, versions, seed, data fingerprint, protocol, sessions | `about` |
    | `metrics.jsonl` | one line an epoch | `epochs` |
    | `model.safetensors`, `model.json` | the best model on validation, what builds it | `model` |
    | `last.ckpt` | everything needed to go on | |
    | `predictions-<split>.npz` | logits of every sample | `predictions(split)` |
    | `mask-<split>.npz` | which modalities were hidden, where a recipe has `missing` | `splits` |
    | `result.json` | the final metrics; it is there when the run is finished | `result` |

    Args:
        path: The folder.
        out: The folder of runs that it names its teachers relative to; the one it lies in when not
            given.
        changes: Where the data is now, if it has moved: `("data.root", "/new/place")`.
        trust: Whether code outside g2d that the run names may be imported and run, or the dotted
            paths of it that may.

    Example:
        >>> Run("runs/nothing-here").finished
        False
    """

    def __init__(
        self,
        path: str | Path,
        *,
        out: str | Path | None = None,
        changes: Sequence[tuple[str, Any]] = (),
        trust: Trust = False,
    ) -> None:
        self.path = Path(path)
        self.out = self.path.parent if out is None else Path(out)
        self.changes, self.trust = tuple(changes), trust
        self._records: dict[str, Record] = {}
        self._epochs: list[dict[str, Any]] | None = None
        self._predictions: dict[str, dict[str, NDArray[np.generic]]] = {}

    @property
    def name(self) -> str:
        """The folder's name within the folder of runs: `teachers/...` for a teacher."""
        inside = self.path.is_relative_to(self.out)
        return (self.path.relative_to(self.out) if inside else self.path).as_posix()

    @property
    def started(self) -> bool:
        """Whether there is anything of the run."""
        return (self.path / "run.json").exists()

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "result.json").exists()

    @property
    def state(self) -> State:
        """How far it is; failed where a grid noted why, until it succeeds."""
        return "finished" if self.finished else "failed" if self._failure else "open"

    @property
    def reason(self) -> str:
        """Why it failed, as the grid that ran it noted; empty where it did not."""
        return "" if self.finished else str(self._failure.get("reason", ""))

    @property
    def about(self) -> Record:
        """`run.json`; of a run that failed before it began, the recipe that was tried."""
        if not self.started and "recipe" in self._failure:
            return Record(self.path / "run.json", {"recipe": self._failure["recipe"]})
        return self._record("run.json")

    @property
    def result(self) -> Record:
        """`result.json`; without keys where the run is not finished."""
        return self._record("result.json")

    @property
    def description(self) -> Record:
        """The content of `model.json`: modalities, shapes and task."""
        return self._record("model.json")

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, kept once the run is finished.

        Raises:
            UserError: A line is damaged.
        """
        if self._epochs is None or not self.finished:
            self._epochs = read_epochs(self.path)
        return self._epochs

    def predictions(self, split: str) -> dict[str, NDArray[np.generic]]:
        """`index`, `target`, `logits/<name>` and `present/<name>` of a split.

        Raises:
            FileNotFoundError: There are none.
            UserError: They are cut short or damaged.
        """
        if split not in self._predictions:
            self._predictions[split] = read_predictions(self.path, split)
        return self._predictions[split]

    @property
    def seed(self) -> int:
        """The seed of weights and order of samples; -1 where it is not recorded."""
        return int(self.about.get("recipe", {}).get("seed", -1))

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]:
        """On test, by metric, and then by what it is of: `"fused"` or a modality."""
        return {k: v for k, v in self.result.get("test", {}).items() if k != "patterns"}

    @property
    def task(self) -> Task | None:
        """The task, where the run records it."""
        if "task" in self.description:
            return task_from(self.description["task"])
        if "uar" in self.metrics and (self.path / "predictions-test.npz").exists():
            return Classification(self.predictions("test")[f"logits/{FUSED}"].shape[1])
        return None

    @property
    def metric(self) -> str:
        """The metric that the run is judged by."""
        if self.task is not None:
            return self.task.metric
        metrics = self.metrics
        return "accuracy" if "accuracy" in metrics or not metrics else next(iter(metrics))

    @property
    def score(self) -> float | None:
        """That metric of the fused prediction on test; `None` where it is not known."""
        found = self.metrics.get(self.metric, {}).get(FUSED)
        return None if found is None else float(found)

    @property
    def protocol(self) -> str:
        """Name of the split policy, and what is hidden."""
        return str(self.result["protocol"])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the data."""
        return str(self.about["fingerprint"])

    @property
    def own_teachers(self) -> dict[str, Run]:
        """Networks that it was trained with, by modality; empty where it was trained without."""
        places = self.result.get("teachers", {}).get("folders", {})
        return {
            name: Run(self.out / place, out=self.out, trust=self.trust)
            for name, place in places.items()
        }

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that the run was made from, with the present path of its data.

        Raises:
            UserError: It names code outside g2d that is not trusted, or something else than the
                data was changed.
        """
        recipe = recipe_of(self.path, self.trust)
        for key, _ in self.changes:
            if not key.startswith("data."):
                raise UserError(
                    f"--{key}: a finished run is evaluated as it is; only --data.* may change"
                )
        recipe = replace(recipe, data=with_changes(recipe, self.changes).data)
        return with_saved_masks(recipe, self.path, self.about.get("missing", {}).get("masks", {}))

    @cached_property
    def model(self) -> MultimodalModel:
        """The trained model, in eval mode.

        Raises:
            UserError: This is no finished run, or it names code outside g2d that is not trusted.
        """
        if not (self.finished and (self.path / "model.json").is_file()):
            raise not_finished(self.path, "a finished run folder of a multimodal model")
        return load_model(self.path, self.recipe, self.trust)

    @cached_property
    def splits(self) -> Splits:
        """The splits of the run's data.

        Raises:
            UserError: It is not what the run was trained on.
        """
        splits = open_splits(self.path.name, self.recipe, self.about)
        if splits.spec.task.unsettled and self.task is not None:  # chosen on validation
            splits = replace(splits, spec=replace(splits.spec, task=self.task))
        return splits

    @cached_property
    def teacher_folders(self) -> Mapping[str, Path]:
        """Folders of its own teachers, or else of those that its recipe would use, if trained."""
        if self.recipe.experts:  # callers of this want networks, one a modality
            return {}
        if own := self.own_teachers:
            return {name: teacher.path for name, teacher in own.items()}
        teaching = resolve_teaching(self.recipe, self.splits)
        places = {n: teacher_folder(teaching, n, self.out) for n in teaching.models.encoders}
        return places if all(Run(place).finished for place in places.values()) else {}

    @cached_property
    def teachers(self) -> Mapping[str, UnimodalModel]:
        """The models in `teacher_folders`, in eval mode.

        Raises:
            UserError: One is not there, or names code outside g2d that is not trusted.
        """
        task = self.splits.spec.task
        return {n: load_teacher(p, n, task, self.trust) for n, p in self.teacher_folders.items()}

    def begin(self, about: Mapping[str, Any]) -> None:
        """Writes `run.json`; where the run goes on, adds a session to the one that is there.

        Args:
            about: What the run is; `environment` in it is that of this session.
        """
        known = self.read_json("run.json") if self.started else dict(about)
        session = {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": about["environment"],
        }
        self.write_json("run.json", {**known, "sessions": [*known.get("sessions", []), session]})

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes a JSON file in one piece, with its checksum."""
        self._records.pop(name, None)
        write_json(self.path / name, content)

    def read_json(self, name: str) -> Record:
        """Reads a JSON file of the run, as it is now.

        Raises:
            UserError: It is not there, or damaged.
        """
        return read_json(self.path / name)

    @property
    def _failure(self) -> Mapping[str, Any]:
        note = self.out / "failed" / f"{self.name}.json"
        return read_json(note) if note.is_file() else {}

    def _record(self, name: str) -> Record:
        if name not in self._records:
            if not (self.path / name).is_file():
                return Record(self.path / name, {})
            self._records[name] = self.read_json(name)
        return self._records[name]
