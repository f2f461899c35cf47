"""Which numbers of a column were not measured like the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from g2d.benchmark.compare.finished import selected_on_test, version_of
from g2d.runs.run import Run

SELECTED_ON_TEST = "weights selected on the test split"


def usual(runs: Sequence[Run]) -> tuple[str, str, str]:
    """Protocol, fingerprint and version of most runs of a column.

    Where several are as frequent, one that hides no modalities goes first.
    """
    protocol = _commonest([run.protocol for run in runs])
    data = _commonest([run.fingerprint for run in runs if run.protocol == protocol])
    return protocol, data, _commonest([version_of(run) for run in runs])


def marks_of(runs: Sequence[Run], column: Sequence[Run]) -> list[str]:
    """In what a number differs from its column, and what its reader has to know in any case.

    Args:
        runs: Behind the number.
        column: Behind all numbers of the column.
    """
    protocol, data, version = usual(column)
    marks: dict[str, None] = {}
    for run in runs:
        if selected_on_test(run):
            marks[SELECTED_ON_TEST] = None
        if run.protocol != protocol:
            marks[f"another protocol: {run.protocol}, and not {protocol}"] = None
        elif run.fingerprint != data:
            short = f"{run.fingerprint[:8]}, and not {data[:8]}"
            marks[f"other data than most of the column (fingerprint {short})"] = None
        if (own := version_of(run)) != version:
            marks[f"by another g2d: {_short(own)}, and not {_short(version)}"] = None
    return list(marks)


def _commonest(values: Sequence[str]) -> str:
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], ", missing" not in value))


def _short(version: str) -> str:
    """A commit's first digits, and whether files differed from it.

    Example:
        >>> _short("0123456789abcdef0123456789abcdef01234567+changes"), _short("g2d 0.1.0")
        ('0123456+changes', 'g2d 0.1.0')
    """
    commit, plus, changes = version.partition("+")
    return f"{commit[:7]}{plus}{changes}" if len(commit) == 40 else version
