"""Grids run: shared work is done once, failures stay where they are, killed ones go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock, Timeout

import toy
from benchmark.compare.small import by_label, left_behind, run_grid, toy_grid
from g2d.benchmark.compare import jobs
from g2d.benchmark.compare.jobs import Job, Outcome, attempt, plan_jobs, write_failure
from g2d.benchmark.compare.launchers.local import InThisProcess, Processes
from g2d.benchmark.compare.launchers.running import run_jobs
from g2d.benchmark.compare.record import record_of
from g2d.runs.run import Run
from toy import toy_recipe

METHODS = {"joint": {"method": "joint"}, "UMT": {"method": "umt"}, "G²D": {"method": "g2d"}}


class Noted:
    """A watch that keeps what it is told."""

    def __init__(self, on_tick=None):
        self.said, self.on_tick = [], on_tick

    def begin(self, jobs, done):
        self.said.append(("begin", len(jobs), done))

    def started(self, job):
        self.said.append(("started", job.name))

    def ended(self, job, outcome):
        self.said.append(("ended", job.name, outcome.reason))

    def tick(self):
        if self.on_tick:
            self.on_tick()

    def close(self):
        self.said.append(("close",))


def test_teachers_are_trained_once_for_data_and_seed_and_shared_cells_are_one_run(tmp_path):
    out = tmp_path / "runs"
    grid = toy_grid(tmp_path, method=METHODS, fusion=["late", "concat"], seeds=[0, 1])
    planned = plan_jobs(grid.cells(), out)
    assert [job.teaches for job in planned] == [True] * 2 + [False] * 12
    outcomes = run_grid(grid, out)
    assert not any(outcome.reason for outcome in outcomes.values())
    teachers = list((out / "teachers").iterdir())
    assert len(teachers) == 2 * 2  # modalities and seeds
    other = toy_grid(tmp_path, name="other", method=["umt", "mla"], seeds=[1])
    mine = {cell.name for cell in grid.cells()}
    assert [cell.name in mine for cell in other.cells()] == [True, False]
    assert [job.name in mine for job in plan_jobs(other.cells(), out)] == [False]
    run_grid(other, out)
    for folder in [*teachers, *(out / name for name in mine)]:
        assert len(Run(folder).about["sessions"]) == 1
    assert not plan_jobs([*grid.cells(), *other.cells()], out)
    assert not list(out.glob("*/last.ckpt"))


def test_students_trained_otherwise_share_teachers_whose_training_is_named(tmp_path):
    entries = {
        "half": {"method": "umt", "training.epochs": 1, "teachers.epochs": 2},
        "whole": {"method": "g2d", "training.epochs": 2},
    }
    grid = toy_grid(tmp_path, epochs=2, method=entries)
    assert sum(job.teaches for job in plan_jobs(grid.cells(), tmp_path)) == 1
    run_grid(grid, tmp_path / "runs")
    assert len(list((tmp_path / "runs" / "teachers").iterdir())) == 2


def test_one_bad_cell_shows_its_reason_and_the_rest_is_done(tmp_path):
    entries = {
        "good": {"method": "joint"},
        "broken data": {"method": "joint", "data": {"name": "toy.ToyData", "fault": "nan"}},
        "impossible": {"method": {"name": "g2d", "schedule": [1, 1, 7]}},
        "diverging": {"method": "joint", "training.learning_rate": 1e30},
        "teachers diverge": {"method": "umt", "teachers.learning_rate": 1e30},
    }
    out = tmp_path / "runs"
    grid = toy_grid(tmp_path, method=entries)
    names = by_label(grid)
    watch = Noted()
    outcomes = run_grid(grid, out, watch=watch)
    reasons = {label: outcomes[name].reason for label, name in names.items()}
    assert reasons["good"] == ""
    assert "is not a finite number in 1 of 96 rows" in reasons["broken data"]
    assert "method.schedule" in reasons["impossible"]
    assert reasons["diverging"].startswith("the training loss became nan; lower training.learning")
    assert reasons["teachers diverge"].startswith("its teachers could not be trained: the training")
    record = record_of(grid, grid.cells(), "")
    for cell in record.cells:
        reason = reasons[cell.labels["method"]]
        assert cell.state(out) == ("failed" if reason else "finished")
        assert not reason or cell.reason(out) == reason
    told = [line[1] for line in watch.said if line[0] == "ended"]
    assert sorted(told) == sorted(outcomes)
    assert watch.said[-1] == ("close",)
    # Run again, what failed is tried again, and fails alike.
    again = run_grid(grid, out)
    assert {names["good"]} == set(outcomes) - set(again)
    assert {n: o.reason for n, o in again.items()}.items() <= {
        n: o.reason for n, o in outcomes.items()
    }.items()


def test_a_cell_that_succeeds_in_the_end_has_failed_no_more(tmp_path):
    place = tmp_path / "later"
    grid = toy_grid(tmp_path, method=["joint"], **{"data.root": [str(place)]})
    (cell,) = grid.cells()
    out = tmp_path / "runs"
    assert "is not there" in run_grid(grid, out)[cell.name].reason
    place.mkdir()
    assert run_grid(grid, out)[cell.name].reason == ""
    (state,) = (c.state(out) for c in record_of(grid, [cell], "").cells)
    assert state == "finished"
    assert not list((out / "failed").iterdir())


def test_a_grid_stopped_in_the_middle_ends_in_the_same_results(tmp_path):
    """Within teachers, caches, students and validation, wherever the reads of samples run out."""
    data = {"watched": {"data": {"name": "toy.WatchedData"}}}
    grid = toy_grid(tmp_path, epochs=2, method={"umt": {"method": "umt"}}, data=data)
    toy.LEFT.clear()
    run_grid(grid, tmp_path / "whole")
    out, sessions = tmp_path / "pieces", 0
    try:
        while plan_jobs(grid.cells(), out) and sessions < 30:
            toy.LEFT[:] = [24 + sessions % 5]
            run_grid(grid, out)
            sessions += 1
    finally:
        toy.LEFT.clear()
    assert sessions > 3
    assert left_behind(out) == left_behind(tmp_path / "whole")


def test_a_worker_killed_in_the_middle_fails_its_job_alone_and_the_next_goes_on(
    tmp_path, monkeypatch
):
    # With other numbers of threads, sums differ in their last bits.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    mark = tmp_path / "mark"
    deadly = {"name": "benchmark.compare.deadly.Deadly", "mark": str(mark), "at": 15}
    grid = toy_grid(
        tmp_path,
        method=["joint"],
        data={"deadly": {"data": deadly}, "toys": {"data": {"name": "toy.ToyData"}}},
        seeds=[0, 1],
    )
    out = tmp_path / "runs"
    outcomes = run_grid(grid, out, Processes(1))
    reasons = [outcomes[cell.name].reason for cell in grid.cells()]
    assert reasons[0] == (
        "its process was killed (signal 9); memory may have run out: try fewer --jobs"
    )
    assert reasons[1:] == [""] * 3
    assert Run(out / grid.cells()[0].name).epochs  # it was in the middle
    assert mark.exists()
    assert list((out / "logs").glob("*.log"))
    assert list(run_grid(grid, out)) == [grid.cells()[0].name]
    run_grid(grid, tmp_path / "whole")
    assert left_behind(out) == left_behind(tmp_path / "whole")


def test_a_process_that_died_while_idle_is_replaced(tmp_path):
    launcher = Processes(1)
    first, second = toy_grid(tmp_path, epochs=1, method=["joint", "mla"]).cells()

    def done(cell):
        launcher.submit(plan_jobs([cell], tmp_path / "runs")[0])
        while not (ended := launcher.wait()):
            pass
        return ended[0].reason

    try:
        assert done(first) == ""
        (idle,) = launcher._idle
        os.kill(idle._process.pid, signal.SIGKILL)
        idle._process.join()
        assert done(second) == ""
    finally:
        launcher.close()


class Scripted:
    """A launcher that does nothing, with as much room as it is given."""

    def __init__(self, slots, fail=()):
        self.slots, self.fail, self.running, self.most = slots, fail, [], 0

    def submit(self, job):
        self.running.append(job)
        self.most = max(self.most, len(self.running))

    def wait(self):
        job = self.running.pop()
        return [Outcome(job.name, "no" if job.name in self.fail else "")]

    def close(self):
        assert not self.running


@pytest.mark.parametrize("slots", [1, 2, 100])
def test_jobs_wait_for_what_they_need_and_for_room(tmp_path, slots):
    jobs = [Job(f"t{i}", {}, str(tmp_path), teaches=True) for i in range(2)]
    jobs += [Job(f"c{i}", {}, str(tmp_path), needs=f"t{i % 2}") for i in range(6)]
    jobs += [Job("free", {}, str(tmp_path))]
    launcher, watch = Scripted(slots, fail=["t1"]), Noted()
    outcomes = run_jobs(jobs, launcher, watch)
    assert launcher.most <= slots
    failed = {name for name, outcome in outcomes.items() if outcome.reason}
    assert failed == {"t1", "c1", "c3", "c5"}
    assert set(outcomes) == {job.name for job in jobs}
    order = [line[:2] for line in watch.said]
    for name in ("c0", "c2", "c4"):
        assert order.index(("ended", "t0")) < order.index(("started", name))
    assert not any(("started", name) in order for name in ("c1", "c3", "c5"))


# -- the whole command, killed by real signals


def command(tmp_path, out):
    (tmp_path / "toy.yaml").write_text(json.dumps(toy_recipe(epochs=6)))
    content = {
        "axes": {
            "dataset": {"toys": {"recipe": str(tmp_path / "toy.yaml")}},
            "method": ["joint", "umt", "g2d"],
        },
        "common": {"data": {"name": "benchmark.compare.deadly.Deadly", "pause": 0.1}},
        "seeds": [0],
    }
    (tmp_path / "mine.yaml").write_text(json.dumps(content))
    arguments = ["compare", str(tmp_path / "mine.yaml"), "--out", str(out)]
    return [sys.executable, "-m", "g2d.cli.main", *arguments, "--jobs", "2"]


def environment():
    paths = [p for p in sys.path if p]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def epochs_done(out):
    return sum(len(file.read_text().splitlines()) for file in out.glob("*/metrics.jsonl"))


def group(process):
    """Processes that are left of a command, read from /proc."""
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208
        try:
            if entry.isdigit() and os.getpgid(int(entry)) == process.pid:
                with open(f"/proc/{entry}/stat") as file:  # noqa: PTH123
                    if file.read().rpartition(")")[2].split()[0] != "Z":
                        found.append(int(entry))
        except OSError:
            pass
    return found


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="reads /proc")  # noqa: PTH112
@pytest.mark.parametrize("how", ["group KILL", "group TERM", "group INT", "parent KILL"])
def test_a_killed_command_leaves_nobody_behind_and_goes_on(tmp_path, how):
    out = tmp_path / "runs"
    whom, name = how.split()
    number = getattr(signal, f"SIG{name}")
    process = subprocess.Popen(
        command(tmp_path, out),
        env=environment(),
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while epochs_done(out) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None
    (os.killpg if whom == "group" else os.kill)(process.pid, number)
    said = process.communicate(timeout=60)[1]
    # What nobody can handle ends a process by the signal; after the others it cleans up and leaves.
    assert process.returncode == (-number if name == "KILL" else 128 + number)
    if name == "INT":
        assert said.splitlines()[-1].endswith("stopped; the same command goes on from here")
    while group(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not group(process)
    assert len(list(out.glob("*/result.json"))) < 3
    again = subprocess.run(
        command(tmp_path, out), env=environment(), check=True, capture_output=True, text=True
    )
    assert "FAILED" not in again.stderr
    run_grid(read(tmp_path), tmp_path / "whole", InThisProcess())
    assert left_behind(out) == left_behind(tmp_path / "whole")


def read(tmp_path):
    from g2d.benchmark.compare.reading import read_grid

    return read_grid(str(tmp_path / "mine.yaml"))


def test_why_a_job_failed_is_written_before_anybody_else_can_do_it(tmp_path, monkeypatch):
    job = plan_jobs(toy_grid(tmp_path, method=["no_such"]).cells(), tmp_path / "out")[0]
    lock = tmp_path / "out" / ".locks" / f"run-{job.name}"
    free = []

    def looked_at(*about):
        try:
            with FileLock(lock, timeout=0):
                free.append(True)
        except Timeout:
            free.append(False)
        write_failure(*about)

    monkeypatch.setattr(jobs, "write_failure", looked_at)
    assert "no_such" in attempt(job)
    assert free == [False]
    assert (tmp_path / "out" / "failed" / f"{job.name}.json").exists()
