"""The view of a grid, on a real terminal of this test's own."""

from __future__ import annotations

import json
import logging
import os
import re

import pytest

from g2d.benchmark.compare import jobs as jobs_module
from g2d.benchmark.compare.jobs import Job, Outcome, attempt, forget_beginning, has_begun
from g2d.benchmark.compare.launchers.live import Live, where

pty = pytest.importorskip("pty")
FAILURE = "the training loss became nan; lower training.learning_rate or set training.clip_norm"


@pytest.fixture
def terminal(monkeypatch):
    """A stream that is a terminal of 100 columns, and what was written to it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    reader, writer = pty.openpty()
    stream = os.fdopen(writer, "w", encoding="utf-8")

    def written():
        """Up to a mark of its own: a terminal hands on what it got when it likes."""
        stream.write("END OF IT")
        stream.flush()
        read = b""
        while not read.endswith(b"END OF IT"):
            read += os.read(reader, 65536)
        return read.decode("utf-8")

    yield stream, written
    stream.close()
    os.close(reader)


def test_the_view_counts_names_and_leaves_every_failure_in_full(terminal, tmp_path, monkeypatch):
    stream, written = terminal
    jobs = [Job(f"cell-{n}", {"training": {"epochs": 9}}, str(tmp_path)) for n in range(5)]
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / "running-cell-1").touch()
    (tmp_path / "cell-1").mkdir()
    record = json.dumps({"epoch": 2, "stage": "first stage"})
    (tmp_path / "cell-1" / "metrics.jsonl").write_text(f"{record}\n")
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    # alone: what a handler of another test prints of its closed stream would fill the terminal
    monkeypatch.setattr(root, "handlers", [handler])
    view = Live(stream)
    try:
        view.begin(jobs, 7)
        for job in jobs[:4]:
            view.started(job)
        view.ended(jobs[0], Outcome("cell-0", "", 1.0))
        view.ended(jobs[2], Outcome("cell-2", FAILURE, 1.0))
        logging.warning("a word from outside")
        view._live.refresh()
        middle = written()
    finally:
        view.close()
    head = "1 of 5 jobs done, 7 runs there already, 1 running, 1 queued, 1 waiting, 1 failed"
    assert head in plain(middle)
    assert re.search(r"cell-1 +epoch 3/9 +first stage +0 s", plain(middle))
    assert re.search(r"cell-3 +queued +0 s", plain(middle))
    assert "a word from outside\r\n" in plain(middle)
    assert handler.stream is stream
    assert f"failed  cell-2: {FAILURE}" in plain(written()).replace("\r\n", "")


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_where_a_job_is_costs_one_look_at_the_end_of_its_records(tmp_path):
    job = Job("cell", {"training": {}}, str(tmp_path))
    assert where(job) == ""
    (tmp_path / "cell").mkdir()
    lines = [json.dumps({"epoch": n, "stage": "s", "pad": "x" * 500}) for n in range(400)]
    (tmp_path / "cell" / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert where(job) == "epoch 400  s"
    (tmp_path / "cell" / "metrics.jsonl").write_text('{"epoch": 1, "sta')
    assert where(job) == ""


def test_a_job_has_begun_while_somebody_does_it(tmp_path, monkeypatch):
    job, seen = Job("cell", {}, str(tmp_path)), []
    monkeypatch.setattr(jobs_module, "do", lambda job: seen.append(has_begun(job)))
    assert not has_begun(job)
    assert attempt(job) == ""
    assert (seen, has_begun(job)) == ([True], False)
    (tmp_path / ".locks" / "running-cell").touch()  # left by a killed process
    assert has_begun(job)
    forget_beginning(job)
    assert not has_begun(job)
