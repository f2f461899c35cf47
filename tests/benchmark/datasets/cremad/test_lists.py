"""Lists are read whatever their line ends, and what is wrong with them is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.benchmark.datasets.cremad.lists import Row, faults, own_parts, read_list
from g2d.benchmark.datasets.cremad.names import EMOTIONS, parse
from g2d.errors import UserError

SENTENCES = ["IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI"]
NAMES = st.builds(
    "{}_{}_{}_{}".format,
    st.integers(1001, 1091),
    st.sampled_from(SENTENCES),
    st.sampled_from(EMOTIONS),
    st.sampled_from(["LO", "MD", "HI", "XX"]),
)


@given(
    clips=st.lists(NAMES, min_size=1, max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    last=st.booleans(),
)
def test_any_line_ends_and_byte_order_marks(tmp_path_factory, clips, end, bom, last):
    path = tmp_path_factory.mktemp("lists") / "train.csv"
    rows = end.join(f"{clip},{clip.split('_')[2]}" for clip in clips) + end * last
    path.write_bytes(b"\xef\xbb\xbf" * bom + rows.encode())
    read = read_list(path)
    assert [row.clip for row in read] == clips
    twice = len(clips) - len(set(clips))
    assert len(faults(read, [])) == twice


@given(NAMES)
def test_a_name_says_what_was_acted(clip):
    name = parse(clip)
    assert "_".join(name) == clip
    assert ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")[name.label] == clip[9:12]


@given(st.text(max_size=20))
def test_anything_else_is_no_name(word):
    assert parse(word) is None


def test_every_fault_is_named():
    train = [Row("1001_DFA_ANG_XX", "ANG", 1), Row("1001_DFA_SAD_XX", "HAP", 2)]
    train += [Row("clip", "ANG", 3), train[0]._replace(line=4)]
    test = [Row("1001_DFA_SAD_XX", "SAD", 1), Row("1002_DFA_SAD_XX", "SAD", 2)]
    assert faults(train, test) == [
        "train list, line 2: 1001_DFA_SAD_XX is said to be HAP",
        "train list, line 3: clip is no name of a clip such as 1001_DFA_ANG_XX",
        "train list, line 4: 1001_DFA_ANG_XX is twice",
        "test list, line 1: 1001_DFA_SAD_XX is in the train list too",
    ]
    assert faults(train[:1], test[1:]) == []


def test_files_that_are_no_lists_are_refused(tmp_path):
    path = tmp_path / "train.csv"
    with pytest.raises(UserError, match=r"cannot read .*train.csv: No such file"):
        read_list(path)
    path.write_text("\n\n")
    with pytest.raises(UserError, match="is empty"):
        read_list(path)
    path.write_text("1001_DFA_ANG_XX,ANG\nonly one\n")
    with pytest.raises(UserError, match="line 2: got 1 cells, expected 2"):
        read_list(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is no CSV in UTF-8"):
        read_list(path)


def full_release() -> list[str]:
    """As many clips of each emotion as the release has: 1271, and 1087 neutral ones."""
    counts = dict.fromkeys(EMOTIONS, 1271) | {"NEU": 1087}
    return sorted(
        f"{1001 + i % 91}_{SENTENCES[i // 91 % 12]}_{emotion}_{('XX', 'LO')[i // 1092]}"
        for emotion, count in counts.items()
        for i in range(count)
    )


def test_our_own_split_of_the_full_release_is_as_large_as_the_published_one():
    clips = full_release()
    assert len(set(clips)) == 7442
    parts = own_parts(clips)
    assert parts == own_parts(clips)
    test = [clip for clip in clips if parts[clip] == "test"]
    assert len(test) == 744
    labels = np.array([parse(clip).label for clip in test])
    assert np.bincount(labels).tolist() == pytest.approx([108.7] + [127.1] * 5, abs=1.01)
