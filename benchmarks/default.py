"""Which default of G²D does no harm: the parts of the method beside its rivals, tuned alike.

For every data set the learning rate of the teachers is chosen first, by their mean validation
accuracy, then that of every row, by its own validation accuracy (ties: the lower loss), one run
each on the first seed. Each search begins with three rates and goes on while the best one lies at
an end, so that no choice does. The chosen rate is run on the other seeds. Test is measured by
every run at its end, with its best epoch on validation, and read for the chosen rates alone.

    g2d data inspect leaves/data.csv --target species > leaves.yaml
    python benchmarks/default.py --on leaves=leaves.yaml avmnist12=avmnist:DIR

The result is written after every row, so that a contest that is cut short says what it has.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from behaviour import behaviour
from cells import run_cell, summarise, summarise_teachers, teach_cell, write

from g2d import UserError

HERE = Path(__file__).parent
# Rows that train nothing have the teachers' rate alone.
ROWS: dict[str, dict[str, Any]] = {
    "UME, equal": {"name": "ume"},
    "UME, fitted": {"name": "ume", "weights": "fitted"},
    "joint": {"name": "joint"},
    "loss + γ": {"name": "g2d", "gamma": 1.0, "distill_to": "fused"},
    "loss + γ, branch": {"name": "g2d", "gamma": 1.0, "distill_to": "branch"},
    "G²D and its teachers (blend)": {"name": "blend"},
    "branch losses alone": {"name": "g2d_loss", "alpha": 0.0, "beta": 0.0, "gamma": 1.0},
    "AMCo": {"name": "amco"},
    "G²D, printed": {"name": "g2d", "preset": "printed"},
    "G²D, paper": {"name": "g2d", "preset": "paper"},
    "G²D, released": {"name": "g2d", "preset": "released"},
    "loss + γ, branch, init": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "branch",
        "init": "teachers",
    },
    "loss + γ, branch, init ensemble": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "branch",
        "init": "ensemble",
    },
    "loss + γ, branch, calibrated": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "branch",
        "calibrate": True,
    },
    "loss + γ, calibrated": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "fused",
        "calibrate": True,
    },
    "loss + γ, SMP": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "fused",
        "schedule": "halves",
    },
    "loss + γ, SMP, auto": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "fused",
        "schedule": "auto",
    },
    "loss, no γ": {"name": "g2d", "gamma": 0.0, "distill_to": "fused"},
    "UMT": {"name": "umt"},
    "MMPareto": {"name": "mmpareto"},
    "ARL": {"name": "arl"},
    "DI-MML": {"name": "di_mml"},
    "OGM-GE": {"name": "ogm_ge"},
    "MLA": {"name": "mla"},
    "loss + γ, ensemble, calibrated": {
        "name": "g2d",
        "gamma": 1.0,
        "distill_to": "ensemble",
        "calibrate": True,
    },
}
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
Score = tuple[float, float]
FAILED: Score = (-1.0, 0.0)


def walk(score: Callable[[float], Score], begin: float) -> tuple[float, dict[float, Score]]:
    """The rate with the best score, and all that were tried: none better at either side.

    Example:
        >>> best, tried = walk(lambda rate: (-abs(rate - 0.3), 0.0), 0.01)
        >>> best, list(tried)
        (0.3, [0.003, 0.01, 0.03, 0.1, 0.3, 1.0])
    """
    at = RATES.index(begin)
    tried = {rate: score(rate) for rate in RATES[at - 1 : at + 2]}
    while True:
        best = max(tried, key=lambda rate: (tried[rate], -rate))
        place = RATES.index(best)
        new = [rate for rate in RATES[max(0, place - 1) : place + 2] if rate not in tried]
        if not new:
            return best, dict(sorted(tried.items()))
        tried |= {rate: score(rate) for rate in new}


class OneData:
    """A data set's part of the contest.

    Args:
        recipe: A shipped recipe, or a file.
        common: Changes that all its cells share.
        begin: The rate with which searches begin.
        seeds: The first is tuned on.
        out: Folder of the run folders.
    """

    def __init__(
        self, recipe: str, common: Mapping[str, Any], begin: float, seeds: list[int], out: str
    ) -> None:
        self.recipe, self.common, self.begin = recipe, common, begin
        self.seeds, self.out = seeds, out
        self.teaching: float = begin

    def teach(self) -> dict[str, Any]:
        """Chooses the teachers' rate and trains them for every seed."""
        self.teaching, tried = walk(lambda rate: self._taught_score(rate), self.begin)
        taught = [self._taught(seed, self.teaching) for seed in self.seeds]
        return {
            "rate": self.teaching,
            "tried": {str(rate): value[0] for rate, value in tried.items()},
            **summarise_teachers(taught),
        }

    def row(self, method: Mapping[str, Any], rate: float | None = None) -> dict[str, Any]:
        """Chooses a row's rate, if it is not given, and runs it on every seed."""
        tried: dict[float, Score] = {}
        if method["name"] == "ume":
            rate = self.begin  # of nothing
        elif rate is None:
            rate, tried = walk(lambda one: self._score(method, one), self.begin)
        cells = [self._cell(method, rate, seed) for seed in self.seeds]
        return {
            "method": method,
            **({} if method["name"] == "ume" else {"rate": rate}),
            "tried": {str(one): value[0] for one, value in tried.items()},
            "commits": sorted({str(cell["environment"]["commit"]) for cell in cells}),
            "environment": cells[0]["environment"],
            **summarise(cells),
        }

    def _changes(self, seed: int) -> list[tuple[str, Any]]:
        return [("seed", seed), *self.common.items()]

    def _cell(self, method: Mapping[str, Any], rate: float, seed: int) -> dict[str, Any]:
        changes = [
            ("method", dict(method)),
            *self._changes(seed),
            ("training.learning_rate", rate),
            ("teachers.learning_rate", self.teaching),
        ]
        return run_cell(self.recipe, changes, self.out)

    def _taught(self, seed: int, rate: float) -> dict[str, dict[str, Any]]:
        changes = [*self._changes(seed), ("teachers.learning_rate", rate)]
        return teach_cell(self.recipe, changes, self.out)

    def _score(self, method: Mapping[str, Any], rate: float) -> Score:
        try:
            cell = self._cell(method, rate, self.seeds[0])
        except UserError as error:  # training broke down
            print(f"rate {rate}: {error}", flush=True)
            return FAILED
        return cell["val"]["accuracy"]["fused"], -cell["val"]["loss"]["fused"]

    def _taught_score(self, rate: float) -> Score:
        try:
            found = self._taught(self.seeds[0], rate).values()
        except UserError:
            return FAILED
        mean = [
            sum(cell["val"][metric]["fused"] for cell in found) / len(found)
            for metric in ("accuracy", "loss")
        ]
        return mean[0], -mean[1]


