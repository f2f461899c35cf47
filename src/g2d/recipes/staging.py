"""The schedule of a recipe: for how long each modality is trained alone, in five notations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from g2d.errors import UserError
from g2d.methods.schedule import Schedule

_SHARED = ("alone", "together", "patience")
# Of `auto`, in epochs.
_PATIENCE = 3


def schedule_from(option: Any, modalities: int, epochs: int) -> Schedule:
    """Reads the option `schedule` of a method.

    Args:
        option: Epochs of every stage in a list; `{alone: 50, together: 150}`, which fits any number
            of modalities: all but the strongest share the first, without the second, the rest,
            and with `patience: 3` a stage ends early once its modality has not improved on
            validation for so many epochs; 0 for no stages; `halves` (or `None`) for half of the
            epochs to all but the strongest; `auto` for the same with patience 3.
        modalities: How many there are.
        epochs: Of training.

    Raises:
        UserError: It is nothing of the kind, or does not fit.

    Example:
        >>> schedule_from("halves", 3, 300).tau, schedule_from({"alone": 100}, 3, 250).tau
        ((75, 75, 150), (50, 50, 150))
        >>> schedule_from("auto", 2, 20)
        Schedule(tau=(10, 10), patience=3)
    """
    if option is None or option == "halves":
        return Schedule.default(modalities, epochs)
    if option == "auto":
        return replace(Schedule.default(modalities, epochs), patience=_PATIENCE)
    if option == 0 and isinstance(option, int) and not isinstance(option, bool):  # no stages
        return Schedule((*[0] * (modalities - 1), epochs))
    try:
        if isinstance(option, Mapping):
            schedule = _shared(option, modalities, epochs)
        elif isinstance(option, list | tuple):
            schedule = Schedule(tuple(option))
        else:
            raise UserError(
                "expected a list of epochs, alone and together, halves, auto, or 0 for no stages, "
                f"got {option!r}"
            )
        schedule.check(modalities, epochs)
    except UserError as error:
        raise UserError(f"method.schedule: {error}") from None
    return schedule


def _shared(option: Mapping[str, Any], modalities: int, epochs: int) -> Schedule:
    for key, value in option.items():
        if key not in _SHARED:
            raise UserError(f"{key}: no such key; known: {', '.join(_SHARED)}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise UserError(f"{key}: expected a whole number of epochs, 0 or more, got {value!r}")
    alone = option.get("alone", 0)
    shared = Schedule.shared(modalities, alone, option.get("together", max(0, epochs - alone)))
    return replace(shared, patience=option.get("patience"))
