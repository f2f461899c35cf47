"""Tables of predictions as spreadsheets, pandas and people write them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import softmax

from table.fusing.written import fitted, models, predicted, refused, write

RNG = np.random.default_rng(10)
NAMES = ["cat", "dog", "owl"]
TRUTH = RNG.integers(0, 3, 80)


def shares():
    return softmax(2 * np.eye(3)[TRUTH] + RNG.normal(size=(80, 3)), axis=1).round(4)


def labels(folder, ids=None):
    return write(folder / "labels.csv", ["kind"], [[NAMES[one]] for one in TRUTH], ids)


def spreadsheet(file, columns, rows):
    """Semicolons, decimal commas and a byte-order mark."""
    lines = [columns, *([f"{number:g}".replace(".", ",") for number in row] for row in rows)]
    text = "\r\n".join(";".join(line) for line in lines)
    file.write_text(text, encoding="utf-8-sig", newline="")
    return file


def test_decimal_commas_are_read_where_all_numbers_have_them(tmp_path, capsys):
    labels(tmp_path)
    rows = {name: shares() for name in "ab"}
    plain = fitted(tmp_path, models(tmp_path, NAMES, **rows))
    said = [f"{n}={spreadsheet(tmp_path / f'{n}.csv', NAMES, rows[n])}" for n in "ab"]
    found = fitted(tmp_path, said)
    assert found["weights"] == plain["weights"]
    assert found["measured"] == plain["measured"]
    prices = 1000 * TRUTH + RNG.normal(2000, 300, 80)
    spreadsheet(tmp_path / "labels.csv", ["price"], prices[:, None])
    guesses = {n: prices + RNG.normal(0, 100, 80) for n in "ab"}
    said = [f"{n}={spreadsheet(tmp_path / f'{n}.csv', [n], guesses[n][:, None])}" for n in "ab"]
    found = fitted(tmp_path, said)
    expected = abs(guesses["a"] - prices).mean()
    assert found["measured"]["a"]["mae"] == pytest.approx(expected, rel=1e-3)


def test_commas_that_may_part_thousands_are_refused(tmp_path, capsys):
    write(tmp_path / "labels.csv", ["price"], [[f"{n}"] for n in range(1500, 1580)])
    cells = [[f"1,{n:03}"] for n in range(500, 580)]
    said = models(tmp_path, ["price"], a=cells, b=cells)
    line = refused(capsys, *said, "--labels", tmp_path / "labels.csv")
    assert "a.csv, row 1: 'price' is '1,500', expected a number" in line


def test_an_index_that_parquet_keeps_without_a_name_is_not_lost(tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    truth = labels(tmp_path)
    said = []
    for name in "ab":
        frame = pandas.DataFrame(shares(), columns=NAMES)
        frame.sample(frac=1, random_state=ord(name)).to_parquet(tmp_path / f"{name}.parquet")
        said.append(f"{name}={tmp_path / f'{name}.parquet'}")
    line = refused(capsys, *said, "--labels", truth)
    assert "a.parquet has an index without a name, which holds its ids" in line
    labels(tmp_path, range(80))
    for name in "ab":
        frame = pandas.DataFrame(shares(), columns=NAMES).rename_axis("id")
        frame.sample(frac=1, random_state=ord(name)).to_parquet(tmp_path / f"{name}.parquet")
    assert fitted(tmp_path, said)["measured"]["a"]["accuracy"] > 0.7
    for name in "ab":
        pandas.DataFrame(shares(), columns=NAMES).to_parquet(tmp_path / f"{name}.parquet")
    labels(tmp_path)
    assert fitted(tmp_path, said)["measured"]["a"]["accuracy"] > 0.7


def test_a_prediction_far_from_every_label_is_named(tmp_path, capsys):
    prices = RNG.normal(50, 10, 80)
    write(tmp_path / "labels.csv", ["price"], prices[:, None])
    guesses = {n: (prices + RNG.normal(0, 3, 80))[:, None] for n in "ab"}
    fitted(tmp_path, models(tmp_path, ["price"], **guesses))
    assert not capsys.readouterr().err
    guesses["a"][3] = -9999
    fitted(tmp_path, models(tmp_path, ["price"], **guesses))
    told = capsys.readouterr().err
    assert "a: predicts -9999 in row 4, and labels go from" in told
    assert "if that stands for no prediction, leave the cell empty" in told


def test_columns_that_are_no_predictions_are_no_classes(tmp_path, capsys):
    truth = labels(tmp_path)
    for name, number in (("key", range(80)), ("fold", [n % 5 - 1 for n in range(80)])):
        rows = [[*row, n] for row, n in zip((4 * shares() - 2).tolist(), number, strict=True)]
        said = models(tmp_path, [*NAMES, name], a=rows, b=rows)
        line = refused(capsys, *said, "--labels", truth)
        assert f"a.csv: '{name}' holds whole numbers alone ({min(number)} to {max(number)})" in line
        assert f"if it holds ids, give --id '{name}', else take it out" in line
    # what is written as whole numbers throughout is as it should be
    whole = {n: (9 * np.eye(3)[TRUTH] + RNG.normal(0, 5, (80, 3))).round() for n in "ab"}
    fitted(tmp_path, models(tmp_path, NAMES, **whole))
    # and so is a class that is answered with 0 or 1
    rows = np.concatenate([shares(), np.eye(80)[:, :1]], axis=1)
    fitted(tmp_path, models(tmp_path, [*NAMES, "rare"], a=rows, b=rows), "--of", "probabilities")


def test_a_logarithm_of_0_has_a_hint(tmp_path, capsys):
    truth = labels(tmp_path)
    rows = np.log(shares()).tolist()
    rows[2][1] = "-inf"
    line = refused(capsys, *models(tmp_path, NAMES, a=rows, b=rows), "--labels", truth)
    assert "row 3: 'dog' is '-inf', expected a number; for a logarithm of 0 write -30" in line


def test_json_lines_and_tabs_are_read_alike(tmp_path):
    labels(tmp_path)
    rows = {name: shares() for name in "ab"}
    plain = fitted(tmp_path, models(tmp_path, NAMES, **rows))
    lines = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in rows["a"].tolist()]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    table = [NAMES, *rows["b"].astype(str).tolist()]
    (tmp_path / "b.tsv").write_text("\n".join("\t".join(line) for line in table))
    said = [f"a={tmp_path / 'a.jsonl'}", f"b={tmp_path / 'b.tsv'}"]
    assert fitted(tmp_path, said)["weights"] == plain["weights"]
    assert len(predicted(tmp_path, said)) == 80


def test_an_ensemble_of_before_still_predicts(tmp_path):
    labels(tmp_path)
    rows = {name: shares() for name in "ab"}
    said = models(tmp_path, NAMES, **rows)
    found = fitted(tmp_path, said)
    before = predicted(tmp_path, said)
    known = ("format", "task", "weights", "probabilities", "measured", "rows")
    (tmp_path / "ensemble.json").write_text(json.dumps({name: found[name] for name in known}))
    assert predicted(tmp_path, said) == before
