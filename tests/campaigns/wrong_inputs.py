"""Wrong command lines, recipes and tables, and what becomes of them.

    PYTHONPATH=tests python -m campaigns.wrong_inputs --trials 2000

Each is given to a command in this process. It ends in one line and status 1 or 2, or does its work;
anything else is a fault: a traceback, several lines, more than a minute, a metric that is no number
without a word, a temporary file that is left. Counts of the last campaign: `results/wrong_inputs.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from campaigns.commands import about
from campaigns.world import World, judges

HERE = Path(__file__).parent


def examples(
    inputs: Any, judge: Callable[[Any], str], trials: int, number: int, see: Callable[..., None]
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
        see(value, judge(value))

    every()


def campaign(trials: int, number: int) -> dict[str, Any]:
    """So many wrong inputs, a third of each kind."""
    counts: dict[str, Counter[str]] = {}
    faults: list[dict[str, str]] = []
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for name, (inputs, judge) in judges(world).items():
            counted = counts[name] = Counter()
            begun = time.monotonic()

            def see(value: Any, fault: str, name: str = name, counted: Any = counted) -> None:
                counted["fault" if fault else world.last] += 1
                if fault:
                    faults.append({"kind": name, "input": repr(value)[:400], "fault": fault[:400]})

            examples(inputs, judge, trials // 3, number, see)
            seconds[name] = round(time.monotonic() - begun, 1)
    kinds = Counter(fault["fault"][:80] for fault in faults)
    return {
        **{"trials": trials, "seed": number, "counts": counts, "seconds": seconds},
        **{"kinds of faults": kinds, "faults": faults},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "wrong_inputs.json")
    asked = parser.parse_args()
    command = f"python -m campaigns.wrong_inputs --trials {asked.trials} --seed {asked.seed}"
    record = {**about(command), **campaign(asked.trials, asked.seed)}
    asked.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({**record, "faults": record["faults"][:20]}, indent=1))
    sys.exit(bool(record["faults"]))
