"""AV-MNIST with the paper's encoders and settings: several runs side by side on one device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cells import summary

from g2d.benchmark.datasets.avmnist.dataset import AVMNIST
from g2d.benchmark.datasets.avmnist.prepare import KIND, MODALITIES, SPLITS
from g2d.data.store import Store, new_folder, write_manifest
from g2d.errors import UserError

MOST = 40_000_000
# The sound is mostly noise, which takes as many bytes as it has levels: 64 of them are 1.25 dB.
LEVELS = {"image": 255, "audio": 63}
ROWS: dict[str, dict[str, Any]] = {
    "UME": {"name": "ume"},
    "joint": {"name": "joint"},
    "G²D, paper": {"name": "g2d", "preset": "paper"},
    "G²D, released": {"name": "g2d", "preset": "released"},
    "G²D, default": {"name": "g2d"},
}
TINY = {f"encoders.{m}": {"name": "small_cnn", "width": 8} for m in MODALITIES}


def pack(store: Path, file: Path, rows: Sequence[int]) -> int:
    """Writes the first rows of a prepared store into one file.

    Args:
        store: Folder that `g2d data prepare avmnist` wrote.
        file: To be written.
        rows: How many of train, val and test.

    Returns:
        Its size in bytes.

    Raises:
        UserError: It would be larger than may be carried.
    """
    splits = AVMNIST(store).splits().named()
    arrays: dict[str, Any] = {}
    for name, count in zip(SPLITS, rows, strict=True):
        batch = splits[name].__getitems__(list(range(min(count, len(splits[name])))))
        arrays[f"{name}-target"] = batch.target.numpy()
        for modality, levels in LEVELS.items():
            unit = batch.inputs[modality].numpy()
            arrays[f"{name}-{modality}"] = np.round(unit * levels).astype(np.uint8)
    options = Store(store, KIND, "").manifest["options"]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        np.savez_compressed(stream, options=np.array(json.dumps(options)), **arrays)
    size = file.stat().st_size
    if size > MOST:
        file.unlink()
        raise UserError(f"the file would be {size / 1e6:.1f} MB, at most 40; give fewer --rows")
    return size


def unpack(file: Path, folder: Path) -> Path:
    """Makes a store again of what `pack` wrote."""
    with np.load(file) as found, new_folder(folder) as made:
        counts = {name: len(found[f"{name}-target"]) for name in SPLITS}
        for name in SPLITS:
            np.save(made / f"{name}-target.npy", found[f"{name}-target"])
            for modality, levels in LEVELS.items():
                unit = found[f"{name}-{modality}"].astype(np.float32) / levels
                np.save(made / f"{name}-{modality}.npy", unit)
        options = {**json.loads(str(found["options"])), "levels": LEVELS}
        write_manifest(made, KIND, options=options, counts=counts)
    return folder


def avmnist(
    file: Path,
    out: Path,
    left: Callable[[], float],
    *,
    device: str,
    seeds: Sequence[int],
    lanes: int,
    epochs: int | None,
    tiny: bool,
) -> dict[str, Any]:
    """Teachers, joint training, UME and G²D in three ways, every seed.

    Args:
        file: What `pack` wrote.
        out: Folder of the runs.
        left: Seconds that are left.
        device: `cuda` or `cpu`.
        seeds: Of weights and order.
        lanes: Runs at a time.
        epochs: Of every run; as many as fit, by a trial, when not given.
        tiny: Small encoders.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = unpack(file, Path(folder) / "store")
        changes = {
            "training.accelerator": "gpu" if device == "cuda" else "cpu",
            **(TINY if tiny else {}),
        }
        trial = None
        if epochs is None:
            trial = _trial(store, out / "trial", changes, lanes, left)
            # Teachers, two of half the size, then G²D; a fifth is for what nobody has thought of.
            epochs = max(2, min(300, int(0.8 * (left() - 20) / (2.2 * trial))))
        _grid(ROWS, store, out, changes, seeds, epochs, lanes, left())
        steps = Store(store, KIND, "").manifest["counts"]["train"] // 16
    rows = {row: _row(out, row) for row in ROWS}
    return {
        "what": "ResNet-18, batch 16, SGD 0.001, momentum 0.9, weight decay 0.0001, best epoch on "
        "validation, test once; the rate falls after two thirds of the epochs",
        "epochs": epochs,
        "steps_per_epoch": steps,
        "seeds": list(seeds),
        "lanes": lanes,
        "seconds_of_a_trial_epoch": trial,
        "all_finished": all(row["finished"] == len(seeds) for row in rows.values()),
        "rows": rows,
        "teachers": _teachers(out),
    }


