"""A run folder: what was done and what came of it, complete enough to report from."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from g2d.checksums import sealed, unsealed
from g2d.engine.evaluate import Evaluation
from g2d.errors import UserError
from g2d.files import Record, atomic, read_json, room_for, write_whole


class RunFolder:
    """Reads and writes the files of one run.

    | file | what |
    |---|---|
    | `run.json` | resolved recipe, versions, seed, data fingerprint, protocol, sessions |
    | `metrics.jsonl` | one line an epoch |
    | `model.safetensors`, `model.json` | the best model on validation, and how to build it |
    | `last.ckpt` | everything needed to go on |
    | `predictions-<split>.npz` | logits of every sample |
    | `mask-<split>.npz` | which modalities were hidden, where a recipe says `missing` |
    | `result.json` | the final metrics; it is there when the run is finished |
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "result.json").exists()

    @property
    def started(self) -> bool:
        """Whether there is anything of the run."""
        return (self.path / "run.json").exists()

    def begin(self, about: Mapping[str, Any]) -> None:
        """Writes `run.json`; where the run goes on, adds a session to the one that is there.

        Args:
            about: What the run is; `environment` in it is that of this session.
        """
        known = self.read_json("run.json") if self.started else dict(about)
        session = {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "environment": about["environment"],
        }
        self.write_json("run.json", {**known, "sessions": [*known.get("sessions", []), session]})

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes a JSON file in one piece, with its checksum."""
        write_whole(self.path / name, json.dumps(sealed(content), indent=2) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Reads a JSON file of the run.

        Raises:
            UserError: It is not there, or damaged.
        """
        return read_json(self.path / name)

    def append_epoch(self, record: Mapping[str, Any]) -> None:
        """Adds a line to `metrics.jsonl`."""
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / "metrics.jsonl"
        with room_for(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(sealed(record)) + "\n")

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, without the last if a killed run left half of it.

        Raises:
            UserError: Another line is damaged.
        """
        path = self.path / "metrics.jsonl"
        lines = path.read_bytes().splitlines() if path.exists() else []
        records: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError
            except (ValueError, RecursionError):
                if number < len(lines):
                    raise UserError(
                        f"{path}: line {number} is damaged; start the run anew"
                    ) from None
            else:
                records.append(Record(path, unsealed(record, f"{path}, line {number},")))
        return records

    def keep_epochs(self, count: int) -> None:
        """Drops the lines of epochs that a resumed run will repeat."""
        kept = [
            json.dumps(sealed(record)) + "\n" for record in self.epochs() if record["epoch"] < count
        ]
        if self.path.exists():
            write_whole(self.path / "metrics.jsonl", "".join(kept))

    def write_predictions(self, split: str, evaluation: Evaluation) -> None:
        """Writes the logits of a split, one array a modality and one fused, and what is absent."""
        arrays = {f"logits/{name}": rows.numpy() for name, rows in evaluation.logits.items()}
        arrays |= {f"present/{name}": mask.numpy() for name, mask in evaluation.present.items()}
        path = self.path / f"predictions-{split}.npz"
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                index=evaluation.index.numpy(),
                target=evaluation.target.numpy(),
                **arrays,  # type: ignore[arg-type]
            )

    def read_predictions(self, split: str) -> dict[str, NDArray[np.generic]]:
        """What `write_predictions` wrote: `index`, `target`, `logits/<name>`, `present/<name>`.

        Raises:
            FileNotFoundError: There are none.
            UserError: They are cut short or damaged.
        """
        path = self.path / f"predictions-{split}.npz"
        try:
            # Opened here: NumPy leaves a file that is no archive open.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (ValueError, EOFError, BadZipFile, zlib.error, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{path} is cut short or damaged ({reason}); g2d evaluate makes it again"
            ) from None
