"""A grid that is killed and run again ends in the report of one that was not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

from benchmark.report.conftest import grid_of, run_grid
from g2d.benchmark.report.write import write_report
from toy import READS

METHODS = {
    "joint": {"set": {"method": "joint"}},
    "G²D": {"set": {"method": "g2d"}},
}
# The process dies at a read of the data, as a machine that is switched off.
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
import toy
from benchmark.report.conftest import grid_of, run_grid
from benchmark.report.test_resumed import METHODS

class Killed(Exception):
    def __init__(self):
        os.kill(os.getpid(), signal.SIGKILL)

toy.PowerCutError = Killed
toy.LEFT[:] = [int(sys.argv[2])]
made = Path(sys.argv[1])
run_grid(grid_of(made, {"clouds": {"name": "toy.WatchedData"}}, METHODS), made / "killed")
"""


def told(out, tmp_path):
    """The page, without when its runs were trained and for how long."""
    page = write_report(out, tmp_path / "report.html").page.read_text("utf-8")
    return re.sub(r'<p class="small clock">.*?</p>', "", page)


def test_a_killed_grid_ends_in_the_same_report(tmp_path):
    grid = grid_of(tmp_path, {"clouds": {"name": "toy.WatchedData"}}, METHODS)
    READS.clear()
    run_grid(grid, tmp_path / "whole")
    reads = len(READS)

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(reads * 95 // 100)]
    died = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert died.returncode == -signal.SIGKILL, died.stderr
    out = tmp_path / "killed"
    assert "not done yet" in told(out, tmp_path)

    run_grid(grid, out)
    assert "not done yet" not in told(out, tmp_path)
    assert told(out, tmp_path) == told(tmp_path / "whole", tmp_path)
    sessions = [path.read_text().count('"started"') for path in out.glob("WatchedData-*/run.json")]
    assert sorted(sessions) == [1, 1, 1, 2]
