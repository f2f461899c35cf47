"""Checks that the teachers given to a method belong to its student."""

from __future__ import annotations

from collections.abc import Mapping

from g2d.errors import UserError
from g2d.student.base import Student
from g2d.teachers.bank import TeacherBank


def apart(teachers: TeacherBank, student: Student) -> TeacherBank:
    """Checks that the teachers have frozen nothing of the student, and returns them.

    What was frozen before it became a teacher's, such as a backbone that both have, may be shared.

    Raises:
        UserError: They are no teachers, or share parameters that were trained.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student, task = g2d.attach(net, dict(net)), g2d.Classification(2)
        >>> teacher = g2d.UnimodalModel("sound", net["sound"], width=4, outputs=2)
        >>> apart(g2d.OnlineTeachers({"sound": teacher}, task), student)
        Traceback (most recent call last):
        g2d.errors.UserError: the student's encoder of 'sound' has 2 parameters of a teacher, ...
    """
    if not hasattr(teachers, "frozen_here"):
        raise UserError(
            f"teachers: got a {type(teachers).__name__}, expected "
            "g2d.OnlineTeachers({name: ...}, task)"
        )
    taken = {id(parameter) for parameter in teachers.frozen_here()}
    if not taken.isdisjoint(map(id, student.parameters())):
        parts = {
            f"encoder of {name!r}": [
                p for m in student.encoder_modules(name) for p in m.parameters()
            ]
            for name in student.modalities
        }
        parts["model"] = list(student.parameters())
        shared = {part: sum(id(p) in taken for p in own) for part, own in parts.items()}
        part = next(part for part, count in shared.items() if count)
        raise UserError(
            f"the student's {part} has {shared[part]} parameters of a teacher, which is frozen for "
            "good, so they would not learn; give the student its own: "
            "copy.deepcopy(teacher's encoder), before the teacher is frozen"
        )
    return teachers


def checked_confidence(
    confidence: Mapping[str, float] | None, teachers: TeacherBank
) -> dict[str, float] | None:
    """Checks that there is one number for every teacher; `None` where none are given.

    Raises:
        UserError: They are for other modalities than the teachers.
    """
    if confidence is None:
        return None
    if set(confidence) != set(teachers.modalities):
        raise UserError(
            f"confidence is given for {sorted(confidence)} and the teachers are for "
            f"{sorted(teachers.modalities)}; give one value for each"
        )
    return {name: float(confidence[name]) for name in teachers.modalities}
