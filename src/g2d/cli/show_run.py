"""The result of a run on the terminal, beside its floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from g2d.cli.show import DETAILS, in_shares, show_metrics, show_patterns, show_table

# Read where classes are uneven: accuracy alone is high there for who guesses.
_OF_UNEVEN = ("uar", "macro_f1")
_WORDS = {"uar": "balanced accuracy", "macro_f1": "macro F1", "f1": "F1", "map": "mAP"}
_FLOORS = ("guess", "boosting", "linear", "svm", "single", "ensemble", "joint")


def shown_metrics(result: Mapping[str, Any]) -> list[str]:
    """The metrics of a run that are read first."""
    hidden = {*DETAILS, "patterns"}
    if result.get("uneven"):
        hidden -= set(_OF_UNEVEN)
    return [metric for metric in result["test"] if metric not in hidden]


def show_run(
    folder: Path, out: Path, instead: str | None = None, together: str | None = None
) -> None:
    """Prints the result of a run beside its teachers', in its main metrics.

    Args:
        folder: Of the run.
        out: What its teachers are named relative to.
        instead: The command that trains the ensemble of the same teachers.
        together: The command that adds them to the student.
    """
    from g2d.runs.floors import joint_floor
    from g2d.runs.run import Run

    run = Run(folder, out=out)
    result = run.result
    experts = result.get("teachers", {}).get("experts", {})
    teachers = {**run.own_teachers, **{name: Run(out / place) for name, place in experts.items()}}
    taught = {name: teacher.metrics for name, teacher in teachers.items() if teacher.finished}
    shown: dict[str, dict[str, float]] = {}
    metrics = shown_metrics(result)
    for metric in metrics:
        word = _WORDS.get(metric, metric)
        shown[word] = result["test"][metric]
        if any(metric in own for own in taught.values()):
            shown[f"{word}, teachers"] = {
                name: own[metric][name] for name, own in taught.items() if metric in own
            }
    title = f"{result['dataset']}, {result['method']}, test split"
    hidden = [part for part in result["protocol"].split(", ") if part.startswith("missing ")]
    show_metrics(shown, ", ".join([title, *hidden]))
    if "patterns" in result["test"]:
        show_patterns(result["test"]["patterns"])
    if shares := [one for one in result.get("members", ()) if "share" in one]:
        print(f"  {members_line(shares)}\n")
    floors, joint = result.get("floors"), joint_floor(run)
    if joint is not None:
        floors = with_joint(floors or {"metric": run.metric, "test": {}}, joint)
    if floors is not None:
        show_floors({**result, "floors": floors}, metrics, instead)
    if together and "with_teachers" in result:
        show_with_teachers(result, run.metric, together)
    figure = folder / "learning_curves.png"
    if figure.exists():
        print(f"  figure      {figure}")
    print(f"  run folder  {folder}")


def members_line(members: Sequence[Mapping[str, Any]]) -> str:
    """The share of each member of a blend, and its modalities, where not all.

    Example:
        >>> both = {"method": "g2d", "modalities": ["sound", "image"], "share": 0.6}
        >>> one = {"method": {"name": "ume"}, "modalities": ["image"], "share": 0.4}
        >>> members_line([both, one])
        'members     60 % g2d, 40 % ume (image)'
    """
    from g2d.recipes.components import split_spec  # brings torch, which --help does not wait for

    most = max(len(one["modalities"]) for one in members)
    found = []
    for one in members:
        name, own = split_spec(one["method"], "method")[0], one["modalities"]
        where = f" ({', '.join(own)})" if len(own) < most else ""
        found.append((one["share"], name + where))
    return f"members     {in_shares(found)}"


def with_joint(floors: Mapping[str, Any], joint: Mapping[str, Any]) -> dict[str, Any]:
    """The floors of a run with joint training among them (see `g2d.runs.floors.joint_floor`)."""
    test = dict(floors["test"])
    for key in ("above", "clearly"):
        test[key] = [*test.get(key, ()), *(["joint"] if joint["above"] and joint[key] else [])]
    return {**floors, "test": {**test, "joint": joint}}


def show_floors(
    result: Mapping[str, Any], metrics: Sequence[str], instead: str | None = None
) -> None:
    """Prints the floors of a model, and a red line where it is below one.

    Args:
        result: Of the run, with its `floors` (`g2d.runs.floors`).
        metrics: The metrics to show.
        instead: The command that trains the ensemble of the same teachers.
    """
    from rich.console import Console

    floors, found, metric = result["floors"], result["floors"]["test"], result["floors"]["metric"]
    names = {name: _named(name, floors) for name in _FLOORS if name in found}
    metrics = [one for one in metrics if all(one in found[name] for name in names)]
    rows = [[word, *(f"{found[name][one]:.4f}" for one in metrics)] for name, word in names.items()]
    notes = [note[0].upper() + note[1:] + "." for note in floors.get("notes", ())]
    samples = result["samples"]["test"]
    if (those := found.get("samples", samples)) < samples:
        there = found["fused_there"][metric]
        notes.append(
            f"{_named('single', floors)[0].upper()}{_named('single', floors)[1:]} counts the "
            f"{those} of {samples} rows that have {floors['modality']}; the model has {metric} "
            f"{there:.4f} on these."
        )
    columns = ["floor", *(_WORDS.get(one, one) for one in metrics)]
    show_table(
        "Floors: the model should be above them (same samples)", columns, rows, " ".join(notes)
    )
    if below := found["above"]:
        sign = 1 if result["test"][metric]["fused"] < found[below[0]][metric] else -1
        below = sorted(below, key=lambda name: -sign * found[name][metric])
        named = ", ".join(f"{names[name]} {found[name][metric]:.4f}" for name in below)
        fused = result["test"][metric]["fused"]
        chance = "" if found["clearly"] else ", by less than one standard error"
        use = f"\n  use the ensemble: {instead}" if instead and "ensemble" in below else ""
        alone = f"; use {floors['modality']} alone" if below == ["single"] else ""
        Console(highlight=False, markup=False, soft_wrap=True).print(
            f"  BELOW ITS FLOORS: the fused {metric} {fused:.4f} is worse than "
            f"{named}{chance}{use}{alone}",
            style="bold red",
        )


def show_with_teachers(result: Mapping[str, Any], metric: str, together: str) -> None:
    """Prints what the student and its teachers predict together, and the command for it.

    Args:
        result: Of the run, with its entry `with_teachers` (`g2d.runs.together`).
        metric: The task's.
        together: The command that makes one model of them.
    """
    both, alone = result["with_teachers"], result["test"][metric]["fused"]
    value, names = both["test"][metric], ("student", "teachers")
    print(
        f"  With its teachers ({in_shares(zip(both['shares'], names, strict=True))}): {metric} "
        f"{value:.4f}, {value - alone:+.4f}; one model of both:\n  {together}\n"
    )


def _named(name: str, floors: Mapping[str, Any]) -> str:
    """A floor in words."""
    if name == "guess":
        return "guessing"
    if name == "single":
        return f"best modality alone ({floors['modality']})"
    if name == "ensemble":
        return "fitted ensemble of the teachers"
    if name == "joint":
        return "joint training, same recipe"
    if name == "boosting":
        return f"gradient boosting on {', '.join(floors['reads'][name])}"
    return {"linear": "linear model", "svm": "SVM"}[name] + " on everything"
