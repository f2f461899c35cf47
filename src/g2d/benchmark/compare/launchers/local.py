"""Jobs on this machine: in this process one after the other, or in several processes."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from typing import Any

from g2d.benchmark.compare.jobs import Job, Outcome, attempt, forget_beginning, write_failure

_MOMENT = 0.5


class InThisProcess:
    """Runs one job after the other in this process."""

    slots = 1

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Takes a job; it is done in `wait`."""
        self._waiting.append(job)

    def wait(self) -> list[Outcome]:
        """Runs the job that was submitted."""
        job = self._waiting.popleft()
        began = time.perf_counter()
        reason = attempt(job)
        return [Outcome(job.name, reason, time.perf_counter() - began)]

    def close(self) -> None:
        """Does nothing: no job is left running."""


class Processes:
    """Runs jobs in several processes, each of which takes one job after the other.

    What a job prints goes to `logs/<name>.log` in its folder of runs. A process that dies, killed
    for memory or by a fault of a library, fails its job alone and is replaced.

    Args:
        count: Of processes.
    """

    def __init__(self, count: int) -> None:
        self.slots = count
        cores = os.cpu_count() or 1
        self._threads = max(1, cores // count)
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def submit(self, job: Job) -> None:
        """Hands a job to an idle process, or to a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                break
        else:
            worker = _Worker(self._threads)
        self._busy.append(worker)
        forget_beginning(job)
        worker.begin(job)

    def wait(self) -> list[Outcome]:
        """The jobs that have ended, after half a second at most."""
        spoken = wait([worker.pipe for worker in self._busy], timeout=_MOMENT)
        ended = []
        for worker in [worker for worker in self._busy if worker.pipe in spoken]:
            self._busy.remove(worker)
            outcome, alive = worker.end()
            ended.append(outcome)
            if alive:
                self._idle.append(worker)
        return ended

    def close(self) -> None:
        """Ends all processes; what they were doing goes on when the grid is run again."""
        for worker in [*self._busy, *self._idle]:
            worker.kill()
        self._busy, self._idle = [], []


class _Worker:
    def __init__(self, threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        self._process.start()
        theirs.close()
        self._job: Job | None = None
        self._began = 0.0

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def begin(self, job: Job) -> None:
        self._job, self._began = job, time.perf_counter()
        # Where it has died this moment, `end` finds the pipe closed and reports it.
        with suppress(OSError):
            self.pipe.send(job)

    def end(self) -> tuple[Outcome, bool]:
        """How its job ended, and whether it can take another."""
        assert self._job is not None
        job, seconds = self._job, time.perf_counter() - self._began
        try:
            reason: str = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            reason = _death(self._process.exitcode)
            write_failure(job, reason)
            return Outcome(job.name, reason, seconds), False
        return Outcome(job.name, reason, seconds), True

    def kill(self) -> None:
        self._process.terminate()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()


def _death(code: int | None) -> str:
    """The meaning of the exit status of a process that died.

    Example:
        >>> _death(-9)
        'its process was killed (signal 9); memory may have run out: try fewer --jobs'
    """
    if code == -9:
        return "its process was killed (signal 9); memory may have run out: try fewer --jobs"
    if code is not None and code < 0:
        return f"its process died of signal {-code}"
    return f"its process ended with status {code}"


def _serve(pipe: Connection[Any, Any], threads: int) -> None:
    """Does jobs until the other end closes."""
    import signal

    import torch

    # Ctrl-C reaches the whole group; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(min(threads, torch.get_num_threads()))
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        _speak_into(Path(job.out) / "logs" / f"{job.name}.log")
        pipe.send(attempt(job))


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed: it would go on training unseen."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _speak_into(path: Path) -> None:
    """Sends all that this process prints, from here on, to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
