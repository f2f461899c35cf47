"""A baseline that restores or does without absent modalities, as a run of a grid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.benchmark import imputation
from g2d.benchmark.imputation import Views
from g2d.data.loader import make_loader
from g2d.data.masked import Masked
from g2d.data.splits import Split
from g2d.engine.evaluate import Evaluation
from g2d.engine.records import write_predictions
from g2d.errors import UserError
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.missing import by_pattern
from g2d.recipes.recipe import Recipe
from g2d.runs.environment import environment
from g2d.runs.places import teacher_folder
from g2d.runs.run import Run
from g2d.runs.teach import teach
from g2d.student.predict_split import predict_split

# As tables call them, and the classes in g2d.benchmark.imputation.
BASELINES = {"CRA": "CRA", "MMIN": "MMIN", "CPM-Nets": "CPMNets", "TATE": "TATE"}
BATCH = 256


def impute(recipe: Recipe, out: Path, *, name: str, baseline: Mapping[str, Any]) -> Path:
    """Fits one baseline to the features of a seed's teachers, or finds it done.

    The teachers are those that students of the same recipe have; what a baseline sees of a sample
    are the features of the modalities that it has.

    Args:
        recipe: Data, encoders, teachers and seed.
        out: Folder of runs.
        name: Of the run folder.
        baseline: `name`, one of `BASELINES`, and its options.

    Raises:
        UserError: There is no such baseline, or the data cannot be used.
    """
    label = str(baseline["name"])
    if label not in BASELINES:
        raise UserError(f"there is no baseline {label!r}; known: {', '.join(BASELINES)}")
    run = Run(out / name)
    if run.finished:
        return run.path
    teaching = resolve_teaching(recipe)
    recipe, splits = teaching.recipe, teaching.splits
    task = splits.spec.task
    kind = getattr(imputation, BASELINES[label])
    options = {key: value for key, value in baseline.items() if key != "name"}
    if kind.restores:
        # Restoring is learned from slots that are there and hidden on purpose; where training data
        # is complete, from all patterns of it.
        options["targets"] = "drop" if isinstance(splits.train, Masked) else "complete"
    method = kind(task, **options)
    run.write_json(
        "run.json",
        {
            **{"kind": "imputation", "recipe": recipe.as_dict()},
            **{"method": {"name": label, **options}, "dataset": splits.spec.name},
            **{"protocol": splits.spec.protocol, "fingerprint": splits.spec.fingerprint},
            "selects_on_test": splits.spec.selects_on_test,
            "environment": environment(),
        },
    )
    teachers = teach(teaching, out, teaching.settings.make_fabric())
    views = {split: views_of(teachers, rows) for split, rows in splits.named().items()}
    started = time.perf_counter()
    method.fit(views["train"], views["val"], seed=recipe.seed)
    seconds = time.perf_counter() - started
    measured = {}
    for split in ("val", "test"):
        logits, target = method.logits(views[split]), views[split].target
        whole = Evaluation(
            logits={"fused": logits},
            target=target,
            index=torch.arange(len(target)),
            present=views[split].present,
            metrics={k: {"fused": v} for k, v in task.metrics(logits, target).items()},
        )
        evaluation = by_pattern(whole, splits, split)
        write_predictions(run.path, split, evaluation)
        measured[split] = evaluation.record()
    outcome = {
        **{"method": label, "dataset": splits.spec.name, "options": options, "seed": recipe.seed},
        **{"protocol": splits.spec.protocol, "fingerprint": splits.spec.fingerprint},
        **{"seconds": round(seconds, 2), "best_epoch": None},
        "samples": {split: len(rows) for split, rows in splits.named().items()},
        **measured,
        "teachers": {
            "folders": {m: str(teacher_folder(teaching, m, out).relative_to(out)) for m in teachers}
        },
    }
    run.write_json("result.json", outcome)
    return run.path


def views_of(teachers: Mapping[str, UnimodalModel], split: Split) -> Views:
    """Every sample's features, zero where a modality is absent, and what is present."""

    def features_of(batch: Batch) -> dict[str, Tensor]:
        return {name: teacher.eval()(batch).features[name] for name, teacher in teachers.items()}

    found = predict_split(features_of, make_loader(split, BATCH, shuffle=False))
    masks = {name: found.mask(name) for name in teachers}
    return Views(
        features={n: torch.where(masks[n][:, None], rows, 0) for n, rows in found.values.items()},
        present=masks,
        target=split.target,
    )
