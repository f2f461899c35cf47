"""The subject of an analysis: a trained model, its teachers and its data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from g2d.batch import Batch
from g2d.data.loader import make_loader
from g2d.data.splits import Split
from g2d.errors import UserError
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.recipe import flat
from g2d.recipes.settings import training_settings
from g2d.runs.loaders import EVALUATION_BATCH
from g2d.runs.places import not_finished
from g2d.runs.run import Run
from g2d.runs.trust import recipe_of
from g2d.tasks import Task

# Where no run records how large its batches were.
_BATCH = 32


@dataclass(frozen=True)
class Subject:
    """A trained model as the analyses see it, wherever it comes from.

    Of a run folder by `Subject.of`, or by hand from a model and loaders of one's own.

    Attributes:
        label: What tables and figures call it, such as the method's name.
        model: In eval mode.
        task: Gives scores and confidence.
        batches: All samples of a split, `"train"`, `"val"` or `"test"`, in order and as evaluation
            sees them; a new pass at every call.
        teachers: The unimodal teacher of every modality in eval mode; empty where there are none.
        seen: The training split as the student saw it, augmented where it was; the same as
            `batches("train")` where nothing was augmented.
        run: The run folder, where there is one.
    """

    label: str
    model: MultimodalModel
    task: Task
    batches: Callable[[str], Iterable[Batch]]
    teachers: Mapping[str, UnimodalModel] = field(default_factory=dict)
    seen: Callable[[], Iterable[Batch]] | None = None
    run: Run | None = None

    @classmethod
    def of(cls, run: Run, label: str | None = None) -> Subject:
        """A finished run, with its teachers where there are any, on the device it was trained on.

        A run that used no teachers has those that its recipe would use, if they were trained.

        Args:
            run: Its folder.
            label: What figures call it; its method when not given.

        Raises:
            UserError: The run, its data or one of its teachers is not there or not what it was, or
                names code outside g2d that is not trusted.
        """
        model, splits = run.model, run.splits.named()
        device = training_settings(run.recipe).device()
        model.to(device)
        for teacher in run.teachers.values():
            teacher.to(device)
        return cls(
            label=label or run.result["method"],
            model=model,
            task=run.splits.spec.task,
            batches=lambda name: _evaluation_batches(splits[name].without_augmentation()),
            teachers=run.teachers,
            seen=partial(_evaluation_batches, splits["train"]),
            run=run,
        )

    @property
    def teacher_folders(self) -> Mapping[str, Path]:
        """Folders with the records of the teachers' training; empty where there is no run."""
        return {} if self.run is None else self.run.teacher_folders

    @property
    def batch_size(self) -> int:
        """The batch size of its training; 32 where that is not known."""
        training = {} if self.run is None else self.run.about.get("training", {})
        return int(training.get("batch_size", _BATCH))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities, in the declared order."""
        return self.model.modalities


def subjects_of(runs: Sequence[Run]) -> tuple[Subject, ...]:
    """Several finished runs, each under a label of its own.

    Raises:
        UserError: One of them cannot be opened, or is named twice.
    """
    for run in runs:
        if not run.finished:
            raise not_finished(run.path)
        recipe_of(run.path, run.trust)
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise UserError("got the same run twice; name each once")
    return tuple(Subject.of(run, label) for run, label in zip(runs, _labels(runs), strict=True))


def _labels(runs: Sequence[Run]) -> list[str]:
    """The shortest labels that differ for all runs: method, data, recipe, folder."""
    by_method = [str(run.result["method"]) for run in runs]
    by_dataset = [f"{run.result['dataset']}, {run.result['method']}" for run in runs]
    by_name = [run.path.name for run in runs]
    by_path = [str(run.path) for run in runs]
    by_setting = _settings([run.about for run in runs])
    candidates = (by_method, by_dataset, by_setting, by_name, by_path)
    return next(labels for labels in candidates if len(set(labels)) == len(labels))


def _settings(abouts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The method of every run and the settings in which it differs from the others."""
    recipes = [flat(about.get("recipe", {})) for about in abouts]
    keys = dict.fromkeys(key for one in recipes for key in one)
    differ = [key for key in keys if len({str(one.get(key)) for one in recipes}) > 1]
    return [
        ", ".join(
            str(one[key]) if key == "method" else f"{key.rpartition('.')[2]} {one[key]}"
            for key in differ
            if key in one
        )
        for one in recipes
    ]


def _evaluation_batches(split: Split) -> Any:
    return make_loader(split, EVALUATION_BATCH, shuffle=False)
