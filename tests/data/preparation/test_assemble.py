"""A store is made whole or not at all, goes on where it stopped, and holds what was decoded."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import g2d
from data.preparation.originals import decode, write_originals
from g2d.data.preparation import Sample, assemble
from g2d.data.store import Store
from g2d.errors import UserError


def make(out: Path, samples, **options):
    settings = {"ragged": {"all"}, "workers": 0, "chunk": 3, **options}
    return assemble(out, "numbers", samples, settings.pop("decode", decode), **settings)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def samples(tmp_path):
    return write_originals(tmp_path / "originals")


def test_every_sample_is_found_again(samples, tmp_path):
    store = Store(make(tmp_path / "out", samples), "numbers", "make it")
    assert store.column("id").tolist() == [sample.id for sample in samples]
    assert store.column("target").tolist() == [0, 1] * 5
    assert store.column("part").tolist() == [sample.columns["part"] for sample in samples]
    assert store.array("first")[:, 0, 0].tolist() == [10.0 * i for i in range(10)]
    ragged = store.ragged("all")
    assert len(ragged) == 10
    for number in range(10):
        expected = [[10.0 * number + k] * 2 for k in range(number + 1)]
        assert ragged[number].tolist() == expected
        assert ragged.shapes[number].tolist() == [number + 1, 2]
    store.verify()


@pytest.mark.parametrize(("workers", "chunk"), [(0, 1), (0, 100), (2, 2)])
def test_the_bytes_do_not_depend_on_how_the_work_is_shared_out(samples, tmp_path, workers, chunk):
    made = make(tmp_path / "out", samples, workers=workers, chunk=chunk)
    assert content(made) == content(make(tmp_path / "again", samples))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["again", "originals", "out"]


class StoppedError(Exception):
    """What a user's Ctrl-C is to the work."""


def test_stopped_work_goes_on_where_it_stopped(samples, tmp_path):
    looked: list[str] = []

    def until_the_eighth(sample: Sample):
        looked.append(sample.id)
        if len(looked) == 8:
            raise StoppedError
        return decode(sample)

    with pytest.raises(StoppedError):
        make(tmp_path / "out", samples, decode=until_the_eighth)
    assert not (tmp_path / "out").exists()
    made = make(tmp_path / "out", samples, decode=until_the_eighth)
    # six samples, two chunks, were kept
    assert looked[8:] == [sample.id for sample in samples[6:]]
    assert content(made) == content(make(tmp_path / "whole", samples))


def test_a_file_that_changed_meanwhile_is_decoded_anew(samples, tmp_path):
    samples[4].sources["numbers"].write_text("four")
    with pytest.raises(UserError, match="1 of 10 samples cannot be used"):
        make(tmp_path / "out", samples)
    samples[4].sources["numbers"].write_text("4 4 4 4 4")
    looked: list[str] = []

    def looking(sample: Sample):
        looked.append(sample.id)
        return decode(sample)

    store = Store(make(tmp_path / "out", samples, decode=looking), "numbers", "make it")
    assert looked == ["s03", "s04", "s05"]
    assert store.array("first")[4].item() == 4


def test_other_options_take_nothing_over(samples, tmp_path):
    seen = []

    def once(sample: Sample):
        seen.append(sample.id)
        if len(seen) in (5, 12):
            raise StoppedError
        return decode(sample)

    for size in (1, 2):
        with pytest.raises(StoppedError):
            make(tmp_path / "out", samples, decode=once, options={"size": size})
    assert seen[5] == "s00"


SCRIPT = """
import sys
import time
from pathlib import Path

from data.preparation.originals import decode
from g2d.data.preparation import Sample, assemble


def slowly(sample):
    time.sleep(0.05)
    return decode(sample)


def tell(done, total):
    print(done, flush=True)


paths = sorted(Path(sys.argv[1]).glob("*.txt"))
samples = [Sample(p.stem, int(p.stem[1:]) % 2, {"numbers": p}, {"part": "x"}) for p in paths]
options = {"ragged": {"all"}, "workers": 0, "chunk": 2, "progress": tell}
assemble(sys.argv[2], "numbers", samples, slowly, **options)
"""


