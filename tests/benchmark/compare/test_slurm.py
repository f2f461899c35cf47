"""The launcher of clusters, on submitit's own executor for one machine: real jobs, real signals."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from benchmark.compare.small import left_behind, run_grid, toy_grid
from g2d.benchmark.compare.jobs import Job, plan_jobs
from g2d.benchmark.compare.launchers.launching import make_launcher
from g2d.errors import UserError
from g2d.runs.run import Run

pytest.importorskip("submitit")
from g2d.benchmark.compare.launchers.slurm import Slurm


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """What jobs inherit: the toys, and as many threads as here."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def cluster(out, at_once=2):
    return Slurm(out, {}, at_once, cluster="local")


def slow(tmp_path, epochs=4):
    """A grid whose only job takes seconds, so that something can come in between."""
    data = {"slow": {"data": {"name": "benchmark.compare.deadly.Deadly", "pause": 0.15}}}
    return toy_grid(tmp_path, epochs=epochs, method=["joint"], data=data)


def until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def finish(launcher):
    """The one outcome that a launcher still waits for."""
    while not (ended := launcher.wait()):
        pass
    return ended[0]


@pytest.mark.slow(every_shard=True)
def test_a_grid_on_a_cluster_is_the_grid_of_one_process(tmp_path):
    entries = {"umt": {"method": "umt"}, "bad": {"method": "joint", "training.learning_rate": 1e30}}
    grid = toy_grid(tmp_path, method=entries)
    outcomes = run_grid(grid, tmp_path / "runs", cluster(tmp_path / "runs"))
    alone = run_grid(grid, tmp_path / "whole")
    assert {n: o.reason for n, o in outcomes.items()} == {n: o.reason for n, o in alone.items()}
    assert sum(bool(outcome.reason) for outcome in outcomes.values()) == 1
    assert left_behind(tmp_path / "runs") == left_behind(tmp_path / "whole")


@pytest.mark.slow
def test_a_preempted_job_goes_back_into_the_queue_and_ends_alike(tmp_path):
    grid, out = slow(tmp_path), tmp_path / "runs"
    (job,) = plan_jobs(grid.cells(), out)
    launcher = cluster(out)
    launcher.submit(job)
    until(lambda: Run(out / job.name).epochs)
    (pid,) = children(launcher._running[job.name][1]._process.pid)
    os.kill(pid, signal.SIGUSR2)
    assert finish(launcher).reason == ""
    run = Run(out / job.name)
    assert len(run.about["sessions"]) == 2
    run_grid(grid, tmp_path / "whole")
    assert left_behind(out) == left_behind(tmp_path / "whole")


@pytest.mark.slow
def test_a_job_killed_from_outside_fails_with_its_place_and_goes_on_when_run_again(tmp_path):
    grid, out = slow(tmp_path), tmp_path / "runs"
    (job,) = plan_jobs(grid.cells(), out)
    launcher = cluster(out)
    launcher.submit(job)
    until(lambda: Run(out / job.name).epochs)
    (pid,) = children(launcher._running[job.name][1]._process.pid)
    os.kill(pid, signal.SIGKILL)
    outcome = finish(launcher)
    assert outcome.reason.startswith("the cluster ended it (state ")
    assert (out / "failed" / f"{job.name}.json").exists()
    assert run_grid(grid, out)[job.name].reason == ""
    run_grid(grid, tmp_path / "whole")
    assert left_behind(out) == left_behind(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_jobs_outlive_whoever_submitted_them_and_are_never_done_twice_at_once(tmp_path):
    grid, out = slow(tmp_path), tmp_path / "runs"
    (job,) = plan_jobs(grid.cells(), out)
    first = cluster(out)
    first.submit(job)
    until(lambda: Run(out / job.name).epochs)
    first.close()
    # The local executor forgets its jobs, so this one is handed over again, and waits its turn.
    assert run_grid(grid, out, cluster(out))[job.name].reason == ""
    assert len(Run(out / job.name).about["sessions"]) == 1
    assert not plan_jobs(grid.cells(), out)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
        return [int(word) for word in file.read().split()]


def test_without_slurm_and_with_unknown_options_the_reason_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"SLURM is not on this machine .*; use --jobs N"):
        make_launcher("slurm", tmp_path, None, {})
    with pytest.raises(UserError, match=r"--slurm: .*timeout_min"):
        Slurm(tmp_path, {"time": "soon"}, cluster="local")
    assert not list(tmp_path.iterdir()) or not list(tmp_path.glob("submitted/*.json"))


COMMANDS = {
    "srun": "exit 0",
    "sbatch": 'cp "$1" {place}/sent.sh; echo x >> {place}/sent; echo "Submitted batch job 4711"',
    "sacct": 'echo "JobID|State|NodeList"; echo "4711|$(cat {place}/state)|n1"',
}


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The commands of SLURM, as far as they are asked here: a queue with one job in it."""
    place = tmp_path / "slurm"
    place.mkdir()
    for name, script in COMMANDS.items():
        path = place / name
        path.write_text(f"#!/bin/sh\n{script.format(place=place)}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=os.pathsep)
    return place


def test_what_is_sent_says_what_was_asked_and_what_waits_is_not_sent_twice(queue, tmp_path):
    out = tmp_path / "runs"
    options = {"partition": "gpu", "time": 90, "memory": 16, "gpus": 1, "account": "me"}
    job = Job("cell", {}, str(out))
    (queue / "state").write_text("PENDING")
    first = Slurm(out, options)
    first.submit(job)
    sent = (queue / "sent.sh").read_text()
    for line in ("partition=gpu", "time=90", "mem=16GB", "gpus-per-node=1", "account=me"):
        assert f"#SBATCH --{line}\n" in sent
    assert first.wait() == []
    first.close()
    second = Slurm(out, options)
    second.submit(job)
    assert (queue / "sent").read_text() == "x\n"
    assert second.wait() == []
    (queue / "state").write_text("FAILED")
    Slurm(out, options).submit(job)
    assert (queue / "sent").read_text() == "x\nx\n"
    with pytest.raises(UserError, match=r"--slurm: .*slurm_partitoin"):
        Slurm(out, {"partitoin": "gpu"})
