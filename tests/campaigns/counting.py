"""Campaigns: so many inputs, what became of them, and the record of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from campaigns.commands import about

RESULTS = Path(__file__).parent / "results"


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


def record_of(
    name: str, campaign: Callable[[int, int], dict[str, Any]], trials: int, doc: str
) -> None:
    """The command line of a campaign: it writes its record, and ends with status 1 at a fault.

    Args:
        name: Of its module and of its record.
        campaign: Takes trials and seed, and returns the record; under `faults`, what went wrong.
        trials: How many, when not given.
        doc: Of its module.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json")
    asked = parser.parse_args()
    command = f"python -m campaigns.{name} --trials {asked.trials} --seed {asked.seed}"
    record = {**about(command), **campaign(asked.trials, asked.seed)}
    asked.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps({**record, "faults": record["faults"][:20]}, indent=1))
    sys.exit(bool(record["faults"]))
