"""Classes and categories that are one under several spellings, and targets that are no classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from g2d.table.inspection.inspect import inspect_table
from g2d.table.kinds import Tabular

WORDS = np.array(["the", "of", "near", "house", "tree", "walk", "day", "long", "time", "river"])
ROWS = 120


def notes_of(tmp_path, **columns):
    rng = np.random.default_rng(0)
    made = {
        "note": [" ".join(rng.choice(WORDS, 7)) for _ in range(ROWS)],
        "age": rng.normal(40, 9, ROWS).round(1),
        "y": ["yn"[n % 2] for n in range(ROWS)],
    }
    pd.DataFrame({**made, **columns}).to_csv(tmp_path / "t.csv", index=False)
    return inspect_table(tmp_path / "t.csv", "y")[1]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["hot dog", "hot  dog", "cat"], "differ in blanks or signs that look alike only"),
        (["hot dog", "hot\u00a0dog", "cat"], "'hot\\xa0dog' (40 rows)"),
        (["caf\u00e9", "cafe\u0301", "cat"], "'cafe\\u0301' (40 rows)"),
        (["cat.", "cat", "dog"], "'cat.' (40 rows), 'cat' (40 rows)"),
        (["Cat", "cat", "dog"], "differ in capitals only"),
    ],
)
def test_one_name_in_two_spellings_is_named(tmp_path, names, said):
    cells = [names[n % 3] for n in range(ROWS)]
    (note,) = [note for note in notes_of(tmp_path, y=cells) if "differ in" in note]
    assert note.startswith("classes that differ")
    assert said in note
    assert ("ignore_case" in note) is ("capitals" in note)
    (note,) = [note for note in notes_of(tmp_path, kind=cells) if "differ in" in note]
    assert note.startswith("kind: values that differ")
    assert said in note


def test_other_names_are_not(tmp_path):
    cells = [["dr.who", "drwho", "a b"][n % 3] for n in range(ROWS)]
    assert not [note for note in notes_of(tmp_path, y=cells, kind=cells) if "differ" in note]


DAYS = [f"2024-{n % 12 + 1:02}-{n // 12 + 1:02}" for n in range(60)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (DAYS, "its cells are dates, which are not predicted"),
        ([f"{n // 20 + 1}:{n % 20 + 10}" for n in range(60)], "its cells are times of day"),
        ([f"{n}h 5m" for n in range(60)], "its cells are durations"),
        (
            [f"<{n}.25" if n % 3 == 0 else f"{n}.25" for n in range(60)],
            "most of its cells are numbers, and '<0.25', '<3.25', '<6.25' and 17 more are none",
        ),
        ([f"name{n}" for n in range(60)], "60 classes in 120 rows, which is few rows of each"),
    ],
)
def test_a_target_of_very_many_classes_is_called_what_it_is(tmp_path, cells, said):
    assert any(said in note for note in notes_of(tmp_path, y=cells * 2))
    assert not any("few rows of each" in note for note in notes_of(tmp_path, y=cells[:12] * 10))


def test_rare_classes_are_named_in_one_line(tmp_path):
    cells = [f"rare{n}" if n < 30 else "yn"[n % 2] for n in range(ROWS)]
    assert "30 classes come once or never ('rare0', 'rare1', 'rare10' and 27 more)" in notes_of(
        tmp_path, y=cells
    )
    assert "class 'rare0' comes 1 time only" in notes_of(
        tmp_path, y=[cells[0], *cells[30:], "y"] + ["n"] * 28
    )


def test_dates_that_are_written_as_numbers_are_named_and_can_be_read(tmp_path):
    days = [f"20{n % 20 + 10}{n % 12 + 1:02}{n % 28 + 1:02}" for n in range(ROWS)]
    (note,) = [note for note in notes_of(tmp_path, day=days) if "looks like dates" in note]
    assert "day is read as numbers" in note
    assert "types: {day: date}" in note
    made = []
    for cells in (days, [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in days]):
        kind = Tabular(["day"], types={"day": "date"})
        arrays = [kind.decode({"day": cell}, tmp_path) for cell in cells]
        kind.fit(lambda arrays=arrays: iter(arrays))
        made.append(kind.finish_all(arrays))
    np.testing.assert_array_equal(*made)
    counts = [str(20240100 + n) for n in range(ROWS)]
    assert not [note for note in notes_of(tmp_path, day=counts) if "looks like" in note]
