"""The files of a study: its record, and the grid of the best settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.grid import Change
from g2d.benchmark.compare.tuning.study import ROUND, Plan, Tuned
from g2d.errors import require
from g2d.files import read_json, write_whole
from g2d.runs.run import Run


def replaced(plan: Plan, out: Path) -> str:
    """The study whose record and grid this one takes the place of, in a sentence, if it is another.

    Its runs stay, and are found again where a trial is the same.
    """
    path = plan.record(out)
    if not path.is_file():
        return ""
    before = read_json(path)
    now = json.loads(json.dumps(_asked(plan)))
    if {key: before.get(key) for key in now} == now and _spaces(before) == _spaces_of(plan):
        return ""
    methods = ", ".join(before["methods"])
    return (
        f"{path} and its grid will be replaced: they are of {methods}, {before['trials']} trials "
        f"each ({before['command'] or 'g2d tune'}); another --out keeps both"
    )


def _asked(plan: Plan) -> dict[str, Any]:
    """What of a plan its record repeats."""
    return {
        **{"recipe": plan.recipe, "changes": dict(plan.changes)},
        **{"seeds": plan.seeds, "trials": plan.trials},
        "sampler": {"name": "TPE", "seed": plan.sampler_seed, "at_once": ROUND},
    }


def _spaces_of(plan: Plan) -> Mapping[str, Any]:
    spaces: dict[str, Any] = json.loads(json.dumps({m: plan.space.of(m) for m in plan.methods}))
    return spaces


def _spaces(record: Mapping[str, Any]) -> Mapping[str, Any]:
    return {method: own["space"] for method, own in record["methods"].items()}


def write_record(
    plan: Plan, tuned: Tuned, pinned: Sequence[Change], command: str, version: str
) -> None:
    """Writes all trials, with their budgets and values, as JSON."""
    runs = tuned.record.parent / "runs"
    methods = {}
    for method, trials in tuned.trials.items():
        results = [
            run.result
            for trial in trials
            for run in (Run(runs / name) for name in trial.runs)
            if run.finished
        ]
        best = tuned.best(method)
        methods[method] = {
            "budget": {
                "trials": len(trials),
                "runs": sum(len(trial.runs) for trial in trials),
                "epochs": sum(result["epochs"] for result in results),
                "seconds": round(sum(result["seconds"] for result in results), 2),
            },
            "space": plan.space.of(method),
            "best": None if best is None else best.number,
            "trials": [
                {
                    **{"number": trial.number, "changes": trial.changes, "value": trial.value},
                    **{"by_seed": trial.by_seed, "runs": trial.runs, "reason": trial.reason},
                }
                for trial in trials
            ],
        }
    content = {
        **_asked(plan),
        **{"command": command, "selected_on": "val", "metric": tuned.metric},
        **{"higher_is_better": tuned.higher_is_better},
        **{"optuna": version, "teachers": dict(pinned), "methods": methods},
    }
    tuned.record.parent.mkdir(parents=True, exist_ok=True)
    write_whole(tuned.record, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_grid(plan: Plan, tuned: Tuned, pinned: Sequence[Change], command: str) -> None:
    """The best settings as a grid, trained anew there and measured on test for the first time."""
    yaml = require("yaml", "train")
    path = Path(plan.recipe)
    recipe = str(path.resolve()) if path.suffix in {".yaml", ".yml"} else plan.recipe
    best = {method: tuned.best(method) for method in plan.methods}
    title, without = f"Every method at its best of {plan.trials} trials on validation", ""
    if failed := ", ".join(tuned.failed):
        title += f", without {failed}"
        without = f" Of {failed} all trials failed."
    content = {
        "title": title,
        "about": (
            f"Settings chosen by the validation {tuned.metric} of {plan.trials} trials, as many "
            f"for every method, with seeds {', '.join(map(str, plan.seeds))} "
            f"({command or 'g2d tune'}).{without}"
        ),
        "seeds": [0, 1, 2],
        "common": {**dict(plan.changes), **dict(pinned)},
        "axes": {
            "dataset": {plan.label: {"recipe": recipe}},
            "method": {
                method: {"method": method, **trial.changes}
                for method, trial in best.items()
                if trial is not None
            },
        },
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    write_whole(tuned.grid, text)
