"""Models that somebody has already, fused by `g2d ensemble`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from g2d.cli.main import main
from table.fusing.written import rows_of, write

RNG = np.random.default_rng(1)  # noise gets a weight in one of forty
CLASSES = ["cat", "dog", "owl"]
TRUTH = RNG.integers(0, 3, 200)


def logits(strength: float) -> np.ndarray:
    return strength * np.eye(3)[TRUTH] + RNG.normal(size=(200, 3))


def labels(folder, ids=None):
    return write(folder / "labels.csv", ["kind"], [[CLASSES[one]] for one in TRUTH], ids)


def test_probabilities_and_logits_are_fused_and_noise_has_no_weight(tmp_path, capsys):
    good, fair, noise = logits(1.8), logits(1.2), logits(0)
    names = {"good": good, "fair": softmax(fair, axis=1), "noise": softmax(noise, axis=1)}
    said = [f"{n}={write(tmp_path / f'{n}.csv', CLASSES, rows)}" for n, rows in names.items()]
    out = tmp_path / "ensemble.json"
    assert main(["ensemble", *said, "--labels", str(labels(tmp_path)), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    found = json.loads(out.read_text())
    assert found["probabilities"] == {"good": False, "fair": True, "noise": True}
    assert found["weights"]["noise"] == 0
    assert "so you can do without: noise" in told
    measured = {name: one["accuracy"] for name, one in found["measured"].items()}
    assert measured["good"] == pytest.approx((good.argmax(axis=1) == TRUTH).mean())
    assert measured["fair"] == pytest.approx((fair.argmax(axis=1) == TRUTH).mean())
    assert measured[""] >= measured["good"] > measured["fair"]
    assert measured["without good"] < measured[""]
    fused = tmp_path / "fused.csv"
    assert main(["ensemble", *said, "--weights", str(out), "--out", str(fused)]) == 0
    weights = found["weights"]
    expected = softmax(weights["good"] * good + weights["fair"] * np.log(names["fair"]), axis=1)
    got = np.array([[float(row[name]) for name in CLASSES] for row in rows_of(fused)])
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert [row["prediction"] for row in rows_of(fused)] == [
        CLASSES[place] for place in expected.argmax(axis=1)
    ]


def test_rows_are_found_by_id_columns_by_name_and_a_row_may_be_missing(tmp_path):
    first, second = logits(3), logits(3)
    ids = np.array([f"s{row}" for row in range(200)])
    order, kept = RNG.permutation(200), np.arange(150)
    a = write(tmp_path / "a.csv", CLASSES[::-1], first[order][:, ::-1], ids[order])
    b = write(tmp_path / "b.csv", CLASSES, second[kept], ids[kept])
    out = tmp_path / "ensemble.json"
    words = [f"a={a}", f"b={b}"]
    truth = labels(tmp_path, ids)
    assert main(["ensemble", *words, "--labels", str(truth), "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["measured"]["a"]["accuracy"] == (first.argmax(axis=1) == TRUTH).mean()
    assert found["measured"]["b"]["accuracy"] == (second[kept].argmax(axis=1) == TRUTH[kept]).mean()
    fused = tmp_path / "fused.csv"
    assert main(["ensemble", *words[::-1], "--weights", str(out), "--out", str(fused)]) == 0
    said = {row["id"]: row["prediction"] for row in rows_of(fused)}
    assert set(said) == set(ids)
    alone = {ids[row]: CLASSES[first[row].argmax()] for row in range(150, 200)}
    assert {one: said[one] for one in alone} == alone


def test_several_labels_and_numbers(tmp_path):
    bits = RNG.integers(0, 2, (200, 2))
    strong = [3 * (2 * bits - 1) + RNG.normal(size=(200, 2)) for _ in range(2)]
    cells = [["|".join(np.array(["wet", "cold"])[row > 0])] for row in bits]
    known = [place for place, cell in enumerate(cells) if cell[0]]
    files = [
        write(tmp_path / f"{n}.csv", ["wet", "cold"], rows[known])
        for n, rows in (("a", strong[0]), ("b", expit(strong[1])))
    ]
    truth = write(tmp_path / "labels.csv", ["state"], [cells[row] for row in known])
    out = tmp_path / "e.json"
    words = [f"a={files[0]}", f"b={files[1]}", "--labels", str(truth), "--out", str(out)]
    assert main(["ensemble", *words]) == 0
    assert json.loads(out.read_text())["task"]["kind"] == "multilabel"
    number = RNG.normal(50, 10, 200)
    files = [
        write(tmp_path / f"{n}.csv", ["price"], (number + RNG.normal(0, 3, 200))[:, None])
        for n in "ab"
    ]
    truth = write(tmp_path / "prices.csv", ["price"], number[:, None])
    words = [f"a={files[0]}", f"b={files[1]}"]
    assert main(["ensemble", *words, "--labels", str(truth), "--out", str(out)]) == 0
    measured = json.loads(out.read_text())["measured"]
    assert measured[""]["mae"] < min(measured["a"]["mae"], measured["b"]["mae"])
    assert main(["ensemble", *words, "--weights", str(out), "--out", str(tmp_path / "f.csv")]) == 0
    said = np.array([float(row["prediction"]) for row in rows_of(tmp_path / "f.csv")])
    assert np.abs(said - number).mean() == pytest.approx(measured[""]["mae"], rel=0.1)


def test_what_does_not_fit_is_said_in_one_line(tmp_path, capsys):
    a = write(tmp_path / "a.csv", CLASSES, logits(1))
    b = write(tmp_path / "b.csv", ["cat", "dog", "emu"], logits(1))
    truth = labels(tmp_path)

    def said(*words):
        assert main(["ensemble", *map(str, words)]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    assert "b: the columns are cat, dog, emu, expected cat, dog, owl" in said(
        f"a={a}", f"b={b}", "--labels", truth
    )
    assert "2 models or more" in said(f"a={a}", "--labels", truth)
    assert "give --labels FILE" in said(f"a={a}", f"b={b}")
    assert "expected NAME=FILE" in said(a, "--labels", truth)
    broken = write(tmp_path / "c.csv", CLASSES, [["1", "x", "2"]])
    assert "row 1: 'dog' is 'x', expected a number" in said(
        f"a={a}", f"c={broken}", "--labels", truth
    )
    ids = write(tmp_path / "d.csv", CLASSES, logits(1)[:2], ["s", "s"])
    assert "'id' is 's' in several rows" in said(f"a={a}", f"d={ids}", "--labels", truth)
    (tmp_path / "no.json").write_text("{}")
    assert "this is no ensemble" in said(f"a={a}", f"b={b}", "--weights", tmp_path / "no.json")


def test_new_tables_may_have_their_columns_in_another_order(tmp_path):
    said = {n: softmax(logits(3.0), axis=1) for n in ("one", "other")}
    given = [f"{n}={write(tmp_path / f'{n}.csv', CLASSES, rows)}" for n, rows in said.items()]
    out = tmp_path / "ensemble.json"
    assert main(["ensemble", *given, "--labels", str(labels(tmp_path)), "--out", str(out)]) == 0
    plain, turned = tmp_path / "plain.csv", tmp_path / "turned.csv"
    assert main(["ensemble", *given, "--weights", str(out), "--out", str(plain)]) == 0
    for n, rows in said.items():
        write(tmp_path / f"{n}.csv", CLASSES[::-1], rows[:, ::-1])
    assert main(["ensemble", *given, "--weights", str(out), "--out", str(turned)]) == 0
    assert rows_of(turned) == rows_of(plain)


def test_numbers_may_stand_in_columns_of_any_name_and_are_not_cut(tmp_path):
    truth = RNG.normal(100, 10, 60)
    said = {n: truth + RNG.normal(0, 1, 60) for n in ("one", "other")}
    said["one"][0] = said["other"][0] = 170.0  # beyond every label
    given = [f"{n}={write(tmp_path / f'{n}.csv', [n], rows[:, None])}" for n, rows in said.items()]
    write(tmp_path / "labels.csv", ["price"], truth[:, None])
    out, fused = tmp_path / "ensemble.json", tmp_path / "fused.csv"
    wanted = ["--labels", str(tmp_path / "labels.csv"), "--out", str(out)]
    assert main(["ensemble", *given, *wanted]) == 0
    assert main(["ensemble", *given, "--weights", str(out), "--out", str(fused)]) == 0
    assert float(rows_of(fused)[0]["prediction"]) > truth.max() + 20


def test_ids_in_some_tables_only_are_refused(tmp_path, capsys):
    given = [
        f"one={write(tmp_path / 'one.csv', CLASSES, logits(2), range(1, 201))}",
        f"other={write(tmp_path / 'other.csv', CLASSES, logits(2), range(1, 201))}",
    ]
    assert main(["ensemble", *given, "--labels", str(labels(tmp_path))]) == 2
    assert "labels.csv: no column of ids, which the other tables have" in capsys.readouterr().err


def fit(folder, *said):
    out = folder / "ensemble.json"
    given = ["--labels", str(folder / "labels.csv"), "--target", "kind", "--out", str(out)]
    return main(["ensemble", *said, *given])


def test_a_column_of_row_numbers_is_no_class(tmp_path, capsys):
    labels(tmp_path)
    for name in ("Unnamed: 0", "ID"):
        rows = [[place, *row] for place, row in enumerate(logits(1.5).tolist())]
        said = [f"{n}={write(tmp_path / f'{n}.csv', [name, *CLASSES], rows)}" for n in "ab"]
        assert fit(tmp_path, *said) == 2
        assert f"'{name}' looks like a column of ids" in capsys.readouterr().err


def test_without_ids_tables_of_other_lengths_are_not_matched_by_order(tmp_path, capsys):
    labels(tmp_path)
    whole = write(tmp_path / "a.csv", CLASSES, logits(1.5))
    short = write(tmp_path / "b.csv", CLASSES, np.delete(logits(1.5), 5, axis=0))
    assert fit(tmp_path, f"a={whole}", f"b={short}") == 2
    assert "a 200, b 199, labels.csv 200 rows" in capsys.readouterr().err


def test_what_was_fitted_on_probabilities_is_not_given_logits(tmp_path, capsys):
    labels(tmp_path)
    shares = softmax(logits(1.5), axis=1)
    said = [f"{n}={write(tmp_path / f'{n}.csv', CLASSES, shares)}" for n in "ab"]
    assert fit(tmp_path, *said) == 0
    write(tmp_path / "b.csv", CLASSES, np.log(shares))
    capsys.readouterr()
    assert main(["ensemble", *said, "--weights", str(tmp_path / "ensemble.json")]) == 2
    assert "b: holds logits, and the ensemble was fitted on its probab" in capsys.readouterr().err


def test_percentages_are_refused(tmp_path, capsys):
    labels(tmp_path)
    shares = softmax(logits(1.5), axis=1)
    said = [f"{n}={write(tmp_path / f'{n}.csv', CLASSES, 100 * shares)}" for n in "ab"]
    assert fit(tmp_path, *said) == 2
    assert "sum to 100; write shares from 0 to 1" in capsys.readouterr().err


def test_how_many_labelled_rows_a_model_answers_for_is_said(tmp_path, capsys):
    ids = [f"{place:03}" for place in range(200)]
    labels(tmp_path, ids)
    whole = write(tmp_path / "a.csv", CLASSES, logits(1.5), ids)
    plain = write(tmp_path / "b.csv", CLASSES, logits(1.5), range(200))  # zeros were lost
    assert fit(tmp_path, f"a={whole}", f"b={plain}") == 0
    assert "b has predictions for 100 of 200 labelled rows" in capsys.readouterr().err


def test_fused_predictions_hold_no_formulas(tmp_path):
    ids = [f"=1+{n}" for n in range(200)]
    given = [f"{n}={write(tmp_path / f'{n}.csv', CLASSES, logits(2), ids)}" for n in ("a", "b")]
    out, fused = tmp_path / "ensemble.json", tmp_path / "fused.csv"
    wanted = ["--labels", str(labels(tmp_path, ids)), "--out", str(out)]
    assert main(["ensemble", *given, *wanted]) == 0
    assert main(["ensemble", *given, "--weights", str(out), "--out", str(fused)]) == 0
    assert all(row["id"].startswith("'=") for row in rows_of(fused))


@pytest.mark.parametrize("shift", [0.0, 1.7e9])
def test_models_of_numbers_are_fused_nearly_as_well_as_least_squares_can(tmp_path, shift):
    """The ends of the range are no special numbers, and far from zero digits are kept."""
    rng = np.random.default_rng(0)
    truth = 10 * rng.normal(size=300)
    models = {name: truth + error * rng.normal(size=300) for name, error in (("a", 3), ("b", 5))}
    for name, numbers in {**models, "y": truth}.items():
        column = "y" if name == "y" else "prediction"
        lines = [f"{row},{number + shift:.4f}" for row, number in enumerate(numbers)]
        (tmp_path / f"{name}.csv").write_text("\n".join([f"id,{column}", *lines]) + "\n")
    given = [f"{name}={tmp_path / name}.csv" for name in models]
    kept, fused = tmp_path / "kept.json", tmp_path / "fused.csv"
    fit = ["--labels", str(tmp_path / "y.csv"), "--target", "y", "--out", str(kept)]
    assert main(["ensemble", *given, *fit]) == 0
    assert main(["ensemble", *given, "--weights", str(kept), "--out", str(fused)]) == 0
    answers = np.array([float(line.split(",")[1]) for line in fused.read_text().split()[1:]])
    both = np.stack(list(models.values()), axis=1)
    best = np.std(truth - both @ np.linalg.lstsq(both, truth, rcond=None)[0])
    assert np.std(answers - shift - truth) < 1.02 * best
