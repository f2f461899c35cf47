"""Jobs on a SLURM cluster, through submitit."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.jobs import Job, Outcome, attempt, forget_beginning, write_failure
from g2d.errors import UserError, require
from g2d.files import write_whole

# What the options are called here, and by submitit.
_OPTIONS = {
    "time": "timeout_min",
    "memory": "mem_gb",
    "cpus": "cpus_per_task",
    "gpus": "gpus_per_node",
}
_USUAL = {"timeout_min": 60, "cpus_per_task": 2}
# A job that runs out of time is put into the queue again this often.
_REQUEUES = 20
_WAITS = {"PENDING", "RUNNING", "REQUEUED", "CONFIGURING", "COMPLETING", "SUSPENDED", "RESIZING"}
_MOMENT = 0.5


class Slurm:
    """Every job is a job of the cluster, which outlives this process.

    Run again, a grid finds what has ended in the run folders, and what still waits or runs by the
    numbers it has kept in `submitted/`. A job that is preempted or runs out of time goes back into
    the queue and goes on from its last epoch.

    Args:
        out: Folder of the run folders; all nodes have to see it.
        options: `time` in minutes (60), `memory` in GB, `cpus` (2), `gpus`; beside them any that
            submitit passes on to sbatch: `partition`, `account`, `qos`, `constraint`, ...
        at_once: Most jobs in the queue; all of them where not given.
        cluster: `slurm`, or `local` for processes on this machine, treated alike.

    Raises:
        UserError: submitit or SLURM is not here, or an option is not known.
    """

    def __init__(
        self,
        out: Path,
        options: Mapping[str, Any],
        at_once: int | None = None,
        cluster: str = "slurm",
    ) -> None:
        submitit = require("submitit", "slurm")
        self.slots = at_once or 1_000_000
        self._place = out.resolve() / "submitted"
        named = {_OPTIONS.get(key, f"slurm_{key}"): value for key, value in options.items()}
        try:
            self._executor = submitit.AutoExecutor(
                self._place / "%j", cluster=cluster, slurm_max_num_timeout=_REQUEUES
            )
            self._executor.update_parameters(**{**_USUAL, **named})
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"SLURM is not on this machine ({reason}); use --jobs N") from None
        except (ValueError, TypeError, NameError, AssertionError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"--slurm: {reason}") from None
        self._cluster = cluster
        self._task = _task()
        self._running: dict[str, tuple[Job, Any, float]] = {}

    def submit(self, job: Job) -> None:
        """Hands a job to the cluster, or finds it there."""
        task = self._there_already(job)
        if task is None:
            forget_beginning(job)
            self._executor.update_parameters(name=job.name[:60])
            task = self._executor.submit(self._task, job)
            self._place.mkdir(parents=True, exist_ok=True)
            write_whole(self._note(job), json.dumps({"id": task.job_id}) + "\n")
        self._running[job.name] = (job, task, time.monotonic())

    def wait(self) -> list[Outcome]:
        """The jobs that have ended, after half a second at most."""
        ended = []
        for job, task, began in list(self._running.values()):
            if task.done():
                del self._running[job.name]
                self._note(job).unlink(missing_ok=True)
                ended.append(Outcome(job.name, _reason(job, task), time.monotonic() - began))
        if not ended:
            time.sleep(_MOMENT)
        return ended

    def close(self) -> None:
        """Leaves the jobs to the cluster."""
        self._running.clear()

    def _note(self, job: Job) -> Path:
        return self._place / f"{job.name}.json"

    def _there_already(self, job: Job) -> Any:
        """The job as an earlier run of the grid handed it over, if it has not ended."""
        if self._cluster != "slurm" or not self._note(job).exists():
            return None
        number = json.loads(self._note(job).read_text())["id"]
        task = require("submitit", "slurm").SlurmJob(self._place / "%j", number)
        try:
            state = str(task.get_info(mode="force").get("State", "")).upper()
        except Exception:  # accounting may be away, or have forgotten it
            return None
        return task if state in _WAITS else None


def _task() -> Any:
    """What runs on the node; made here because submitit need not be installed."""
    helpers = require("submitit.helpers", "slurm")

    class Task:
        def __call__(self, job: Job) -> str:
            return attempt(job)

        def checkpoint(self, job: Job) -> Any:
            """Asked when the time is up: the run folder holds all that the next turn needs."""
            return helpers.DelayedSubmission(self, job)

    return Task()


def _reason(job: Job, task: Any) -> str:
    try:
        return str(task.result())
    except Exception as error:  # killed from outside: submitit has no result of it
        state = str(task.state)
        lines = str(error).strip().splitlines()
        reason = f"the cluster ended it (state {state}); see {task.paths.stderr}"
        write_failure(job, reason, "\n".join(lines))
        return reason
