"""Cells of the baselines that restore or do without missing modalities, on teachers' features."""

from __future__ import annotations

import inspect
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells import Changes, read_result

if TYPE_CHECKING:
    from g2d.data.splits import Split
    from g2d.imputation import Views
    from g2d.models.unimodal import UnimodalModel

# The label of a row and the class in g2d.imputation.
BASELINES = {"CRA": "CRA", "MMIN": "MMIN", "CPM-Nets": "CPMNets", "TATE": "TATE"}
# A third of the usual epochs for the two that would take most of the benchmark's time.
SHORTER: dict[str, dict[str, Any]] = {
    "MMIN": {"teacher_epochs": 10, "epochs": 20},
    "TATE": {"teacher_epochs": 5, "epochs": 5, "batch_size": 128},
}
BATCH = 256


def impute_cell(dataset: str, changes: Changes, label: str, out: str) -> dict[str, Any]:
    """Fits one baseline to the features of a seed's teachers, or finds it done.

    The teachers are those of all other rows; what a baseline sees of a sample are the features of
    the modalities that it has.
    """
    import torch

    from g2d import imputation
    from g2d.data.masked import Masked
    from g2d.engine.evaluate import Evaluation
    from g2d.engine.records import RunFolder
    from g2d.experiment.build import build_splits, teacher_settings
    from g2d.experiment.environment import environment
    from g2d.experiment.missing import by_pattern
    from g2d.experiment.recipe import digest, load_recipe
    from g2d.experiment.teach import teach

    torch.set_num_threads(1)
    recipe = load_recipe(dataset, list(changes))
    run = RunFolder(Path(out) / f"{label}-{digest(recipe.as_dict())}")
    if run.finished:
        return read_result(run.path)
    splits = build_splits(recipe)
    task = splits.spec.task
    run.write_json("run.json", {"recipe": recipe.as_dict(), "environment": environment()})
    teachers = teach(recipe, splits, Path(out), teacher_settings(recipe)[0].make_fabric())
    views = {name: views_of(teachers, split) for name, split in splits.named().items()}
    kind = getattr(imputation, BASELINES[label])
    options = dict(SHORTER.get(label, {}))
    if "targets" in inspect.signature(kind).parameters:
        # Restoring is learned from slots that are there and hidden on purpose; where training data
        # is complete, from all patterns of it.
        options["targets"] = "drop" if isinstance(splits.train, Masked) else "complete"
    baseline = kind(task, **options)
    started = time.perf_counter()
    baseline.fit(views["train"], views["val"], seed=recipe.seed)
    seconds = time.perf_counter() - started
    measured = {}
    for name in ("val", "test"):
        logits, target = baseline.logits(views[name]), views[name].target
        said = Evaluation(
            logits={"fused": logits},
            target=target,
            index=torch.arange(len(target)),
            present=views[name].present,
            metrics={k: {"fused": v} for k, v in task.metrics(logits, target).items()},
        )
        measured[name] = by_pattern(said, splits, name).record()
    outcome = {
        **{"method": label, "options": options, "seed": recipe.seed},
        **{"protocol": splits.spec.protocol, "fingerprint": splits.spec.fingerprint},
        **{"seconds": round(seconds, 2), "best_epoch": None},
        **measured,
    }
    run.write_json("result.json", outcome)
    return read_result(run.path)


def views_of(teachers: dict[str, UnimodalModel], split: Split) -> Views:
    """Every sample's features, zero where a modality is absent, and what is present."""
    import torch

    from g2d.data.loader import make_loader
    from g2d.imputation import Views

    features: dict[str, list[Any]] = {name: [] for name in teachers}
    present: dict[str, list[Any]] = {name: [] for name in teachers}
    with torch.no_grad():
        for batch in make_loader(split, BATCH, shuffle=False):
            for name, teacher in teachers.items():
                mask = batch.present.get(name, torch.ones(len(batch), dtype=torch.bool))
                feature = teacher.eval()(batch).features[name]
                features[name].append(torch.where(mask[:, None], feature, 0))
                present[name].append(mask)
    return Views(
        features={name: torch.cat(parts) for name, parts in features.items()},
        present={name: torch.cat(parts) for name, parts in present.items()},
        target=split.target,
    )
