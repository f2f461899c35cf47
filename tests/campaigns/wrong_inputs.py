"""Wrong command lines, recipes, tables, media, predictions and arrays, and what becomes of them.

    PYTHONPATH=tests python -m campaigns.wrong_inputs --trials 2000

Each is given to a command in this process. It ends in one line and status 1 or 2, or does its
work; anything else is a fault: a traceback, several lines, more than 20 s of the processor, a
metric that is no number without a word, a file that is left. The last campaign's counts are in
`results/wrong_inputs.json`.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from campaigns import models
from campaigns.counting import Clock, examples, record_of, tally
from campaigns.world import World, judges


def campaign(trials: int, number: int, clock: Clock) -> dict[str, Any]:
    """So many wrong inputs or a few more, as many of each kind."""
    counts: dict[str, Counter[str]] = {}
    faults: list[dict[str, str]] = []
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        kinds = {**judges(world), **models.judges(world)}
        for place, (name, (inputs, judge)) in enumerate(kinds.items()):
            counted = counts[name] = Counter()
            begun = time.monotonic()

            def see(value: Any, fault: str, name: str = name, counted: Any = counted) -> None:
                counted["fault" if fault else world.last] += 1
                if fault:
                    faults.append({"kind": name, "input": repr(value)[:400], "fault": fault[:400]})

            part = clock.part(len(kinds) - place)
            examples(inputs, judge, -(-trials // len(kinds)), number, see, part)
            seconds[name] = round(time.monotonic() - begun, 1)
    often = Counter(fault["fault"][:80] for fault in faults)
    return {**tally(counts, number, faults), "seconds": seconds, "kinds of faults": often}


if __name__ == "__main__":
    record_of("wrong_inputs", campaign, 2000, __doc__ or "")
