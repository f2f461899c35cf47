"""MLflow: a store beside the run folders, unless the environment names another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.engine.loggers.identity import keep_id, known_id
from g2d.engine.loggers.libraries import load
from g2d.engine.loggers.scalars import Write
from g2d.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient


@contextmanager
def mlflow_logger(folder: Path, resume: bool) -> Iterator[Write]:
    """Writes to an MLflow run of the experiment `MLFLOW_EXPERIMENT_NAME` (`g2d` if not set).

    The store is `MLFLOW_TRACKING_URI`; where that is not set, the SQLite file `mlflow.db` beside
    the run folder, which all run folders of one place share.

    Args:
        folder: Of the run; its name is the name of the MLflow run.
        resume: Continue the MLflow run of this folder.

    Raises:
        UserError: MLflow is not installed, or its store refuses the run or its metrics.
    """
    load("mlflow")
    from mlflow.entities import Metric

    folder = folder.resolve()
    with _errors_in_one_line(), _alone_beside(folder):
        client = _client(folder)
        run = _known_run(client, folder) if resume else None
        run = run or _new_run(client, folder.name)
    keep_id(folder, "mlflow", run)

    def write(values: Mapping[str, float], epoch: int) -> None:
        now = round(1000 * time.time())
        metrics = [Metric(tag, value, now, epoch) for tag, value in values.items()]
        with _errors_in_one_line():
            client.log_batch(run, metrics)

    status = "FAILED"
    try:
        yield write
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        client.set_terminated(run, status)


def _client(folder: Path) -> MlflowClient:
    import mlflow

    if mlflow.is_tracking_uri_set():
        return mlflow.MlflowClient()
    return mlflow.MlflowClient(f"sqlite:///{folder.parent / 'mlflow.db'}")


def _new_run(client: MlflowClient, name: str) -> str:
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "g2d")
    known = client.get_experiment_by_name(experiment)
    place = known.experiment_id if known else client.create_experiment(experiment)
    return str(client.create_run(place, run_name=name).info.run_id)


def _known_run(client: MlflowClient, folder: Path) -> str | None:
    """The run of an earlier session, running again."""
    from mlflow.exceptions import MlflowException

    run = known_id(folder, "mlflow")
    if run is not None:
        try:
            client.update_run(run, status="RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise UserError(
                f"{folder} was logged to MLflow run {run}, which {client.tracking_uri} does not "
                "have; set MLFLOW_TRACKING_URI to the store that has it, or remove "
                f"{folder / 'mlflow.id'} to start another run"
            ) from error
    return run


@contextmanager
def _alone_beside(folder: Path) -> Iterator[None]:
    """One run at a time: the first creates the tables of the store and the experiment."""
    from filelock import FileLock

    locks = folder.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "mlflow"):
        yield


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise UserError(f"MLflow: {' '.join(str(error).split())}") from None
