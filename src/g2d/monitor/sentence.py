"""The sentence that `g2d.doctor` makes of an epoch's numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from g2d.monitor.judging import State, judge, skill
from g2d.tasks import Task
from g2d.wording import listed


def sentence(
    record: Mapping[str, float],
    modalities: Sequence[str],
    task: Task,
    guess: float,
    probed: Collection[str] = (),
) -> str:
    """Which modalities learn, and which are suppressed.

    Args:
        record: Of an epoch, without the prefix of its split.
        modalities: Their names.
        task: Whose metric it is.
        guess: The metric of a guess that knows how targets are distributed.
        probed: Modalities that were read by a linear probe.

    Example:
        >>> from g2d import Classification
        >>> record = {"fused/accuracy": 0.7, "sound/accuracy": 0.25, "sound/teacher_accuracy": 0.6}
        >>> sentence(record, ["sound"], Classification(5), guess=0.2)
        'sound is suppressed: 25 % where its teacher has 60 %.'
    """
    own = _known(record, modalities, task.metric)
    taught = _known(record, modalities, f"teacher_{task.metric}")
    skills = {name: skill(task, value, guess) for name, value in taught.items()}
    fused = skill(task, record[f"fused/{task.metric}"], guess)
    best = max(skills.values(), default=None)
    phrases = []
    for name in modalities:
        if name not in own:
            phrases.append(f"{name} is not known")
            continue
        state = judge(skill(task, own[name], guess), skills.get(name), fused, best)
        teacher = _number(task, taught[name]) if name in taught else None
        phrases.append(_about(name, state, _number(task, own[name]), teacher, _number(task, guess)))
    text = ", ".join(phrases) + "."
    if not taught:
        text += " Without teachers it is not known what each could reach."
    if probed:
        text += f" Read by linear probes: {listed(n for n in modalities if n in probed)}."
    return text


def _about(name: str, state: State, own: str, teacher: str | None, guess: str) -> str:
    if state == "suppressed":
        return f"{name} is suppressed: {own} where its teacher has {teacher}"
    if state == "behind":
        return f"{name} is behind its teacher ({own} to {teacher}), as the whole model is"
    if state == "guesses":
        return f"{name} is hardly better than guessing ({own} to {guess})"
    return f"{name} learns ({own})"


def _known(record: Mapping[str, float], names: Sequence[str], quantity: str) -> dict[str, float]:
    keys = {name: f"{name}/{quantity}" for name in names}
    return {name: record[key] for name, key in keys.items() if key in record}


def _number(task: Task, value: float) -> str:
    return f"{100 * value:.0f} %" if task.metric == "accuracy" else f"{task.metric} {value:.3g}"
