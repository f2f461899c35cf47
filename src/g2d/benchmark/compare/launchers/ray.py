"""Jobs on Ray: this machine, or a cluster that runs already."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from g2d.benchmark.compare.jobs import Job, Outcome, attempt, forget_beginning, write_failure
from g2d.errors import UserError, require

_KNOWN = ("address", "cpus", "gpus")
_MOMENT = 0.5


class Ray:
    """Every job is a task of Ray, which places it where there is room.

    The folder of runs has to be seen by all nodes, and g2d be installed on them.

    Args:
        options: `address` of a cluster (Ray's own default where not given: `RAY_ADDRESS`, else
            this machine), `cpus` (1) and `gpus` (0) of every job.
        at_once: Most jobs at a time; as many as Ray has room for where not given.

    Raises:
        UserError: Ray is not installed or cannot be reached, or an option is not known.
    """

    def __init__(self, options: Mapping[str, Any], at_once: int | None = None) -> None:
        for key in options:
            if key not in _KNOWN:
                raise UserError(f"--ray.{key}: no such option; known: {', '.join(_KNOWN)}")
        self._ray: Any = require("ray", "ray")
        self.slots = at_once or 1_000_000
        if not self._ray.is_initialized():
            paths = os.pathsep.join(path for path in sys.path if path)
            try:
                self._ray.init(
                    address=options.get("address"),
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="error",
                    runtime_env={"env_vars": {"PYTHONPATH": paths}},
                )
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split())
                raise UserError(f"--ray.address: Ray cannot be reached ({reason})") from None
        task = self._ray.remote(attempt)
        self._task = task.options(
            num_cpus=options.get("cpus", 1), num_gpus=options.get("gpus", 0), max_retries=0
        )
        self._running: dict[Any, tuple[Job, float]] = {}

    def submit(self, job: Job) -> None:
        """Hands a job to Ray."""
        forget_beginning(job)
        self._running[self._task.remote(job)] = (job, time.monotonic())

    def wait(self) -> list[Outcome]:
        """The jobs that have ended, after half a second at most."""
        done, _ = self._ray.wait(list(self._running), timeout=_MOMENT)
        ended = []
        for reference in done:
            job, began = self._running.pop(reference)
            ended.append(Outcome(job.name, self._reason(job, reference), time.monotonic() - began))
        return ended

    def close(self) -> None:
        """Ends what still runs; it goes on when the grid is run again."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        self._ray.shutdown()

    def _reason(self, job: Job, reference: Any) -> str:
        try:
            return str(self._ray.get(reference))
        except self._ray.exceptions.RayError as error:  # its process has died
            reason = f"Ray ended it: {' '.join(str(error).split())[:300]}"
            write_failure(job, reason)
            return reason
