"""A command that is asked to end, and a second one in the same run folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import g2d as package

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(Path(package.__file__).parents[1]), *sys.path]),
    "OMP_NUM_THREADS": "1",
}


def begun(recipe, out):
    """A training that is under way."""
    words = [sys.executable, "-m", "g2d.cli.main", "train", recipe, "--method", "joint"]
    words += ["--training.epochs", "100000", "--out", out]
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
