"""`g2d ensemble`: separate models, fused by their predictions."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError

if TYPE_CHECKING:
    from g2d.table.fusing.ensemble import Fused
    from g2d.tasks import Task


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME=FILE",
        help="a table of probabilities or logits of each model: one column a class, one row a "
        "sample; of two classes or of numbers one column will do",
    )
    parser.add_argument(
        "--labels", type=Path, help="fit: the table of labels of rows no model was trained on"
    )
    parser.add_argument("--target", help="the column of the labels; the only one if not given")
    parser.add_argument(
        "--task",
        choices=["auto", "classification", "multilabel", "regression"],
        help="fit: what the labels are (default: read off them and the columns)",
    )
    parser.add_argument(
        "--order",
        type=_names,
        metavar="LOWEST,...,HIGHEST",
        help="fit: the classes in their order, where they have one: the median class is predicted, "
        "and the error is how many classes the prediction is off",
    )
    parser.add_argument(
        "--positive",
        metavar="CLASS",
        help="fit: of two classes, that which a model's only column is of (default: that which the "
        "column is called by, or 1, yes, true)",
    )
    parser.add_argument("--id", help="the column of the samples' ids (default: id, or their order)")
    parser.add_argument(
        "--of",
        action="append",
        default=[],
        metavar="[NAME=]KIND",
        help="what the numbers are, if they do not show it: probabilities or logits, of all models "
        "or of one; may be given several times",
    )
    parser.add_argument(
        "--weights", type=Path, help="predict: an ensemble that was fitted before (JSON)"
    )
    parser.add_argument(
        "--out", type=Path, help="file to write (default: ensemble.json, or fused.csv)"
    )


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Fits an ensemble and prints it, or predicts with a fitted one."""
    from g2d.files import check_out, read_json, write_json
    from g2d.table.fusing.ensemble import Fused, fit_ensemble, write_fused
    from g2d.table.fusing.kinds import kinds_given
    from g2d.table.fusing.predictions import read_predictions
    from g2d.table.fusing.truth import Meant
    from g2d.table.reading.spreadsheet import check_csv

    if (arguments.labels is None) == (arguments.weights is None):
        raise UserError("give --labels FILE to fit weights, or --weights FILE to predict with them")
    files = _files(arguments.models)
    predicts = arguments.labels is None
    for option in ("target", "task", "order", "positive"):
        if predicts and getattr(arguments, option) is not None:
            raise UserError(f"--{option} is of the fit, and the ensemble keeps it; leave it out")
    out = arguments.out or Path("fused.csv" if predicts else "ensemble.json")
    check_out(out, [*files.values(), arguments.weights if predicts else arguments.labels])
    if predicts:
        check_csv(out)
    least = 0 if predicts else 1
    models = {name: read_predictions(file, arguments.id, least) for name, file in files.items()}
    given = kinds_given(arguments.of, models)
    if predicts:
        fused = Fused.from_dict(read_json(arguments.weights))
        ids, logits = fused.predict(models, given)
        write_fused(out, fused, ids, logits)
        print(f"{len(ids)} rows predicted, in {out}")
        return
    meant = Meant(arguments.task or "auto", arguments.order or (), arguments.positive)
    fused = fit_ensemble(models, arguments.labels, arguments.target, arguments.id, given, meant)
    write_json(out, fused.as_dict())
    show_fused(fused)
    print(f"  weights  {out}")
    new = " ".join(f"{name}=NEW" for name in fused.weights)
    print(f"  predict  g2d ensemble {new} --weights {out}")


def _names(words: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(word.strip() for word in words.split(","))


def _files(words: Sequence[str]) -> dict[str, Path]:
    """The table of each model.

    Raises:
        UserError: A word is no `NAME=FILE`, or a name or a file comes twice.
    """
    from g2d.files import same_file

    files: dict[str, Path] = {}
    for word in words:
        name, _, file = word.partition("=")
        if not (name and file) or name in files:
            raise UserError(f"got {word!r}, expected NAME=FILE, a name of its own for each model")
        for other, known in files.items():
            if same_file(known, file):
                raise UserError(f"{other} and {name} are one file, {file}; expected one a model")
        files[name] = Path(file)
    return files


def show_fused(fused: Fused) -> None:
    """Prints the score and the weight of each model."""
    from g2d.table.fusing.kinds import KINDS
    from g2d.tasks import Regression

    metric, measured = fused.task.metric, fused.measured
    whole = measured[""][metric]
    sign = 1 if fused.task.higher_is_better else -1
    rows = []
    for name, weight in fused.weights.items():
        without = measured[f"without {name}"][metric]
        kind = "numbers" if isinstance(fused.task, Regression) else KINDS[fused.probabilities[name]]
        kind += f" of {fused.positive[name]}" if name in fused.positive else ""
        alone, lost = measured[name][metric], round(sign * (whole - without), 4) + 0.0  # no -0.0
        rows.append([name, kind, f"{alone:.4f}", f"{weight:.3f}", f"{without:.4f}", f"{lost:+.4f}"])
    columns = ["model", "read as", f"{metric} alone", "weight", "without it", "it brings"]
    show_table(f"Fitted on {fused.rows} labelled rows: {_in_words(fused.task)}", columns, rows)
    print(f"  the ensemble: {metric} {whole:.4f} (each fold by weights of the others)")
    useless = [name for name, weight in fused.weights.items() if weight == 0]
    if useless:
        print(f"  of weight 0, so you can do without: {', '.join(useless)}")


def _in_words(task: Task) -> str:
    """What is predicted, as the labels were read."""
    from g2d.tasks import Classification, MultiLabel

    if isinstance(task, MultiLabel):
        return f"several of {task.outputs} labels a row"
    if not isinstance(task, Classification):
        return "numbers"
    if task.metric == "mae":
        return f"{task.outputs} classes in order, {' < '.join(task.class_names)}"
    return f"{task.outputs} classes"


COMMAND = Command(
    name="ensemble",
    summary="Fuse the predictions of models that you have, with fitted weights.",
    example=(
        "  g2d ensemble photo=photo.csv note=note.csv --labels labels.csv --target kind\n"
        "  g2d ensemble photo=new_photo.csv note=new_note.csv --weights ensemble.json"
    ),
    configure=configure,
    run=run,
)
