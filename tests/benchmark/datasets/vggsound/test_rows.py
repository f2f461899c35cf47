"""The table is read with and without a header, whatever is in its labels."""

from __future__ import annotations

import csv
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.benchmark.datasets.audiovisual.layout import faults, lay_out
from g2d.benchmark.datasets.parts import in_two_parts
from g2d.benchmark.datasets.vggsound.rows import Row, class_names, read_rows
from g2d.errors import UserError

ROWS = st.builds(
    Row,
    st.text(string.ascii_letters + string.digits + "-_", min_size=11, max_size=11),
    st.integers(0, 999_999),
    st.text('abc ,"()', min_size=1).map(str.strip).filter(bool),
    st.sampled_from(["train", "test"]),
)


@given(st.lists(ROWS, min_size=1, max_size=10), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_any_rows_come_back(tmp_path_factory, rows, header, end):
    path = tmp_path_factory.mktemp("rows") / "vggsound.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator=end)
        if header:
            writer.writerow(["youtube_id", "time", "label", "split"])
        writer.writerows(rows)
    assert read_rows(path) == rows
    names = class_names(rows)
    assert list(names) == sorted(names)
    assert set(names) == {row.label for row in rows}
    assert len(faults(rows)) == len(rows) - len({row.clip for row in rows})


def test_what_is_wrong_is_named():
    first = Row("a", 0, "wind", "train")
    rows = [first, Row("a", 10, "wind", "test"), Row("b", 1, "bell", "test")]
    samples = lay_out(rows, ("bell", "wind"), lambda row: {}).samples
    assert faults(rows) == []
    assert in_two_parts(samples, "video") == ("video a is in train and test",)
    twice = faults([*rows, first._replace(label="bell")])
    assert twice == ["a_000000 comes twice, as wind (train) and bell (train)"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no rows"),
        (b"youtube_id,time,label,split\n", "has no rows"),
        (b"a,1,wind\n", "line 1: got 'a,1,wind', expected a row"),
        (b"a,1,wind,train\nb,one,wind,train\n", "line 2: got 'b,one,wind,train'"),
        (b"a,1,wind,train\nb,1,wind,val\n", "line 2: got 'b,1,wind,val'"),
        (b"\xff\xfe\x00", "is no CSV in UTF-8"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    path = tmp_path / "vggsound.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_rows(path)
