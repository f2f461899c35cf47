"""Campaigns: so many inputs, what became of them, and the record of it."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from campaigns.commands import about

RESULTS = Path(__file__).parent / "results"


class OverError(Exception):
    """The time that was given is over."""


class Clock:
    """How long a campaign may take.

    Args:
        minutes: No trial begins after them.
    """

    def __init__(self, minutes: float = math.inf) -> None:
        self._end = time.monotonic() + 60 * minutes

    def part(self, parts: int) -> Clock:
        """One for the first of some equal parts of what is left."""
        return Clock((self._end - time.monotonic()) / 60 / parts)

    @property
    def over(self) -> bool:
        """Whether no other trial is to begin."""
        return time.monotonic() > self._end


def examples(
    inputs: Any,
    judge: Callable[[Any], str],
    trials: int,
    number: int,
    see: Callable[[Any, str], None],
    clock: Clock,
) -> None:
    """Gives so many inputs to a judge, drawn with a seed, and shows what it says of each."""

    @seed(number)
    @settings(
        max_examples=trials,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def every(value: Any) -> None:
        if clock.over:
            raise OverError
        see(value, judge(value))

    with suppress(OverError):
        every()


def tally(
    counts: Mapping[str, Counter[str]], number: int, faults: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The record of a campaign: how many trials, with which seed, and what became of them."""
    trials = sum(map(Counter.total, counts.values()))
    return {"trials": trials, "seed": number, "counts": dict(counts), "faults": list(faults)}


def record_of(
    name: str, campaign: Callable[[int, int, Clock], dict[str, Any]], trials: int, doc: str
) -> None:
    """The command line of a campaign: it writes its record, and ends with status 1 at a fault.

    Args:
        name: Of its module and of its record.
        campaign: Takes trials, seed and clock, and returns the record, with its `faults`.
        trials: How many, when not given.
        doc: Of its module.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="for all trials")
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json")
    asked = parser.parse_args()
    command = f"python -m campaigns.{name} --trials {asked.trials} --seed {asked.seed}"
    if math.isfinite(asked.minutes):
        command += f" --minutes {asked.minutes:g}"
    record = {**about(command), **campaign(asked.trials, asked.seed, Clock(asked.minutes))}
    asked.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({**record, "faults": record["faults"][:20]}, indent=1))
    sys.exit(bool(record["faults"]))