@pytest.mark.slow
def test_killed_outright_and_run_again_the_bytes_are_the_same(tmp_path):
    write_originals(tmp_path / "originals", 40)
    here = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(here), str(Path(g2d.__file__).parents[1])]),
    }
    script = tmp_path / "prepare.py"
    script.write_text(SCRIPT)

    def start(out: str) -> subprocess.Popen:
        command = [sys.executable, str(script), str(tmp_path / "originals"), str(tmp_path / out)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    with start("out") as first:
        for line in first.stdout:
            if int(line) >= 10:
                break
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    with start("out") as second:
        assert int(second.stdout.readline()) >= 10, "what was done before is done"
        second.communicate()
    with start("other") as third:
        third.communicate()
    assert second.returncode == third.returncode == 0
    assert content(tmp_path / "out") == content(tmp_path / "other")


def test_what_cannot_be_used_is_left_out_and_named(samples, tmp_path):
    samples[1].sources["numbers"].write_text("one")
    samples[3].sources["numbers"].unlink()
    samples[5].sources["numbers"].write_text("")
    samples[7].sources["numbers"].write_text("version https://git-lfs.github.com/spec/v1\noid")
    with pytest.raises(UserError) as raised:
        make(tmp_path / "out", samples)
    assert str(raised.value).startswith(
        "4 of 10 samples cannot be used, more than the 0.5% tolerated (first: s01: s01.txt is not "
        "made of numbers); all are in "
    )
    assert str(raised.value).endswith("correct them, or allow more by --tolerance 0.4")
    made = make(tmp_path / "out", samples, tolerance=0.4)
    store = Store(made, "numbers", "make it")
    assert store.column("id").tolist() == ["s00", "s02", "s04", "s06", "s08", "s09"]
    assert store.ragged("all")[3].tolist() == [[60.0 + k] * 2 for k in range(7)]
    assert (made / "skipped.csv").read_text().splitlines() == [
        "id,reason",
        "s01,s01.txt is not made of numbers",
        "s03,s03.txt is missing",
        "s05,s05.txt is empty (0 bytes)",
        "s07,s07.txt is a Git LFS pointer; run git lfs pull in its repository",
    ]
    assert store.manifest["counts"] == {"samples": 6, "skipped": 4}


@pytest.mark.parametrize("chunk", [1, 3, 20])
def test_what_a_sample_lacks_is_marked(samples, tmp_path, chunk):
    def lacking(sample: Sample):
        found = dict(decode(sample))
        if sample.id in {"s02", "s03", "s09"}:
            found["all"] = None
        if sample.id in {"s00", "s03"}:
            found["first"] = UserError("the first is illegible")
        return found

    made = make(tmp_path / "out", samples, decode=lacking, chunk=chunk)
    store = Store(made, "numbers", "make it")
    assert np.flatnonzero(~store.present("all")).tolist() == [2, 3, 9]
    assert np.flatnonzero(~store.present("first")).tolist() == [0, 3]
    ragged = store.ragged("all")
    assert [ragged[i].size for i in range(10)] == [2, 4, 0, 0, 10, 12, 14, 16, 18, 0]
    assert ragged[8].tolist() == [[80.0 + k] * 2 for k in range(9)]
    assert store.array("first")[:, 0, 0].tolist() == [0, 10, 20, 0, 40, 50, 60, 70, 80, 90]
    assert (made / "absent.csv").read_text().splitlines() == [
        "id,modality,reason",
        "s00,first,the first is illegible",
        "s03,first,the first is illegible",
    ]


def test_a_modality_that_all_have_needs_no_mask(samples, tmp_path):
    store = Store(make(tmp_path / "out", samples), "numbers", "make it")
    assert store.present("all") is None


def test_nothing_usable_is_an_error_whatever_is_tolerated(samples, tmp_path):
    for sample in samples:
        sample.sources["numbers"].unlink()
    with pytest.raises(UserError, match=r"none of the 10 samples can be used \(first: s00"):
        make(tmp_path / "out", samples, tolerance=1.0)


def test_refusals(samples, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="there exists already"):
        make(tmp_path / "there", samples)
    with pytest.raises(UserError, match="two samples are called 's00'"):
        make(tmp_path / "out", [samples[0], samples[0]])
    with pytest.raises(UserError, match="got no samples"):
        make(tmp_path / "out", [])
    with pytest.raises(UserError, match="'all' comes in several shapes, \\[1, 2\\] to \\[10, 2\\]"):
        make(tmp_path / "out", samples, ragged=())


def test_one_process_at_a_time(samples, tmp_path):
    def meanwhile(sample: Sample):
        with pytest.raises(UserError, match="is being made by another process"):
            make(tmp_path / "out", samples)
        return decode(sample)

    make(tmp_path / "out", samples, decode=meanwhile)


def test_arrays_travel_between_processes_by_name(samples, tmp_path):
    store = Store(make(tmp_path / "out", samples), "numbers", "make it")
    ragged = store.ragged("all")
    sent = pickle.dumps(ragged)
    assert len(sent) < 4000
    assert pickle.loads(sent)[7].tolist() == ragged[7].tolist()


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    bad=st.sets(st.integers(0, 11), max_size=4),
    chunk=st.integers(1, 5),
)
def test_ragged_arrays_hold_any_sizes(tmp_path_factory, sizes, bad, chunk):
    from g2d.data.preparation import UnusableError

    folder = tmp_path_factory.mktemp("ragged")
    rows = {f"{i:02}": np.arange(size * 3).reshape(size, 3) + i for i, size in enumerate(sizes)}

    def cut(sample: Sample):
        if int(sample.id) in bad:
            raise UnusableError("bad")
        return {"x": rows[sample.id]}

    samples = [Sample(name, 0.5, {}) for name in rows]
    kept = [name for name in rows if int(name) not in bad]
    if not kept:
        return
    made = assemble(
        folder / "out", "any", samples, cut, ragged={"x"}, workers=0, chunk=chunk, tolerance=1.0
    )
    ragged = Store(made, "any", "").ragged("x")
    assert [ragged[i].tolist() for i in range(len(kept))] == [rows[k].tolist() for k in kept]
