"""What is to be predicted is read off a column, and broken cells are named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import LabelEncoder, MultiLabelBinarizer

from g2d.errors import UserError
from g2d.table.columns.asked import Asked
from g2d.table.columns.targets import in_order, rare, read_target, without_classes

SCALE = ("very low", "low", "medium", "high")


@given(st.lists(st.sampled_from(["cat", "dog", "emu", "x-ray"]), min_size=2))
def test_classes_are_numbered_as_scikit_learn_does(cells):
    if len(set(cells)) == 1:
        with pytest.raises(UserError, match="in every row"):
            read_target(cells, "y")
        return
    target = read_target(cells, "y")
    encoder = LabelEncoder()
    assert target.values.tolist() == encoder.fit_transform(cells).tolist()
    assert target.names == tuple(encoder.classes_)
    assert target.task == "classification"


@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=1).filter(lambda s: any(map(len, s))))
def test_labels_are_bits_as_scikit_learn_has_them(sets):
    bars = ["|".join(sorted(labels)) or "|" for labels in sets]
    lists = [str(sorted(labels)).replace("'", '"') for labels in sets]
    expected = MultiLabelBinarizer()
    bits = expected.fit_transform(sets)
    for cells in (bars, lists):
        target = read_target(cells, "y", "multilabel")
        assert target.values.tolist() == bits.tolist()
        assert target.names == tuple(expected.classes_)
        assert not target.unusable


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b"] * 5, "classification"),
        (["a|b", "b", "c"], "multilabel"),
        (['["a", "b"]', "[]", '["c"]'], "multilabel"),
        ([f"{n / 7}" for n in range(30)], "regression"),
        ([str(n % 3) for n in range(30)], "classification"),
        ([f"{n % 3}.0" for n in range(30)], "classification"),
        (["0", "1"] * 2, "classification"),
        (["0.5", "1.5"] * 20, "classification"),
        ([str(n) for n in range(30)], "regression"),
        ([str(n % 25) for n in range(500)], "regression"),
        (["1", "2", "3", "4", "5"], "regression"),
        # one in eight is broken
        ([f"{n / 7}" if n % 8 else "none" for n in range(80)], "regression"),
        ([str(n % 3) if n % 8 else "?" for n in range(80)], "classification"),
        (["true", "false", None, "true"], "classification"),
    ],
)
def test_the_task_is_read_off_the_cells(cells, task):
    assert read_target(cells, "y").task == task


def test_numbers_and_what_is_none():
    cells = ["1.5", None, "two", "-3e2", "inf", "1e39", "7"]
    target = read_target(cells, "price", "regression")
    assert target.values.dtype == np.float32
    assert np.isfinite(target.values).all()
    assert target.values[[0, 3, 6]].tolist() == [1.5, -300.0, 7.0]
    assert target.unusable == {
        1: "no target",
        2: "the target 'two' is no number",
        4: "the target 'inf' is no number",
        5: "the target 1e39 is too large",
    }


@pytest.mark.parametrize("shift", [0.0, 1e5, 1.7e9])
def test_what_tells_numbers_apart_is_not_rounded_away(shift):
    numbers = np.linspace(0, 1, 41)
    target = read_target([f"{shift + number:.4f}" for number in numbers], "time", "regression")
    assert np.abs(target.values - shift - numbers).max() < 1e-4


def test_names_of_classes_are_kept_as_they_are_written():
    codes = ["007", "7", "12345678901234567890", "12345678901234567891"]
    assert set(read_target(codes, "y", "classification").names) == set(codes)
    assert read_target(["3.0", "10", None, "3"], "y").names == ("3", "10")
    assert read_target(["10", "9", "b", "a"], "y", "classification").names == ("9", "10", "a", "b")


def test_a_label_that_is_no_text_is_left_out():
    target = read_target(["cat", "d\ufffdg", "dog"], "y")
    assert target.names == ("cat", "dog")
    assert "no text" in target.unusable[1]


@pytest.mark.parametrize(
    ("cells", "task", "said"),
    [
        ([None, None], "auto", "empty in every row"),
        (["a", "a", None], "auto", "'a' in every row"),
        ([f"name {n}" for n in range(30)], "auto", "different in each of 30 rows"),
        (["a", "b"], "regression", "no number"),
        (["|", "|"], "auto", "no label"),
        (["a", "b"], "guess", "expected auto, classification"),
    ],
)
def test_targets_that_cannot_be_learnt(cells, task, said):
    with pytest.raises(UserError, match=said) as error:
        read_target(cells, "y", task)
    assert "\n" not in str(error.value)


def test_rare_classes_are_counted_among_usable_rows():
    target = read_target(["a", "a", "b", "c", None], "y")
    assert rare(target) == {"b": 1, "c": 1}
    assert rare(target, least=3) == {"a": 2, "b": 1, "c": 1}
    assert rare(read_target(["1.5", "2.5", "3.5"], "y")) == {}


@given(st.lists(st.sampled_from("abcd"), min_size=6, max_size=20), st.sets(st.integers(0, 3)))
def test_classes_that_go_leave_the_others_their_names(cells, gone):
    cells = ["a", "b", "c", "d", *cells]
    target = read_target(cells, "y")
    if len(gone) > 2:
        with pytest.raises(UserError, match="expected 2 or more"):
            without_classes(target, gone)
        return
    left = without_classes(target, gone)
    for row, cell in enumerate(cells):
        if int(target.values[row]) not in gone:
            assert left.names[int(left.values[row])] == cell
    assert len(left.names) == 4 - len(gone)


@given(st.lists(st.sampled_from(SCALE), min_size=2).filter(lambda cells: len(set(cells)) > 1))
def test_classes_in_order_are_numbered_as_they_are_listed(cells):
    target = in_order(read_target([*cells, None], "y"), SCALE)
    there = [name for name in SCALE if name in cells]
    assert list(target.names) == there
    assert target.values[:-1].tolist() == [there.index(cell) for cell in cells]
    assert list(target.unusable) == [len(cells)]


def test_what_is_asked_of_classes_in_order_is_checked():
    cells = ["low", "high", "medium"] * 9
    asked = Asked.of({"name": "classification", "selects": "mae", "order": [*SCALE]})
    assert asked.target(cells, "y").names == ("low", "medium", "high")
    assert Asked.of({"name": asked.name, **asked.options()}) == asked
    assert Asked.of({"selects": "mae"}).target(["1", "2", "3"] * 9, "y").names == ("1", "2", "3")
    spelt = Asked.of({"order": ["Low", "MEDIUM", "high"], "ignore_case": True})
    assert spelt.target(cells, "y").names == ("low", "medium", "high")
    with pytest.raises(UserError, match=r"add order: \[high, low, medium\], from the lowest"):
        Asked.of({"selects": "mae"}).target(cells, "y")
    with pytest.raises(UserError, match="the class 'medium' of the target is not in it"):
        Asked.of({"order": ["low", "high"]}).target(cells, "y")
    for wrong in ("low", ["low"], ["low", "low"], {"low": 1}, 3):
        with pytest.raises(UserError, match=r"task\.order: got .*expected every class once"):
            Asked.of({"order": wrong})
    assert Asked.of({"order": [1.0, 2.0, 3]}).order == ("1", "2", "3")  # as a table has them
    assert Asked.of({"order": ["3", "2", "1"]}).order == ("3", "2", "1")
    with pytest.raises(UserError, match=r"neither rise nor fall; expected \[1, 2, 10\]"):
        Asked.of({"order": [1, 10, 2]})
    with pytest.raises(
        UserError, match=r"task\.selects: got 'rmse', expected accuracy, uar, macro_f1, mae"
    ):
        Asked.of({"selects": "rmse"})


def test_a_word_among_numbers_is_a_class_and_no_number():
    classes = ["0", "1", "2", "unknown"] * 60
    assert read_target(classes, "y", "classification").names == ("0", "1", "2", "unknown")
    assert read_target(["0", "1", "2", "none"] * 60, "y").names == ("0", "1", "2", "none")
    numbers = [f"{n / 7}" if n % 3 else "NA" for n in range(90)]
    target = read_target(numbers, "y")
    assert target.task == "regression"
    assert list(target.unusable) == list(range(0, 90, 3))