def _trial(
    store: Path, out: Path, changes: Mapping[str, Any], lanes: int, left: Callable[[], float]
) -> float:
    """Seconds of an epoch while all lanes are busy."""
    _grid({"joint": ROWS["joint"]}, store, out, changes, range(lanes), 1, lanes, left() / 3)
    found = [json.loads(f.read_text())["seconds"] for f in out.glob("*/result.json")]
    if not found:
        raise UserError(f"no run of the trial has ended; see {out / 'logs'}")
    return float(max(found))


def _grid(
    rows: Mapping[str, Mapping[str, Any]],
    store: Path,
    out: Path,
    changes: Mapping[str, Any],
    seeds: Sequence[int],
    epochs: int,
    lanes: int,
    seconds: float,
) -> None:
    """Runs a grid by `g2d compare`, for so long at most."""
    grid = {
        "title": "AV-MNIST with the paper's encoders and settings",
        "seeds": list(seeds),
        "common": {
            **{"data.name": "avmnist", "data.root": str(store), "training.epochs": epochs},
            **{"training.lr_steps": [2 / 3], **changes},
        },
        "axes": {
            "dataset": {"AV-MNIST": {"recipe": "avmnist_paper"}},
            "method": {row: {"method": dict(method)} for row, method in rows.items()},
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "grid.yaml"  # JSON is YAML
    path.write_text(json.dumps(grid, ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "g2d", "compare", str(path), "--out", str(out)]
    command += ["--jobs", str(lanes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        running.wait(timeout=max(1.0, seconds))
    except subprocess.TimeoutExpired:
        running.terminate()  # its workers end with it; what has ended counts
        running.wait()
    print(f"{len(rows)} rows, {epochs} epochs: {time.monotonic() - began:.0f} s", flush=True)


def _row(out: Path, row: str) -> dict[str, Any]:
    """Accuracies of the runs of a row, as far as they have ended, and validation by epoch."""
    record = json.loads((out / "grids" / "grid.json").read_text(encoding="utf-8"))
    runs = [out / cell["run"] for cell in record["cells"] if cell["labels"]["method"] == row]
    done = [json.loads((run / "result.json").read_text()) for run in runs if _ended(run)]
    found: dict[str, Any] = {"finished": len(done)}
    if done:
        found |= {
            split: {
                name: summary([result[split]["accuracy"][name] for result in done])
                for name in done[0][split]["accuracy"]
            }
            for split in ("val", "test")
        }
        found["seconds"] = [result["seconds"] for result in done]
    curves = [run / "metrics.jsonl" for run in runs if (run / "metrics.jsonl").exists()]
    found["val_by_epoch"] = [_curve(curve) for curve in curves]
    return found


def _ended(run: Path) -> bool:
    return (run / "result.json").exists()


def _curve(file: Path) -> list[float]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [round(line["val"]["accuracy"]["fused"], 4) for line in lines]


def _teachers(out: Path) -> dict[str, Any]:
    """Accuracy of every modality alone on test, by seed."""
    found: dict[str, list[float]] = {}
    for result in sorted((out / "teachers").glob("*/result.json")):
        modality = result.parent.name.split("-")[1]
        accuracy = json.loads(result.read_text())["test"]["accuracy"]["fused"]
        found.setdefault(modality, []).append(accuracy)
    return {modality: summary(values) for modality, values in found.items()}
