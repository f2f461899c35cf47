"""The candidates' predictions on the rows that compare them, trained round by round, in files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from g2d.arrays import read_npz, write_npz
from g2d.data.chosen import Chosen, some_modalities
from g2d.data.splits import Split
from g2d.engine.evaluate import evaluate
from g2d.files import read_json, write_json
from g2d.methods.validation import FUSED
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import training_settings
from g2d.runs.floors import predict_teachers, try_floors
from g2d.runs.loaders import evaluation_loader, to_device
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.teach import teach
from g2d.runs.train import train
from g2d.table.auto.candidates import ALONE, DISTILLED, ENSEMBLE, FLOOR, Candidate
from g2d.table.auto.rounds import Round
from g2d.tasks import Classification, Task
from g2d.teachers.bank import OnlineTeachers
from g2d.teachers.calibrated import HeldOut

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_FLOORS = "floors.json"


@dataclass(frozen=True)
class CandidatePredictions:
    """The predictions of one candidate in one round, and what they cost.

    Attributes:
        logits: On the rows that compare, `(N, C)`.
        target: Of these rows.
        seconds: Process time of what it needed, teachers included.
        own: The same without teachers that others use too.
        weights: Of the modalities where it is the ensemble, of the members where it is a blend.
        raw: Of a modality alone, its logits also where it is absent and `logits` are a guess.
        present: Which rows have the modality, bool `(N,)`.
        known: Which rows are of a class that training rows have, bool `(N,)`; `None` for all. A
            predictor may be sure that there are no others.
    """

    logits: Tensor
    target: Tensor
    seconds: float
    own: float
    weights: dict[str, float]
    raw: Tensor | None = None
    present: Tensor | None = None
    known: Tensor | None = None


class RoundFolder:
    """Trains the candidates of one round, and keeps their predictions.

    Args:
        number: Of the round.
        rows: What trains, what chooses, what compares.
        recipe: With the length of training in it.
        folder: Of all rounds.
        fabric: The devices.
    """

    def __init__(
        self, number: int, rows: Round, recipe: Recipe, folder: Path, fabric: Fabric
    ) -> None:
        self.rows, self.recipe, self.fabric = rows, recipe, fabric
        self.folder = folder / f"round-{number}"
        self.runs = self.folder / "runs"

    def has(self, candidates: Iterable[Candidate]) -> bool:
        """Whether the predictions of all of them are kept."""
        return all(self._file(candidate).exists() for candidate in candidates)

    def predictions(self, candidate: Candidate) -> CandidatePredictions:
        """Reads the predictions of a candidate."""
        kept: dict[str, Any] = read_npz(
            self._file(candidate), "delete it, and the same command with --resume makes it again"
        )
        names, weights = kept["names"].tolist(), kept["weights"].tolist()
        target = torch.from_numpy(kept["target"])
        trained = self.rows.splits.train.target
        classes = isinstance(self.rows.splits.spec.task, Classification)
        return CandidatePredictions(
            torch.from_numpy(kept["logits"]),
            target,
            float(kept["seconds"]),
            float(kept["own"]),
            dict(zip(names, weights, strict=True)),
            torch.from_numpy(kept["raw"]) if "raw" in kept else None,
            torch.from_numpy(kept["present"]) if "present" in kept else None,
            torch.isin(target, trained) if classes else None,
        )

    def teach(self, modalities: tuple[str, ...]) -> None:
        """Trains the teachers, and keeps the predictions of each alone and of their ensemble."""
        splits, began = self.rows.splits, time.process_time()
        task, settings = splits.spec.task, training_settings(self.recipe)
        teaching = resolve_teaching(replace(self.recipe, experts={}), splits)
        online = OnlineTeachers(teach(teaching, self.runs, self.fabric), task)
        weights = predict_teachers(online, splits.val, settings, self.fabric).weights()
        compared = predict_teachers(online, self.rows.compared, settings, self.fabric)
        seconds = time.process_time() - began
        teachers = [Run(teacher_folder(teaching, m, self.runs)) for m in modalities]
        taken = [float(run.result["seconds"]) for run in teachers]
        for name, part in zip(modalities, taken, strict=True):
            share = seconds * part / max(sum(taken), 1e-9)
            logits = _alone(compared, name, task, splits.train.target)
            kept = {"raw": compared.logits[name], "present": compared.present[name]}
            one = Candidate(ALONE, (name,))
            self._write(one, logits, compared.target, share, share, also=kept)
        together = Candidate(ENSEMBLE, modalities)
        self._write(together, compared.ensemble(weights), compared.target, seconds, 0.0, weights)

    @property
    def has_floors(self) -> bool:
        """Whether the predictions of predictors without a network are kept."""
        return (self.folder / _FLOORS).exists() and self.has(self._fitted_floors())

    def floors(self, without: Collection[str]) -> list[Candidate]:
        """Predictors without a network, fitted on the same rows; none where that fails.

        Args:
            without: Names of those to leave out.
        """
        if not self.has_floors:
            began = time.process_time()
            found = try_floors(replace(self.rows.splits, test=self.rows.compared), without)
            logits = {} if found is None else found.logits
            reads = {name: [] if found is None else found.reads.get(name, ()) for name in logits}
            seconds = (time.process_time() - began) / max(1, len(logits))
            for name, by_split in logits.items():
                one = Candidate(FLOOR, tuple(reads[name]), predictor=name)
                self._write(one, by_split["test"], self.rows.compared.target, seconds, seconds)
            content = {"reads": {name: list(seen) for name, seen in reads.items()}}
            write_json(self.folder / _FLOORS, content)
        return self._fitted_floors()

    def _fitted_floors(self) -> list[Candidate]:
        reads = read_json(self.folder / _FLOORS)["reads"]
        return [Candidate(FLOOR, tuple(seen), predictor=name) for name, seen in reads.items()]

    def train(self, candidate: Candidate) -> None:
        """Trains what is neither a modality alone nor the ensemble."""
        began = time.process_time()
        splits = some_modalities(self.rows.splits, candidate.modalities)
        recipe = candidate.recipe(self.recipe)
        folder = train(
            recipe,
            self.runs,
            resume=True,
            name=candidate.key,
            splits=splits,
            fabric=self.fabric,
            floors=False,
        )
        model = Run(folder, trust=True).model.to(self.fabric.device)  # trained just now
        compared: Split = self.rows.compared
        if candidate.modalities != self.rows.splits.spec.modalities:
            compared = Chosen(compared, candidate.modalities)
        batches = to_device(evaluation_loader(compared, training_settings(recipe)), self.fabric)
        evaluation = evaluate(model, batches, splits.spec.task)
        own = time.process_time() - began
        teaching = 0.0
        if candidate.kind == DISTILLED:
            alone = [Candidate(ALONE, (name,)) for name in candidate.modalities]
            teaching = sum(self.predictions(one).seconds for one in alone)
        self._write(candidate, evaluation.logits[FUSED], evaluation.target, own + teaching, own)

    def forget(self) -> None:
        """Removes the trained models, whose predictions are kept."""
        shutil.rmtree(self.runs, ignore_errors=True)

    def _file(self, candidate: Candidate) -> Path:
        return self.folder / f"{candidate.key}.npz"

    def _write(
        self,
        candidate: Candidate,
        logits: Tensor,
        target: Tensor,
        seconds: float,
        own: float,
        weights: dict[str, float] | None = None,
        also: Mapping[str, Tensor] | None = None,
    ) -> None:
        content: dict[str, Any] = {
            "logits": logits.float().numpy(),
            "target": target.numpy(),
            "seconds": seconds,
            "own": own,
            "names": np.array(list(weights or {}), dtype=str),
            "weights": np.array(list((weights or {}).values()), float),
            **{name: tensor.numpy() for name, tensor in (also or {}).items()},
        }
        write_npz(self._file(candidate), content)


def _alone(compared: HeldOut, name: str, task: Task, train: Tensor) -> Tensor:
    """A teacher's logits; in rows without its modality, the constant that is right most often."""
    guessed = task.constant(train).float()[:1].expand(len(compared.target), -1)
    return torch.where(compared.present[name][:, None], compared.logits[name], guessed)
