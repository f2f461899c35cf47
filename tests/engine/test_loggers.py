"""TensorBoard, W&B and MLflow hold the same numbers; each is read back by other means."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from g2d import JointTraining, UserError
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, fit
from g2d.engine.loggers import open_loggers
from toy_parts import SPLITS, TASK, student

LOGGERS = ("tensorboard", "wandb", "mlflow")
EPOCHS = 4

# Scalars by tag and epoch; more than one where a logger was told twice.
Scalars = dict[str, dict[int, list[float]]]


def session(folder: Path, *, loggers=LOGGERS, resume=False, stop_after=None):
    settings = TrainingSettings(epochs=EPOCHS, batch_size=16, accelerator="cpu", loggers=loggers)
    batches = make_loader(SPLITS.train, 16, shuffle=True, seed=3)
    val = make_loader(SPLITS.val, 64, shuffle=False)
    torch.manual_seed(1)
    model = student()
    method = JointTraining(model, TASK)
    fit(method, batches, val, settings, folder=folder, resume=resume, stop_after=stop_after)
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


FIRST_SESSION = """
import sys
import time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from engine.test_loggers import session
session(Path(sys.argv[2]), stop_after=2)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs; `resumed` was trained in two processes, the first of which nobody heard."""
    runs = tmp_path_factory.mktemp("runs")
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0)
        done = subprocess.run(
            [sys.executable, "-c", FIRST_SESSION, Path(__file__).parents[1], runs / "resumed"],
            env=as_at_home(f"http://127.0.0.1:{proxy.getsockname()[1]}"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        with pytest.raises(BlockingIOError):  # nobody wanted to go through
            proxy.accept()
    session(runs / "resumed", resume=True)
    return runs


def as_at_home(proxy: str) -> dict[str, str]:
    """The environment, with nothing by which a library knows that it is being tested."""
    signs = ("CI", "PYTEST", "WANDB", "MLFLOW", "NO_PROXY", "DO_NOT_TRACK")
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(signs)}
    return {**kept, **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), proxy)}


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("WANDB", "MLFLOW_T"))]:
        monkeypatch.delenv(name)


# -- what they wrote, read without g2d


def from_tensorboard(folder: Path) -> Scalars:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    found: Scalars = {}
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            found.setdefault(tag, {}).setdefault(event.step, []).append(event.value)
    return found


def from_wandb(folder: Path) -> Scalars:
    found: Scalars = {}
    for path in wandb_files(folder):
        for record in wandb_records(path):
            if record.WhichOneof("record_type") != "history":
                continue
            values = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            step = values["_step"]
            for tag, value in values.items():
                if not tag.startswith("_"):
                    found.setdefault(tag, {}).setdefault(step, []).append(value)
    return found


def wandb_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


def wandb_records(path: Path) -> list[Any]:
    """The records of a run that has ended; W&B's own process may write them a moment later."""
    until = time.monotonic() + 30
    while True:
        records = list(parsed(path))
        ended = any(record.WhichOneof("record_type") == "exit" for record in records)
        if ended or time.monotonic() > until:
            return records
        time.sleep(0.05)


