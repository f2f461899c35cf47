"""What a question is put to: a trained model, its teachers and the data they know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from g2d.batch import Batch
from g2d.engine.records import RunFolder
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.tasks import Task

# Where the run does not say how large its batches were.
_BATCH = 32


@dataclass(frozen=True)
class Subject:
    """A trained model as the analyses see it.

    Made from a run folder by `g2d.runs.opening.open_subject`, or by hand from a model and
    loaders of one's own.

    Attributes:
        label: What tables and figures call it, such as the method's name.
        model: In eval mode.
        task: Gives scores and confidence.
        batches: All samples of a split, `"train"`, `"val"` or `"test"`, in order and as evaluation
            sees them; a new sweep at every call.
        teachers: The unimodal teacher of every modality in eval mode; empty where there are none.
        seen: The training split as the student saw it, augmented where it was; the same as
            `batches("train")` where nothing was augmented.
        folder: The run folder, where there is one.
        teacher_folders: Those of the teachers, with the records of their training.
        changes: Where the data of the run is now, if it has moved, for who opens the run again.
        trust: The code outside g2d that the run may name, for who opens the run again.
    """

    label: str
    model: MultimodalModel
    task: Task
    batches: Callable[[str], Iterable[Batch]]
    teachers: Mapping[str, UnimodalModel] = field(default_factory=dict)
    seen: Callable[[], Iterable[Batch]] | None = None
    folder: Path | None = None
    teacher_folders: Mapping[str, Path] = field(default_factory=dict)
    changes: Sequence[tuple[str, Any]] = ()
    trust: bool | Collection[str] = False

    @property
    def batch_size(self) -> int:
        """Of its training; 32 where that is not known."""
        if self.folder is None:
            return _BATCH
        training = RunFolder(self.folder).read_json("run.json").get("training", {})
        return int(training.get("batch_size", _BATCH))

    @property
    def modalities(self) -> tuple[str, ...]:
        """In the declared order."""
        return self.model.modalities
