"""Cells from strangers, for every kind of column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.table.kinds import KINDS, Features, SequenceOfVectors
from g2d.table.preprocessing import Preprocessing
from g2d.table.serve.columns import Columns, Upload, short
from g2d.table.serve.json_rows import JsonRows
from g2d.table.serve.uploads import on_disk, shown_name


@pytest.fixture(scope="module")
def vectors():
    """One vector in a file or a number, three columns of numbers, a sequence."""
    single, block, steps = Features(["x"]), Features(["a", "b", "c"]), SequenceOfVectors(["s"])
    single.fit(lambda: iter([np.ones(1), np.zeros(1)]))
    block.fit(lambda: iter([np.ones(3), np.zeros(3)]))
    steps.fit(lambda: iter([np.ones((4, 2)), np.zeros((4, 2))]))
    return Columns(Preprocessing({"single": single, "block": block, "steps": steps}, "y"))


def test_numbers_may_stand_where_a_file_may(vectors):
    row = {"x": 2.5, "a": 1, "b": None, "c": "", "s": [[1, 2], [3, 4]]}
    assert vectors.checked(row) == {
        "x": "2.5",
        "a": "1",
        "b": None,
        "c": None,
        "s": "[[1, 2], [3, 4]]",
    }
    body = json.dumps({"rows": [{"x": 2.5, "s": [[1.0, 2.0]]}, {"x": {"base64": "aGk="}}]})
    first, second = JsonRows(vectors, 5).read(body.encode())
    assert (first["x"], first["s"]) == ("2.5", "[[1.0, 2.0]]")
    assert second["x"] == Upload(b"hi")
    (listed,) = JsonRows(vectors, 5).read(json.dumps({"rows": [{"x": [1, 2.5]}]}).encode())
    assert listed["x"] == "[1.0, 2.5]"


@pytest.mark.parametrize(
    "row", [{"x": "a.npy"}, {"s": "a.npy"}, {"s": "/a/[b].npy"}, {"a": "a.npy"}]
)
def test_paths_may_not(vectors, row):
    with pytest.raises(UserError, match="expected "):
        vectors.checked(row)
    with pytest.raises(UserError, match="row 1, "):
        JsonRows(vectors, 5).read(json.dumps({"rows": [row]}).encode())


@given(cell=st.text(max_size=30))
def test_no_cell_that_is_accepted_is_opened(vectors, cell):
    """Every kind decodes what is accepted in a folder that does not exist, without a file error."""
    for column in ("x", "s", "a"):
        try:
            sent = vectors.checked({column: cell})
        except UserError:
            continue
        for kind in vectors._kinds:
            cells = {name: sent.get(name) for name in kind.columns}
            said = ""
            try:
                kind.decode(cells, Path("/nowhere"))
            except UserError as error:
                said = str(error)
            assert "there is no file" not in said
            assert "lies outside" not in said


def test_a_kind_reads_files_unless_it_says_otherwise():
    """What forgets to say so is refused, not opened."""
    opened = {name for name, kind in KINDS.items() if kind(["a"]).opens("a.npy")}
    assert opened == set(KINDS) - {"text", "tabular"}


@given(name=st.text(max_size=90))
def test_a_name_is_one_short_part_that_prints(name):
    shown = shown_name(name)
    assert len(shown) <= 60
    assert not set(shown) & set("/\\\n\r\0")
    assert shown not in {".", ".."}
    shown.encode()


@given(name=st.text(max_size=90), value=st.one_of(st.text(), st.binary(), st.lists(st.integers())))
def test_uploads_lie_in_one_folder_while_they_are_read(name, value):
    assert len(short(value).splitlines()) == 1
    with on_disk([{"a": Upload(b"1", name), "b": None}, {"a": Upload(b"2", name)}]) as made:
        rows, folder, told = made
        assert {path.name for path in folder.iterdir()} == {row["a"] for row in rows}
        assert [(folder / row["a"]).read_bytes() for row in rows] == [b"1", b"2"]
        assert str(folder) not in told(f"{folder / rows[0]['a']} in {folder} of {folder}/b")
    assert not folder.exists()
