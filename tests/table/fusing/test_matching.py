"""Rows of several tables are matched by ids; what does not match is said, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from table.fusing.written import fitted, models, predicted, refused, write

RNG = np.random.default_rng(7)
NAMES = ["cat", "dog", "owl"]
TRUTH = RNG.integers(0, 3, 100)
IDS = [f"{place:03}" for place in range(100)]


def logits():
    return 2 * np.eye(3)[TRUTH] + RNG.normal(size=(100, 3))


def labels(folder, ids=IDS):
    return write(folder / "labels.csv", ["kind"], [[NAMES[one]] for one in TRUTH], ids)


def two(folder, ids, others, a=None, b=None):
    first = models(folder, NAMES, ids, a=logits() if a is None else a)
    return first + models(folder, NAMES, others, b=logits() if b is None else b)


@pytest.mark.parametrize(
    ("written", "example"),
    [
        ("{}.jpg", "('0.jpg' there, '000' here)"),
        ("x{}", "('x0' there, '000' here)"),
        ("photos/{:03}.jpg", "('photos/000.jpg' there, '000' here)"),
    ],
)
def test_a_model_of_other_ids_is_refused_with_an_example(tmp_path, capsys, written, example):
    truth = labels(tmp_path)
    said = two(tmp_path, IDS, [written.format(place) for place in range(100)])
    line = refused(capsys, *said, "--labels", truth)
    assert f"b: 0 of the 100 ids of labels.csv are among its 100 {example}" in line
    assert "write ids alike in every table, or name their column: --id COLUMN" in line


def test_fewer_rows_than_folds_are_too_few_of_a_model(tmp_path, capsys):
    truth = labels(tmp_path)
    said = two(tmp_path, IDS, [*IDS[:4], *(f"new{place}" for place in range(96))])
    line = refused(capsys, *said, "--labels", truth)
    assert "b: 4 of the 100 ids of labels.csv are among its 100, expected 5 or more" in line


def test_fewer_labels_than_folds_are_too_few(tmp_path, capsys):
    write(tmp_path / "labels.csv", ["kind"], [["cat"], ["dog"], ["cat"]], IDS[:3])
    line = refused(capsys, *two(tmp_path, IDS, IDS), "--labels", tmp_path / "labels.csv")
    assert line.endswith("labels.csv has 3 rows, expected 5 or more to fit weights on")


def test_a_part_that_matches_is_said_with_an_example_of_the_rest(tmp_path, capsys):
    labels(tmp_path)
    fitted(tmp_path, two(tmp_path, IDS, [str(int(one)) for one in IDS[:50]] + IDS[50:]))
    told = capsys.readouterr().err
    assert (
        "b has predictions for 50 of 100 labelled rows, and 50 of its ids are none of labels.csv"
        in told
    )
    assert "('0' there, '000' here)" in told
    # what has more rows than the labels is as it should be
    write(tmp_path / "labels.csv", ["kind"], [[NAMES[one]] for one in TRUTH[:90]], IDS[:90])
    fitted(tmp_path, two(tmp_path, IDS, IDS))
    assert not capsys.readouterr().err


def test_new_rows_of_which_no_two_tables_speak_are_refused(tmp_path, capsys):
    labels(tmp_path)
    fitted(tmp_path, two(tmp_path, IDS, IDS))
    said = two(tmp_path, IDS, [f"{one}.jpg" for one in IDS])
    line = refused(capsys, *said, "--weights", tmp_path / "ensemble.json")
    assert (
        "a: 0 of its 100 ids are among those of other models ('000' here, '000.jpg' there)" in line
    )
    said = two(tmp_path, IDS, [*IDS[:90], *(f"{one}.jpg" for one in IDS[90:])])
    capsys.readouterr()
    assert len(predicted(tmp_path, said)) == 110
    told = capsys.readouterr().err
    assert "a has predictions for 100 of 110 rows (not for '090.jpg')" in told
    assert "b has predictions for 100 of 110 rows (not for '090')" in told


def test_a_model_without_answers_is_a_table_of_its_header_alone(tmp_path, capsys):
    labels(tmp_path)
    found = fitted(tmp_path, two(tmp_path, IDS, IDS))
    rows = logits()
    said = two(tmp_path, IDS, [], a=rows, b=[])
    answers = [row["prediction"] for row in predicted(tmp_path, said)]
    assert answers == [NAMES[place] for place in rows.argmax(axis=1)]
    assert found["weights"]["b"] > 0
    # without ids as well
    write(tmp_path / "labels.csv", ["kind"], [[NAMES[one]] for one in TRUTH])
    fitted(tmp_path, two(tmp_path, None, None))
    said = two(tmp_path, None, None, a=rows, b=[])
    assert [row["prediction"] for row in predicted(tmp_path, said)] == answers
    nothing = two(tmp_path, None, None, a=[], b=[])
    line = refused(capsys, *nothing, "--weights", tmp_path / "ensemble.json")
    assert "no table has a row to predict" in line


def test_a_row_of_empty_cells_is_one_that_the_model_lacks(tmp_path, capsys):
    rows = logits().tolist()
    write(tmp_path / "labels.csv", ["kind"], [[NAMES[one]] for one in TRUTH])
    whole = logits()
    rows[3] = ["", "", ""]
    said = two(tmp_path, None, None, a=rows, b=whole)
    fitted(tmp_path, said)
    assert "a has predictions for 99 of 100 labelled rows" in capsys.readouterr().err
    answers = [row["prediction"] for row in predicted(tmp_path, said)]
    assert len(answers) == 100
    assert answers[3] == NAMES[whole[3].argmax()]
    nobody = [rows[0], ["", "", ""], rows[2]]
    said = two(tmp_path, None, None, a=nobody, b=[whole[0], ["", "", ""], whole[2]])
    capsys.readouterr()
    assert [row["id"] for row in predicted(tmp_path, said)] == ["1", "3"]
    assert "1 rows are left out, as all their cells are empty" in capsys.readouterr().err
    rows[5][1] = ""
    said = two(tmp_path, None, None, a=rows, b=whole)
    line = refused(capsys, *said, "--labels", tmp_path / "labels.csv")
    assert "a.csv, row 6: 'dog' is empty, expected a number" in line
    assert "leave all cells of the row empty" in line


def test_rows_without_an_id_are_refused(tmp_path, capsys):
    truth = labels(tmp_path, ["", *IDS[1:]])
    said = two(tmp_path, ["", *IDS[1:]], IDS)
    assert "row 1: 'id' is empty" in refused(capsys, *said, "--labels", truth)


def test_whole_numbers_with_and_without_a_point_are_one_id(tmp_path, capsys):
    labels(tmp_path, range(100))
    said = two(tmp_path, [f"{place}.0" for place in range(100)], range(100))
    found = fitted(tmp_path, said)
    assert found["measured"]["a"]["accuracy"] > 0.7
    assert not capsys.readouterr().err
