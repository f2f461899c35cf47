"""Jobs in their order, as many at a time as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from g2d.benchmark.compare.jobs import Job, Outcome, write_failure


class Launcher(Protocol):
    """Where jobs run: this process, several processes, a cluster."""

    @property
    def slots(self) -> int:
        """How many jobs it takes at a time."""

    def submit(self, job: Job) -> None:
        """Takes a job; returns at once."""

    def wait(self) -> list[Outcome]:
        """Jobs that have ended since the last call; waits a moment where none has."""

    def close(self) -> None:
        """Ends whatever still runs."""


class Watch(Protocol):
    """Is called as jobs start and end."""

    def begin(self, jobs: Sequence[Job], done: int) -> None:
        """Before the first job; `done` runs were there already."""

    def started(self, job: Job) -> None:
        """A job is handed over; `has_begun` returns whether it has begun."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Is called when a job has ended."""

    def tick(self) -> None:
        """Is called when nothing has happened for a moment."""

    def close(self) -> None:
        """Is called after the last job."""


def run_jobs(
    jobs: Sequence[Job], launcher: Launcher, watch: Watch, done: int = 0
) -> dict[str, Outcome]:
    """Runs jobs, each after the one it needs; a failed one does not stop the rest.

    Args:
        jobs: In the order in which they are to begin.
        launcher: Where they run.
        watch: Is called as jobs start and end.
        done: How many runs of the grid were there already.

    Returns:
        How every job ended.
    """
    waiting = list(jobs)
    running: dict[str, Job] = {}
    ended: dict[str, Outcome] = {}
    watch.begin(jobs, done)
    try:
        while waiting or running:
            for job in _ready(waiting, ended)[: max(0, launcher.slots - len(running))]:
                waiting.remove(job)
                running[job.name] = job
                watch.started(job)
                launcher.submit(job)
            outcomes = launcher.wait()
            if not outcomes:
                watch.tick()
            for outcome in outcomes:
                ended[outcome.name] = outcome
                watch.ended(running.pop(outcome.name), outcome)
                if outcome.reason:
                    for job in [job for job in waiting if job.needs == outcome.name]:
                        waiting.remove(job)
                        reason = f"its teachers could not be trained: {outcome.reason}"
                        write_failure(job, reason)
                        ended[job.name] = Outcome(job.name, reason)
                        watch.ended(job, ended[job.name])
    finally:
        launcher.close()
        watch.close()
    return ended


def _ready(waiting: Sequence[Job], ended: dict[str, Outcome]) -> list[Job]:
    return [job for job in waiting if job.needs is None or job.needs in ended]
