"""A file of arrays is read as it was written, or its damage is named, whichever bit it is."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from g2d.data.missing import Mask
from g2d.engine.records import read_predictions
from g2d.errors import UserError
from g2d.runs import experts
from g2d.shallow.store import load_floors
from g2d.tasks import Classification

LOGITS = np.arange(10, dtype=np.float32).reshape(5, 2)


class Finished:
    """A run folder that has ended, as `experts` asks for one."""

    finished = True

    def __init__(self, path):
        self.path = path


def as_lists(arrays):
    return arrays and {name: array.tolist() for name, array in arrays.items()}


def floors_of(folder):
    floors = load_floors(folder / "floors.npz", Classification(2))
    return floors and {name: as_lists(said) for name, said in floors.logits.items()}


ABOUT = np.array(json.dumps({"reads": {"svm": ["x"]}, "notes": []}))
# By file: what it holds, as NumPy itself writes it, and what reads it.
READERS = {
    "predictions-val.npz": (
        {"index": np.arange(5), "target": np.arange(5) % 2, "logits/fused": LOGITS},
        lambda folder: as_lists(read_predictions(folder, "val")),
    ),
    "floors.npz": ({"about": ABOUT, "svm/val": LOGITS, "svm/test": LOGITS}, floors_of),
    "logits.npz": (
        {"train": LOGITS, "val": LOGITS + 1},
        lambda folder: as_lists(experts._load(Finished(folder))),
    ),
}


def outcome(read, folder):
    """What is read, or `None` where the file is named or is to be made again."""
    try:
        return read(folder)
    except UserError as error:
        said = str(error)
    assert re.fullmatch(
        r".*\.npz is cut short or damaged \(.+\); g2d evaluate makes it again", said
    )
    return None


@pytest.mark.parametrize("name", READERS)
def test_no_flipped_bit_is_another_result_or_an_error_of_a_library(tmp_path, name):
    content, read = READERS[name]
    file = tmp_path / name
    np.savez_compressed(file, **content)
    whole, truth = file.read_bytes(), read(tmp_path)
    assert truth
    listed = 8 * whole.index(b"PK\x01\x02")  # from there on no checksum is written
    places = [*range(0, listed, 5), *range(listed, 8 * len(whole))]
    refused = 0
    for place in places:
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        found = outcome(read, tmp_path)
        assert found in (None, truth), place
        refused += found is None
    assert refused > len(places) / 3  # of dates and versions nobody asks


@pytest.mark.parametrize("name", READERS)
def test_nothing_is_read_from_a_file_that_is_cut_short(tmp_path, name):
    content, read = READERS[name]
    file = tmp_path / name
    np.savez_compressed(file, **content)
    whole = file.read_bytes()
    for size in range(0, len(whole), 3):
        file.write_bytes(whole[:size])
        assert outcome(read, tmp_path) is None, size


def test_a_mask_that_lost_an_array_is_named(tmp_path):
    """The list of an archive's files has no checksum: a length in it hides what comes after."""
    file = Mask("train", ("a", "b"), 0.5, 0, np.ones((4, 2), bool)).save(tmp_path / "mask.npz")
    whole = bytearray(file.read_bytes())
    entry = whole.index(b"PK\x01\x02")
    whole[entry + 33] ^= 1  # a comment of 256 bytes
    file.write_bytes(whole)
    with pytest.raises(UserError, match=r"mask\.npz is cut short .*1 of 2 arrays are listed"):
        Mask.load(file)
