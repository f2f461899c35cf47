"""What differs between classification, multi-label classification and regression.

A task defines the loss, the confidence of a prediction in the right answer, the distance between
two predictions, and the metric. All of them compute in
float32 whatever precision the model runs in.
"""

from __future__ import annotations

from g2d.errors import UserError
from g2d.tasks.base import Task, check_is_task
from g2d.tasks.classification import Classification
from g2d.tasks.multilabel import MultiLabel
from g2d.tasks.regression import Regression

__all__ = ["Classification", "MultiLabel", "Regression", "Task", "check_is_task", "task_from"]


def task_from(description: dict[str, object]) -> Task:
    """Builds a task from what `Task.describe` returned.

    Example:
        >>> task_from(Classification(3).describe()).outputs
        3
    """
    kinds = {"classification": Classification, "multilabel": MultiLabel, "regression": Regression}
    options = dict(description)
    kind = str(options.pop("kind", None))
    if kind not in kinds:
        raise UserError(f"unknown task {kind!r}; known: {', '.join(kinds)}")
    task: Task = kinds[kind](**options)
    return task
