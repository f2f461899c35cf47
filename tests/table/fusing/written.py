"""Tables of predictions on the disk, and what `g2d ensemble` says of them."""

from __future__ import annotations

import csv
import json

from g2d.cli.main import main


def write(file, columns, rows, ids=None):
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow([*(["id"] if ids is not None else []), *columns])
        for place, row in enumerate(rows):
            table.writerow([*([ids[place]] if ids is not None else []), *row])
    return file


def rows_of(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def models(folder, columns, ids=None, **rows):
    """A table for each model, as the words of the command."""
    return [f"{n}={write(folder / f'{n}.csv', columns, said, ids)}" for n, said in rows.items()]


def fitted(folder, said, *options):
    """What is fitted on `labels.csv`."""
    out = folder / "ensemble.json"
    words = [*said, "--labels", folder / "labels.csv", "--out", out, *options]
    assert main(["ensemble", *map(str, words)]) == 0
    return json.loads(out.read_text())


def predicted(folder, said, *options):
    """The rows that are predicted with what was fitted."""
    out = folder / "fused.csv"
    words = [*said, "--weights", folder / "ensemble.json", "--out", out, *options]
    assert main(["ensemble", *map(str, words)]) == 0
    return rows_of(out)


def refused(capsys, *words):
    """The one line in which the command refuses."""
    capsys.readouterr()
    assert main(["ensemble", *map(str, words)]) == 2
    said = capsys.readouterr()
    assert not said.out
    (line,) = said.err.strip().splitlines()
    return line
