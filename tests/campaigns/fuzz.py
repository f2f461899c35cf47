"""The campaigns' inputs until the first fault, which is made as small as it goes.

    make fuzz                      # 200 examples of each kind: minutes
    make fuzz EXAMPLES=100000      # hours

What hypothesis finds it keeps in `.hypothesis` and tries first in the next run. Faults that were
mended are `FOUND` in `tests/campaigns/test_campaigns.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import damaged_files, inputs, models
from campaigns.server import served
from campaigns.world import World, judges

Judge = Callable[[Any], str]


MODELS = ("ensembles", "new rows", "estimators")
KINDS = ("command lines", "recipes", "tables", "media", *MODELS, "requests", "damaged files")


@contextmanager
def targets(names: Sequence[str]) -> Iterator[dict[str, tuple[Any, Judge]]]:
    """By kind: the inputs, and what says what is wrong with what comes of one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for place in ("world", "whole"):
            (folder / place).mkdir()
        world = World(folder / "world")
        kinds: dict[str, tuple[Any, Judge]] = dict(judges(world))
        if set(MODELS) & set(names):
            kinds |= models.judges(world)
        if "requests" in names:
            kinds["requests"] = (inputs.requests(), stack.enter_context(served(world.done)))
        if "damaged files" in names:
            damage = damaged_files.Damage(folder / "whole")
            kinds["damaged files"] = (damage.inputs, damage.judge)
        yield {name: kinds[name] for name in names}


def fuzz(name: str, examples: int, strategy: st.SearchStrategy[Any], judge: Judge) -> None:
    """So many examples of one kind.

    Raises:
        AssertionError: One ends in a fault.
    """

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(strategy)
    def no_fault(value: Any) -> None:
        fault = judge(value)
        assert not fault, f"{name}: {fault}"

    no_fault()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, metavar="KIND")
    asked = parser.parse_args()
    with targets(asked.only) as kinds:
        for kind, target in kinds.items():
            fuzz(kind, asked.examples, *target)
            print(f"{kind}: {asked.examples} examples, no fault", flush=True)