def parsed(path: Path) -> Iterator[Any]:
    """The records of a .wandb file, which is a LevelDB log after a header of 7 bytes.

    A block has 32 KiB; a record that does not fit is divided. Before each part: its checksum (4
    bytes), length (2) and type (1: whole, 2: first, 3: middle, 4: last).
    """
    from wandb.proto import wandb_internal_pb2

    content, at, parts = path.read_bytes(), 7, b""
    assert content[:4] in (b"", b":W&B")
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        if at + 7 + length > len(content):  # half written
            return
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def mlflow_client(runs: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{runs / 'mlflow.db'}")


def mlflow_runs(runs: Path, name: str) -> list[Any]:
    client = mlflow_client(runs)
    experiment = client.get_experiment_by_name("g2d")
    found = client.search_runs([experiment.experiment_id], f"run_name = '{name}'")
    return sorted(found, key=lambda run: run.info.start_time)


def from_mlflow(folder: Path) -> Scalars:
    client = mlflow_client(folder.parent)
    found: Scalars = {}
    for run in mlflow_runs(folder.parent, folder.name):
        for tag in run.data.metrics:
            for metric in client.get_metric_history(run.info.run_id, tag):
                found.setdefault(tag, {}).setdefault(metric.step, []).append(metric.value)
    return found


def from_records(folder: Path) -> Scalars:
    found: Scalars = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for tag, value in flat({key: record[key] for key in ("train", "val", "learning_rate")}):
            found.setdefault(tag, {})[record["epoch"]] = [value]
    return found


def flat(tree: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, float]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{where}{key}/")
        else:
            yield f"{where}{key}", value


# -- the tests


def test_all_hold_the_numbers_of_the_records_once_an_epoch(runs, local):
    folder = runs / "resumed"
    records = from_records(folder)
    assert {"train/loss", "learning_rate", "val/accuracy/fused", "val/loss/near"} <= set(records)
    assert all(set(epochs) == set(range(EPOCHS)) for epochs in records.values())
    assert from_wandb(folder) == records
    assert from_mlflow(folder) == records
    assert from_tensorboard(folder) == {  # which keeps single precision
        tag: {epoch: [np.float32(value) for value in values] for epoch, values in epochs.items()}
        for tag, epochs in records.items()
    }


def test_a_resumed_run_is_one_run(runs, local):
    first, second = wandb_files(runs / "resumed")
    assert first.name == second.name
    assert first.name == f"run-{(runs / 'resumed' / 'wandb.id').read_text().strip()}.wandb"
    (run,) = mlflow_runs(runs, "resumed")
    assert run.info.run_id == (runs / "resumed" / "mlflow.id").read_text().strip()
    assert run.info.status == "FINISHED"


def test_a_run_that_is_not_resumed_is_a_new_one(runs, local):
    for _ in range(2):
        session(runs / "again", stop_after=1)
    assert len({path.name for path in wandb_files(runs / "again")}) == 2
    assert len(mlflow_runs(runs, "again")) == 2


def test_training_is_the_same_with_and_without(runs, local, tmp_path, capfd):
    with_loggers = session(runs / "with")
    assert torch.equal(with_loggers, session(tmp_path, loggers=()))
    assert capfd.readouterr() == ("", "")
    assert not {path.name for path in tmp_path.iterdir()} & {"wandb", "wandb.id", "mlflow.id"}


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_a_run_that_ends_early_says_so(runs, local, error, status):
    folder = runs / error.__name__
    with pytest.raises(error), open_loggers(("wandb", "mlflow"), folder, resume=False):
        raise error
    assert [run.info.status for run in mlflow_runs(runs, error.__name__)] == [status]
    (path,) = wandb_files(folder)
    ends = [r.exit.exit_code for r in wandb_records(path) if r.WhichOneof("record_type") == "exit"]
    assert ends
    assert 0 not in ends


def test_the_environment_names_project_experiment_and_store(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{runs / 'mlflow.db'}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "drums")
    monkeypatch.setenv("WANDB_PROJECT", "drums")
    session(tmp_path / "away", loggers=("wandb", "mlflow"), stop_after=1)
    assert not (tmp_path / "mlflow.db").exists()
    client = mlflow_client(runs)
    (run,) = client.search_runs([client.get_experiment_by_name("drums").experiment_id])
    assert run.info.run_name == "away"
    (path,) = wandb_files(tmp_path / "away")
    started = [r.run for r in wandb_records(path) if r.WhichOneof("record_type") == "run"]
    assert (started[0].project, started[0].display_name) == ("drums", "away")


def test_a_store_that_has_not_the_run_is_named(runs, local):
    folder = runs / "lost"
    folder.mkdir()
    (folder / "mlflow.id").write_text("0123456789abcdef0123456789abcdef\n")
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI") as error:
        session(folder, loggers=("mlflow",), resume=True)
    assert "\n" not in str(error.value)
    assert "mlflow.db" in str(error.value)


def test_what_a_logger_refuses_is_one_line(runs, local, tmp_path, monkeypatch):
    with (
        pytest.raises(UserError, match=r"MLflow: .*a\+b") as error,
        open_loggers(("mlflow",), runs / "names", resume=False) as log,
    ):
        log({"epoch": 0, "learning_rate": 1, "train": {"loss": 1}, "val": {"loss": {"a+b": 1.0}}})
    assert "\n" not in str(error.value)
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    with pytest.raises(UserError, match="W&B: ") as error:
        session(tmp_path, loggers=("wandb",))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", LOGGERS)
def test_a_logger_needs_a_folder(name):
    with pytest.raises(UserError, match=f"{name} needs a run folder"):
        session(None, loggers=(name,))


def test_a_logger_that_there_is_not():
    with pytest.raises(UserError, match="there is no 'comet'; known: tensorboard, wandb, mlflow"):
        TrainingSettings(loggers=("comet",))
