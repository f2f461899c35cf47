"""Settings of a grid that others of the same grid undo: they say what no run has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from g2d.errors import UserError

Change = tuple[str, Any]

# Of these the first one holds, where several are given.
_FIRST = ("recipe", "modalities", "impute")


def is_below(key: str, other: str) -> bool:
    """Whether a dotted key is part of what another one names.

    Example:
        >>> is_below("method.alpha", "method"), is_below("method", "method")
        (True, False)
    """
    return key.startswith(f"{other}.")


def untrue(changes: Sequence[Sequence[Change]], key: str) -> bool:
    """Whether entries of an axis say what a key is to be, so that their labels stand for it.

    An option within a component does where entries of the same component have it differently: a
    preset that all of them have is no part of a label.

    Args:
        changes: Of every entry.
        key: Dotted, to be set in all cells.

    Example:
        >>> axis = [
        ...     [("method", {"name": "g2d", "alpha": 1, "preset": "printed"})],
        ...     [("method", {"name": "g2d", "alpha": 5, "preset": "printed"})],
        ... ]
        >>> untrue(axis, "method"), untrue(axis, "method.alpha"), untrue(axis, "method.preset")
        (True, True, False)
    """
    within: dict[tuple[str, str], list[Any]] = {}
    for entry in changes:
        for name, value in entry:
            if name == key or is_below(name, key):
                return True
            if is_below(key, name):
                own = value if isinstance(value, Mapping) else {"name": value}
                found = _inside(own, key.removeprefix(f"{name}.").split("."))
                within.setdefault((name, str(own.get("name"))), []).append(found)
    return any(value != values[0] for values in within.values() for value in values)


def _inside(value: Any, path: Sequence[str]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def check_undone(
    grid: str,
    common: Sequence[Change],
    axes: Mapping[str, Mapping[str, Sequence[Change]]],
    defaults: str,
) -> None:
    """Refuses a setting whose place another one takes, where labels say that it holds.

    A component that is set anew (`method: g2d`) has none of the options that were set before it.

    Args:
        grid: Its name.
        common: Changes of all cells.
        axes: Changes by label, by axis, in the order in which they are made.
        defaults: The axis whose settings may be set again by others, its labels say nothing of it.

    Raises:
        UserError: A later change undoes an earlier one.
    """
    _check_order(f"grid {grid}: common", common)
    for axis, entries in axes.items():
        for label, changes in entries.items():
            _check_order(f"grid {grid}: axes.{axis}.{label}", changes)
    for axis, entries in axes.items():
        for key, _ in common:
            last = [_whole(changes, key) for changes in entries.values()]
            if all(last):
                raise UserError(
                    f"grid {grid}: common.{key} has no effect, as the axis {axis!r} sets "
                    f"{last[0]} after it; write {key} into the entries of that axis, after "
                    f"{last[0]}"
                )
    names = list(axes)
    for position, axis in enumerate(names):
        for other in names[position + 1 :]:
            for label, changes in axes[axis].items():
                where = f"grid {grid}: axes.{axis}.{label}"
                for key, _ in changes:
                    _check_anew(where, key, axis, other, axes[other])
                    if key in _FIRST or axis != defaults:
                        _check_again(where, key, other, axes[other])


def _check_order(where: str, changes: Sequence[Change]) -> None:
    keys = [key for key, _ in changes]
    for position, key in enumerate(keys):
        if whole := _whole(changes[position + 1 :], key):
            raise UserError(f"{where}: {key} has no effect before {whole}; write {whole} first")


def _check_anew(
    where: str, key: str, axis: str, other: str, later: Mapping[str, Sequence[Change]]
) -> None:
    """A setting against components that entries of a later axis set anew."""
    for label, changes in later.items():
        if whole := _whole(changes, key):
            raise UserError(
                f"{where}: {key} has no effect, as {whole} of {other} {label!r} is set after it; "
                f"write the axis {other!r} before {axis!r}"
            )


def _check_again(where: str, key: str, other: str, later: Mapping[str, Sequence[Change]]) -> None:
    """A setting against the same key in the entries of a later axis."""
    again = [any(name == key for name, _ in changes) for changes in later.values()]
    if all(again) or (key in _FIRST and any(again)):
        raise UserError(
            f"{where}: {key} is set by the axis {other!r} as well, and one of them has no effect; "
            "leave one out"
        )


def _whole(changes: Sequence[Change], key: str) -> str:
    """The key that is set anew with all that is below it, `key` among it; else nothing."""
    return next((name for name, _ in changes if is_below(key, name)), "")