def main() -> None:
    """One data set after the other, one row after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=RECIPE[:ROOT]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--begin", type=float, default=0.1, help="first rate of every search")
    parser.add_argument("--only", nargs="+", help="rows to run; all where left out")
    parser.add_argument("--rates-of", help="data set of the result whose chosen rates are taken")
    parser.add_argument("--out", default="runs/default")
    parser.add_argument(
        "--result", type=Path, default=HERE / "results" / "default.json", help="is added to"
    )
    arguments = parser.parse_args()
    for given in arguments.on:
        name, _, what = given.partition("=")
        recipe, _, root = what.partition(":")
        common = {"training.epochs": arguments.epochs, **({"data.root": root} if root else {})}
        data = OneData(recipe, common, arguments.begin, arguments.seeds, arguments.out)
        teachers = data.teach()
        print(f"{name}: teachers at {data.teaching} of {teachers['tried']}", flush=True)
        for row, method in ROWS.items():
            if arguments.only and row not in arguments.only:
                continue
            found = _read(arguments.result)
            rate = None
            if arguments.rates_of and method["name"] != "ume":
                rate = found["data"][arguments.rates_of]["rows"][row]["rate"]
            done = data.row(method, rate)
            part = found["data"].setdefault(name, {"rows": {}})
            part |= {"seeds": arguments.seeds, "epochs": arguments.epochs, "teachers": teachers}
            if arguments.rates_of:
                part["rates_of"] = arguments.rates_of
            part["environment"] = done.pop("environment")
            part["rows"][row] = {**done, "behaviour": behaviour(method)}
            write(found, arguments.result)
            test = done["accuracy"]["test"]["fused"]
            print(
                f"{name}  {row}: rate {done.get('rate')}, test {100 * test['mean']:.1f} "
                f"{[round(100 * value, 1) for value in test['values']]}, tried {done['tried']}",
                flush=True,
            )


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"protocol": "best epoch on val, test once", "data": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


if __name__ == "__main__":
    main()
