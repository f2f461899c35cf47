"""What all kinds promise: shapes, states as JSON, and fitting that sees the training rows only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.table.kinds import KINDS
from g2d.table.preprocessing import Preprocessing
from table.makers import write_clip, write_picture, write_sound

TEXTS = ["The cat sat.", "a cat, a hat", "你好 cat", "no such words at all", "the hat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five good rows and one of another size for each kind."""
    root = tmp_path_factory.mktemp("cells")
    rng = np.random.default_rng(0)
    for n in range(5):
        write_picture(root / f"{n}.png", n)
        write_sound(root / f"{n}.wav", n)
        write_clip(root / f"{n}.avi", 3 + n)
        np.save(root / f"{n}-vector.npy", rng.normal(3, 2, 7))
        np.save(root / f"{n}-steps.npy", rng.normal(3, 2, (2 + n, 3)))
    return root


def cells_of(kind, n):
    return {
        "image": {"c": f"{n}.png"},
        "audio": {"c": f"{n}.wav"},
        "video": {"c": f"{n}.avi"},
        "features": {"c": f"{n}-vector.npy"},
        "sequence": {"c": f"{n}-steps.npy"},
        "text": {"c": TEXTS[n]},
        "tabular": {"c": ["1", "2.5", None, "4", "-1"][n], "d": ["x", "y", "x", None, "z, w"][n]},
    }[kind]


def fitted(name, rows, folder, **options):
    kind = KINDS[name](list(cells_of(name, 0)), **options)
    arrays = [kind.decode(cells_of(name, n), folder) for n in rows]
    kind.fit(lambda: iter(arrays))
    return kind


@pytest.mark.parametrize("name", KINDS)
def test_a_state_as_json_gives_the_same_inputs_bit_for_bit(folder, name):
    kind = fitted(name, range(4), folder)
    saved = json.loads(json.dumps(Preprocessing({"m": kind}, "y").as_dict(), allow_nan=False))
    again = Preprocessing.from_dict(saved).kinds["m"]
    for n in range(5):
        array = kind.decode(cells_of(name, n), folder)
        one, other = kind.finish(array), again.finish(again.decode(cells_of(name, n), folder))
        assert one.dtype == other.dtype == kind.dtype
        assert one.tobytes() == other.tobytes()
        assert one.shape == kind.shape == again.shape
        assert np.isfinite(one).all()
    assert kind.suggested == again.suggested
    assert again.state() == kind.state()


@pytest.mark.parametrize("name", KINDS)
def test_fitting_twice_is_fitting_once(folder, name):
    once, twice = fitted(name, range(2), folder), fitted(name, range(5), folder)
    arrays = [twice.decode(cells_of(name, n), folder) for n in range(2)]
    twice.fit(lambda: iter(arrays))
    assert twice.state() == once.state()


@pytest.mark.parametrize("name", KINDS)
def test_empty_cells_are_nothing(folder, name):
    kind = KINDS[name](["c", "d"] if name == "tabular" else ["c"])
    assert kind.decode({"c": None, "d": None}, folder) is None
    assert kind.files({"c": None, "d": None}, folder) == []


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.paths])
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("nowhere.bin", "there is no file 'nowhere.bin'"),
        ("zero.bin", "empty \\(0 bytes\\)"),
        ("../secret.bin", "lies outside"),
        ("a/../../secret.bin", "lies outside"),
        ("https://example.org/a.png", "address of the web"),
        ("nul\0l", "is no path"),
        ("x" * 400, "there is no file"),
        ("y" * 5000, "is no path"),
        (".", "there is no file"),
        ("noise.bin", "noise.bin"),
    ],
)
def test_broken_paths_are_told_apart(folder, name, cell, said):
    (folder / "zero.bin").touch()
    (folder / "noise.bin").write_bytes(np.random.default_rng(0).bytes(500))
    (folder.parent / "secret.bin").write_bytes(b"secret")
    kind = KINDS[name](["c"])
    with pytest.raises(UserError, match=said) as error:
        kind.decode({"c": cell}, folder)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    kind.files({"c": cell}, folder)


@pytest.mark.parametrize("ending", ["png", "wav", "avi", "npy"])
def test_files_that_end_early_or_hold_something_else_are_refused(folder, tmp_path, ending):
    name = {"png": "image", "wav": "audio", "avi": "video", "npy": "features"}[ending]
    source = folder / ("0-vector.npy" if ending == "npy" else f"0.{ending}")
    (tmp_path / f"cut.{ending}").write_bytes(source.read_bytes()[:40])
    other = folder / ("0.wav" if ending != "wav" else "0.png")
    (tmp_path / f"other.{ending}").write_bytes(other.read_bytes())
    kind = KINDS[name](["c"])
    for cell in (f"cut.{ending}", f"other.{ending}"):
        with pytest.raises(UserError, match=cell):
            kind.decode({"c": cell}, tmp_path)


def test_links_within_the_folder_and_paths_of_windows_are_followed(folder, tmp_path):
    (tmp_path / "pictures").symlink_to(folder)
    kind = KINDS["image"](["c"])
    expected = kind.decode({"c": "1.png"}, folder)
    for cell in ("pictures/1.png", "pictures\\1.png", str(folder / "1.png")):
        assert np.array_equal(kind.decode({"c": cell}, tmp_path), expected)
        assert [path.is_file() for path in kind.files({"c": cell}, tmp_path)] == [True]


@settings(max_examples=100)
@given(cell=st.text(max_size=30))
def test_no_cell_ends_in_anything_but_an_array_or_a_reason(cell):
    for name, made in KINDS.items():
        kind = made(["c"])
        try:
            array = kind.decode({"c": cell}, Path())
        except UserError:
            continue
        if array is not None:
            kind.fit(lambda array=array: iter([array]))
            assert kind.finish(array).shape == kind.shape, name


def test_batches_of_new_rows_say_what_could_not_be_used(folder):
    kinds = {name: fitted(name, range(5), folder) for name in ("image", "text")}
    tabular = KINDS["tabular"](["a", "b"])
    arrays = [tabular.decode({"a": f"{n}", "b": "x"}, folder) for n in range(5)]
    tabular.fit(lambda: iter(arrays))
    made = Preprocessing({**kinds, "numbers": tabular}, "y")
    image, text = kinds["image"], kinds["text"]
    image.columns, image._column, text.columns, text._column = ("i",), "i", ("t",), "t"
    rows = [
        {"i": "0.png", "t": "the cat", "a": "3", "b": "x"},
        {"i": "none.png", "a": "three", "b": "x"},
        {},
    ]
    batch, reasons = made.batch(rows, folder)
    assert {name: mask.tolist() for name, mask in batch.present.items()} == {
        "image": [True, False, False],
        "text": [True, False, False],
        "numbers": [True, True, False],
    }
    assert reasons[0] == reasons[2] == {}
    assert list(reasons[1]) == ["image", "numbers"]
    assert reasons[1]["numbers"] == "a: 'three' is no number, taken as empty"
    assert (batch.inputs["image"][1:] == 0).all()
    assert batch.inputs["text"].dtype is not batch.inputs["image"].dtype
