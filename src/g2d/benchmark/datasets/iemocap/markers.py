"""The motion capture of a turn: where the markers on a face are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.iemocap.windows import averaged
from g2d.data.preparation import UnusableError, readable

# Times are printed to some digits: a frame may begin a window although it seems to be just before.
_TIME_STEP = 1e-3
_HEAD = 2


def read_names(file: Path) -> tuple[str, ...]:
    """The markers that a file's first line names.

    Raises:
        UnusableError: The file is missing, or begins otherwise.
    """
    with readable(file).open(encoding="utf-8", errors="replace") as stream:
        words = stream.readline().split()
    if words[:2] != ["Frame#", "Time"] or len(words) == 2:
        raise UnusableError(f"{file.name} does not begin with Frame#, Time and names of markers")
    return tuple(words[2:])


def read_markers(
    file: Path, names: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reads the motion capture of a turn.

    Args:
        file: Two lines of names, then a line for every frame: its number, its time, and x, y and z
            of every marker, NaN where it was not seen.
        names: The markers to expect, in their order.

    Returns:
        Times in seconds, `(T,)`, and coordinates, `(T, 3 · markers)`.

    Raises:
        UnusableError: The file is missing or not laid out so.
    """
    if read_names(file) != names:
        raise UnusableError(f"{file.name} names other markers than the other turns")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()[_HEAD:]
    rows = [line for line in lines if line.strip()]
    if not rows:
        raise UnusableError(f"{file.name} has no frames")
    expected = 2 + 3 * len(names)
    try:
        table = np.loadtxt(rows, ndmin=2, comments=None)
    except ValueError:
        raise UnusableError(f"{file.name} has lines that are not {expected} numbers each") from None
    if table.shape[1] != expected:
        raise UnusableError(f"{file.name} has {table.shape[1]} numbers a line, expected {expected}")
    times = table[:, 1]
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise UnusableError(f"{file.name} has times that do not rise")
    return times, table[:, 2:]


def motion_of(file: Path, names: tuple[str, ...], steps_per_second: int) -> NDArray[np.float32]:
    """Where the markers are, averaged over equal windows from the first frame on.

    Args:
        file: As for `read_markers`.
        names: The markers to expect.
        steps_per_second: Windows in a second; the last one may be shorter.

    Returns:
        `(steps, 3 · markers)`; NaN where a marker was not seen in a window.

    Raises:
        UnusableError: The file is missing, not laid out so, or no marker was ever seen.
    """
    times, values = read_markers(file, names)
    if not np.isfinite(values).any():
        raise UnusableError(f"{file.name} has no marker that was seen")
    window = np.floor((times - times[0] + _TIME_STEP) * steps_per_second)
    count = int(window[-1]) + 1
    if count > len(times):
        seconds = times[-1] - times[0]
        raise UnusableError(f"{file.name} has {len(times)} frames of {seconds:.1f} s, too few")
    return averaged(values, window.astype(np.int64), count)
