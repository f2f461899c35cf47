"""A command that is asked to end, and a second one in the same run folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import g2d as package

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(Path(package.__file__).parents[1]), *sys.path]),
    "OMP_NUM_THREADS": "1",
}


def begun(recipe, out, *more):
    """A training that is under way."""
    words = [sys.executable, "-m", "g2d.cli.main", "train", recipe, "--method", "joint"]
    words += ["--training.epochs", "100000", "--out", out, *more]
    process = subprocess.Popen(
        [str(word) for word in words], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    until = time.monotonic() + 60
    while not list(out.glob("toy-joint-seed0/last.ckpt")) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def test_a_run_is_written_by_one_process_and_ends_when_it_is_asked_to(g2d, toy_file, tmp_path):
    recipe, out = toy_file(), tmp_path / "out"
    process = begun(recipe, out)
    try:
        # of another recipe, so that it is refused at once where nothing holds it off
        more = ("--method", "joint", "--training.epochs", "1", "--resume", "--out", out)
        said = g2d("train", recipe, *more)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert said.err.startswith("g2d train: another process is writing ")
        process.send_signal(signal.SIGTERM)
        _, said_at_the_end = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert said_at_the_end.splitlines()[-1] == (
        "g2d train: stopped; the same command with --resume goes on from here"
    )
    assert not list(out.rglob("*.tmp"))


def test_a_run_of_two_processes_of_which_one_is_killed_ends_in_one_line(toy_file, tmp_path):
    """And nothing is said before: neither by what starts processes, nor by what joins them."""
    process = begun(toy_file(), tmp_path / "out", "--training.devices", "2")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("this system does not say which children a process has")
    try:
        other = int(children.read_text())
        os.kill(other, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert said == (
        "g2d train: one of its processes has ended; "
        "the same command with --resume goes on from here\n"
    )
    assert process.returncode == 1


@pytest.mark.slow
def test_a_run_of_two_processes_that_is_asked_to_end_says_so_once(toy_file, tmp_path):
    process = begun(toy_file(), tmp_path / "out", "--training.devices", "2")
    process.send_signal(signal.SIGTERM)
    try:
        _, said = process.communicate(timeout=60)  # until the other one has closed it as well
    finally:
        process.kill()
    assert said == "g2d train: stopped; the same command with --resume goes on from here\n"
    assert process.returncode == 128 + signal.SIGTERM
