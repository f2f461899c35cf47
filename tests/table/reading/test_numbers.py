"""Numbers as people write them, against what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.errors import UserError
from g2d.table.dataset import TableData
from g2d.table.inspection.inspect import inspect_table
from g2d.table.predict import Predictor
from g2d.table.reading.cells import as_cell, number_of
from g2d.table.reading.numbers import reading_note, reading_of, with_plain_numbers
from g2d.table.reading.numerals import Written, plain
from g2d.table.reading.source import Table, read_table

STYLES = {  # decimal mark, mark between thousands
    "English": (".", ","),
    "German": (",", "."),
    "French": (",", "\u202f"),
    "Swiss": (".", "\u2019"),
    "plain": (".", ""),
}
AROUND = {"": "{}", "$": "${}", "€": "{} €", "%": "{}%", "cm": "{} cm", "USD": "USD {}"}


def written(number: float, style: str, around: str, places: int) -> str:
    decimal, thousands = STYLES[style]
    text = f"{abs(number):,.{places}f}".replace(",", "T").replace(".", decimal)
    text = AROUND[around].format(text.replace("T", thousands))
    return f"-{text}" if number < 0 else text


@given(
    st.lists(st.floats(-1e7, 1e7), min_size=11, max_size=40, unique=True),
    st.sampled_from(sorted(STYLES)),
    st.sampled_from(sorted(AROUND)),
    st.sampled_from([1, 2]),
)
def test_a_column_written_in_one_style_is_read_as_it_was_meant(numbers, style, around, places):
    cells = [written(number, style, around, places) for number in numbers]
    if len(set(cells)) <= 10:  # few values in letters are names
        return
    reading = reading_of(cells)
    found = [number_of(plain(cell, reading.written)) for cell in cells]
    assert found == [pytest.approx(float(f"{number:.{places}f}")) for number in numbers]


@pytest.mark.parametrize("style", ["English", "German", "French", "Swiss"])
def test_whole_numbers_tell_by_those_below_a_thousand(style):
    numbers = np.random.default_rng(0).integers(1, 3000, 60).tolist()
    cells = [written(number, style, "", 0) for number in numbers]
    reading = reading_of(cells)
    assert not reading.unsure
    assert [float(plain(cell, reading.written)) for cell in cells] == numbers


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_numbers_that_come_as_numbers_are_never_reread(numbers):
    cells = [as_cell(number) for number in numbers]
    table = Table({"a": cells}, Path(), "t")
    plainly, readings = with_plain_numbers(table)
    assert plainly.columns["a"] == cells
    assert readings == {}
    assert [plain(cell, Written(",", ".")) for cell in cells] == cells


@pytest.mark.parametrize(
    "cells",
    [
        ["p001", "p002", "p003"],  # whose numbers they are
        ["4WD", "2WD", "4WD", "2WD"],
        ["12:30", "07:15"],
        ["31.12.2024", "01.02.2023"],
        ["1.2.3", "1.10.0"],
        ["3/4", "1/2"],
        ["10-20", "20-30"],
        ["red", "12"],
        ["192.168.0.1", "10.0.0.12"],
        ["170 cm", "1.8 m", "5 ft", "66 in"],
    ],
)
def test_what_is_no_number_stays_as_it_is(cells):
    plainly, readings = with_plain_numbers(Table({"a": cells}, Path(), "t"))
    assert (plainly.columns["a"], readings) == (cells, {})


def test_what_cannot_be_told_is_asked_and_the_answer_is_followed(tmp_path):
    path = tmp_path / "t.csv"
    lines = [f'"1,{200 + 7 * n}",the dog {n} runs,{"ab"[n % 2]}' for n in range(40)]
    path.write_text("\n".join(["sold,note,y", *lines]) + "\n")
    _, notes = inspect_table(path, "y")
    asked = next(note for note in notes if note.startswith("sold"))
    assert "'1,200' is read as 1200, which is a guess" in asked
    assert "add numbers: {sold: decimal_comma} to data" in asked
    assert TableData(path, "y").contents.table.columns["sold"][0] == "1200"
    answered = TableData(path, "y", numbers={"sold": "decimal_comma"})
    assert answered.contents.table.columns["sold"][0] == "1.200"
    for wrong in ({"nothing": "decimal_comma"}, {"sold": "comma"}):
        with pytest.raises(UserError, match="expected decimal_point or decimal_comma"):
            TableData(path, "y", numbers=wrong)


def money(path: Path, rows: int = 90) -> list[float]:
    rng = np.random.default_rng(1)
    income = rng.normal(50_000, 9000, rows).round()
    lines = [
        f'"${value:,.0f}",{rng.normal(30, 9):.1f}%,{rng.normal(170, 8):.0f} cm,'
        f"nothing to say {n},{'yn'[n % 2]}"
        for n, value in enumerate(income)
    ]
    path.write_text("\n".join(["income,share,height,note,y", *lines]) + "\n")
    return income.tolist()


def test_money_shares_and_lengths_are_numbers_and_what_was_taken_away_is_said(tmp_path):
    income = money(tmp_path / "t.csv")
    recipe, notes = inspect_table(tmp_path / "t.csv", "y")
    assert recipe["data"]["modalities"]["tabular"]["columns"] == ["income", "share", "height"]
    assert "income: numbers, without $ and the commas between thousands" in notes
    assert "share: numbers, without %" in notes
    assert "height: numbers, without cm" in notes
    read = TableData(tmp_path / "t.csv", "y")
    assert [float(cell) for cell in read.contents.table.column("income")] == income
    target, _ = inspect_table(tmp_path / "t.csv", "income")
    assert target["data"]["task"] == "regression"
    assert TableData(tmp_path / "t.csv", "income").contents.target.values.tolist() == income


@pytest.mark.parametrize("bare", ["0.632", "63.2", as_cell(0.632), as_cell(63.2)])
def test_a_number_without_the_percent_sign_of_its_column_is_not_guessed_at(bare):
    """63.2 or 0.632: nothing tells a share from its hundredfold."""
    cells = [f"{n}.5%" for n in range(20, 60)] + [bare] * 4
    table, readings = with_plain_numbers(Table({"share": cells}, Path(), "t"))
    numbers = [number_of(cell) for cell in table.columns["share"]]
    assert numbers[:40] == [n + 0.5 for n in range(20, 60)]
    assert np.isnan(numbers[40:]).all()
    said = reading_note("share", readings["share"])
    assert "(4 cells lack the %, so their size is not known, and are taken as empty" in said


def test_a_column_half_of_which_lacks_the_percent_sign_is_said_to(tmp_path):
    shares = [f"{n / 7:.2f}" + "%" * (n % 2) for n in range(60, 120)]
    lines = [f"{share},the dog {n} runs {n},{'ab'[n % 3 % 2]}" for n, share in enumerate(shares)]
    (tmp_path / "t.csv").write_text("\n".join(["share,note,y", *lines]) + "\n")
    with pytest.raises(UserError, match="share: numbers in several units \\(none, %\\); write"):
        inspect_table(tmp_path / "t.csv", "y")


@pytest.mark.parametrize("form", ["{}", "${}", "{} €"])
def test_thousands_and_millions_are_multiplied_in(form):
    written = {"800": 800, "1.2k": 1200, "35.5k": 35_500, "3M": 3e6, "2.05 Mio.": 2_050_000}
    written |= {f"{n}.5k": n * 1000 + 500 for n in range(10, 30)}
    cells = [form.format(number) for number in written]
    table, readings = with_plain_numbers(Table({"views": cells}, Path(), "t"))
    assert [number_of(cell) for cell in table.columns["views"]] == list(written.values())
    assert "k, M and the like are multiplied in" in reading_note("views", readings["views"])


def test_a_size_that_all_numbers_have_is_their_unit():
    """300 K may be as warm as it is many."""
    cells = [f"{n} K" for n in range(280, 320)]
    table, readings = with_plain_numbers(Table({"warm": cells}, Path(), "t"))
    assert table.columns["warm"] == [str(n) for n in range(280, 320)]
    assert plain("300", readings["warm"].written) == "300 without K"
    masses = [f"{n} kg" for n in range(280, 320)]
    assert with_plain_numbers(Table({"m": masses}, Path(), "t"))[1]["m"].written.unit == "kg"


def test_new_rows_are_read_as_those_of_training_were(g2d, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))
    money(tmp_path / "t.csv")
    said = g2d(
        "train",
        tmp_path / "t.csv",
        "--target",
        "y",
        "--out",
        tmp_path / "runs",
        "--method",
        "joint",
        "--training.epochs",
        1,
    )
    assert said.status == 0, said.err
    predictor = Predictor(next((tmp_path / "runs").glob("t-*/")))
    cells = {"share": "30.5%", "height": "171 cm", "note": "nothing"}
    rows = [{**cells, "income": income} for income in ("$50,000", "50000", as_cell(50000.0))]
    one, *others = predictor.rows(rows)
    assert one.reasons == {}
    assert all(other == one for other in others)
    frame = pandas.DataFrame([{"income": 50000.0, "share": 30.5, "height": 171, "note": "nothing"}])
    typed = next(predictor.table(frame))[1]
    assert "'30.5' is no number in %" not in str(typed.reasons)
    assert typed.answer == one.answer
    lone = predictor.rows([{**cells, "income": "fifty thousand"}])[0]
    assert "income: 'fifty thousand' is no number" in lone.reasons["tabular"]


def test_a_table_of_semicolons_is_read_by_the_column_too(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n" + "".join(f"{n},5;{n}.5;1.{n:03}\n" for n in range(100, 140)))
    plainly, _ = with_plain_numbers(read_table(path))
    assert plainly.row(1) == {"a": "101.5", "b": "101.5", "c": "1.101"}


def test_a_small_price_with_three_digits_is_asked_about():
    """The litre at 1,659 €, or a car at 1,659 €?"""
    litres = [f"1,{digits:03d} €" for digits in range(601, 641)]
    assert reading_of(litres).unsure
    cars = [f"{euros},{digits} €" for euros in range(8, 48) for digits in (250, 500)]
    assert not reading_of(cars).unsure


@pytest.mark.parametrize(("cell", "number"), [("12,34,567", 1234567), ("1,234,567", 1234567)])
def test_groups_of_two_are_parted_by_commas_alone(cell, number):
    commas = reading_of([cell, *(f"{n:,}" for n in range(1_000_000, 1_000_020))])
    assert number_of(plain(cell, commas.written)) == number
    dots = Written(",", ".")
    assert number_of(plain("1.234.567", dots)) == 1234567
    assert np.isnan(number_of(plain("12.34.567", dots)))
