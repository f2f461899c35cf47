"""When a modality has learned something, and when it is suppressed."""

from __future__ import annotations

from typing import Literal

from g2d.tasks import Task

# Skill above this carries signal: 5 % of the way from guessing to perfect, as in the ranking by
# learning speed. Nothing smaller is worth the training of an encoder.
SIGNAL = 0.05
# "No imbalance" is reported only for one that has not lost more than this of its teacher's skill.
TOLERATED = 0.25

State = Literal["learns", "suppressed", "behind", "guesses"]


def skill(task: Task, value: float, guess: float) -> float:
    """How far a metric is on the way from that of a guess (0) to the perfect one (1).

    Example:
        >>> from g2d import Classification
        >>> skill(Classification(4), 0.75, guess=0.5)
        0.5
    """
    perfect = 1.0 if task.higher_is_better else 0.0
    return (value - guess) / (perfect - guess) if perfect != guess else float("nan")


def judge(own: float, teacher: float | None, fused: float, best: float | None) -> State:
    """The state of a modality, judged by its skill inside a model.

    Args:
        own: Of its unimodal logits.
        teacher: Of its teacher.
        fused: Of the fused logits.
        best: Of the best of all teachers.

    Returns:
        `suppressed`: it lacks more than `TOLERATED` of its teacher's skill, while the model as a
        whole does not lack that of the best teacher's. `behind`: it lacks as much, and so does the
        model, which has not learned enough yet to tell. Else `learns`, or `guesses` without skill.

    Example:
        >>> judge(0.1, 0.5, fused=0.8, best=0.8), judge(0.1, 0.5, fused=0.2, best=0.8)
        ('suppressed', 'behind')
        >>> judge(0.4, 0.5, fused=0.8, best=0.8), judge(0.0, None, fused=0.8, best=None)
        ('learns', 'guesses')
    """
    if teacher is not None and best is not None and teacher > SIGNAL:
        if own < (1 - TOLERATED) * teacher:
            return "suppressed" if fused >= (1 - TOLERATED) * best else "behind"
        return "learns"
    return "learns" if own > SIGNAL else "guesses"
