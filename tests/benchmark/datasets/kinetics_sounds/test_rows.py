"""The tables of Kinetics-400 are read in the forms in which they are given out."""

from __future__ import annotations

import pytest

from g2d.benchmark.datasets.kinetics_sounds.rows import CLASSES, Row, read_rows
from g2d.errors import UserError

HEAD = "label,youtube_id,time_start,time_end,split\n"


def test_the_classes_are_31_in_alphabetical_order():
    """OGM-GE's lists give these ones these numbers."""
    assert len(set(CLASSES)) == 31
    assert list(CLASSES) == sorted(CLASSES)
    published = {1: "blowing out candles", 14: "playing keyboard", 23: "shoveling snow"}
    published |= {0: "blowing nose", 27: "tap dancing", 30: "tickling"}
    assert {number: CLASSES[number] for number in published} == published
    for absent in ("strumming guitar", "using computer", "blowing leaves", "playing cymbals"):
        assert absent not in CLASSES


@pytest.mark.parametrize(
    "content",
    [
        HEAD + "laughing,-9nQwLUdlJo,0,10,test\nabseiling,0123456789a,1,11,test\n"
        "tap dancing,-mwC9o_A3sE,114,124,test\n",
        "label,youtube_id,time_start,time_end,split,is_cc\n"
        '"laughing",-9nQwLUdlJo,0,10,test,0\n"tap dancing",-mwC9o_A3sE,114,124,test,1\n',
        "\ufeff" + HEAD.replace("\n", "\r\n") + "laughing,-9nQwLUdlJo,0,10,test\r\n"
        "tap dancing,-mwC9o_A3sE,114,124,test\r\n",
    ],
    ids=["DeepMind", "CVDF", "Windows"],
)
def test_rows_of_other_classes_are_left_out(tmp_path, content):
    path = tmp_path / "test.csv"
    path.write_bytes(content.encode())
    rows = read_rows(path, "test")
    assert rows == [
        Row("-9nQwLUdlJo", 0, 10, "laughing", "test"),
        Row("-mwC9o_A3sE", 114, 124, "tap dancing", "test"),
    ]
    assert rows[1].clip == "-mwC9o_A3sE_000114_000124"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column label, youtube_id, time_start, time_end"),
        (b"youtube_id,time_start,time_end,split\n--6bJUbfpnQ,17,27,test\n", "has no column label;"),
        (HEAD.encode(), "has no row of a class of Kinetics-Sounds"),
        (HEAD.encode() + b"abseiling,0123456789a,1,11,test\n", "such as 'blowing nose'"),
        (HEAD.encode() + b"laughing,a,0,10,test\nlaughing,b,x,10,test\n", "line 3: got"),
        (HEAD.encode() + b"laughing,,0,10,test\n", "line 2: got 'laughing,,0,10'"),
        (HEAD.encode() + b"laughing,a\n", "line 2: got 'laughing,a,,'"),
        (b"\xff\xfe\x00", "is no CSV in UTF-8"),
        (
            (HEAD + "".join(f"class {i},a,0,10,test\n" for i in range(600))).encode(),
            "has 600 classes, expected the 400 of Kinetics-400",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    path = tmp_path / "test.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        read_rows(path, "test")
    assert "\n" not in str(caught.value)


def test_400_classes_are_not_too_many(tmp_path):
    rows = [f"class {i},a,0,10,test\n" for i in range(399)]
    (tmp_path / "test.csv").write_text(HEAD + "".join(rows) + "laughing,a,0,10,test\n")
    assert len(read_rows(tmp_path / "test.csv", "test")) == 1
