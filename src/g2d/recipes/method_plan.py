"""A method whose options are checked, waiting for its teachers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from g2d.methods.base import Method
from g2d.methods.checks import check_compiled
from g2d.methods.schedule import Schedule
from g2d.models.multimodal import MultimodalModel
from g2d.student.attach import as_student
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank

RankBy = Literal["speed", "heldout", "train", "train_batch"]
Init = Literal["random", "teachers", "ensemble"]
Weights = Literal["equal", "fitted"]


@dataclass(frozen=True)
class MethodPlan:
    """A method whose options are checked.

    Attributes:
        label: Its name, as run folders and tables show it.
        needs_teachers: Whether it wants any.
        rank_by: What modalities are ranked by, where the method ranks them, or their order.
        options: All options, defaults filled in.
        calibrate: Whether the teachers get a temperature each, fitted on validation.
        init: What the student's weights begin as: random, the teachers', or the teachers'
            with the weights of their fitted ensemble.
        schedule: Its stages, where it has any.
        weights: Of the teachers in their ensemble, where the method is that.
    """

    label: str
    needs_teachers: bool
    rank_by: RankBy | tuple[str, ...] | None
    options: dict[str, Any]
    _parts: tuple[tuple[type[Method], dict[str, Any]], ...]
    schedule: Schedule | None
    calibrate: bool = False
    init: Init = "random"
    weights: Weights = "equal"

    @property
    def trains(self) -> bool:
        """Whether there is a student to train; the ensemble has none, nor has scikit-learn."""
        return bool(self._parts)

    @property
    def has_stages(self) -> bool:
        """Whether modalities are trained alone one after the other."""
        return self.schedule is not None and any(self.schedule.tau[:-1])

    @property
    def scales_gates(self) -> bool:
        """Whether its stages scale whole gradients, which Adam divides out again."""
        return self.options.get("suppression") == "partial"

    def check_task(self, task: Task) -> None:
        """Refuses a task that the method is not defined for.

        Raises:
            UserError: It is not.
        """
        for target, _ in self._parts:
            target.check_task(task)

    def check_compiled(self) -> None:
        """Refuses a method whose steps cannot be compiled.

        Raises:
            UserError: They cannot.
        """
        check_compiled(*(target for target, _ in self._parts))

    def make(
        self,
        model: MultimodalModel | Student,
        task: Task,
        teachers: TeacherBank | None,
        confidence: Mapping[str, float] | None,
    ) -> Method:
        """The method itself, with what it needs put into the model.

        Raises:
            UserError: The method is not defined for the model's fusion, or refuses an option.
        """
        student, method = as_student(model), None
        for target, options in self._parts:
            given: dict[str, Any] = {}
            if target.needs_teachers:
                given["teachers"] = teachers
            if target.staged:
                given["schedule"] = self.schedule
            if target.ranks:
                given["confidence"] = confidence
            first = (student, task) if method is None else (method,)
            method = cast("Callable[..., Method]", target)(*first, **given, **options)
        assert method is not None
        return method
