"""The run that is served, and the parts of the server that know it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import g2d
from g2d.table.predict import Predictor
from g2d.table.serve.columns import Columns
from g2d.table.serve.json_rows import JsonRows
from g2d.table.serve.metrics import Metrics
from g2d.table.serve.schemas import About, Limits, Modality, Model
from g2d.table.serve.worker import MAX_DECODED_MB, Worker, threads_for


@dataclass(frozen=True)
class Served:
    """A run as it is served.

    Attributes:
        name: Of its folder.
        model: Which weights predict.
        columns: What a row may hold.
        json_rows: Reads rows from JSON.
        worker: Predicts, one request at a time.
        metrics: The requests so far.
        about: What `GET /schema` returns.
    """

    name: str
    model: Model
    columns: Columns
    json_rows: JsonRows
    worker: Worker
    metrics: Metrics
    about: About

    @classmethod
    def of(
        cls,
        run: Path,
        paths: tuple[str, ...],
        *,
        trust: bool,
        max_mb: float,
        max_seconds: float,
        max_rows: int,
        threads: int | None,
    ) -> Served:
        """Opens a run; the options are those of `make_app`.

        Raises:
            UserError: It is no finished run on a table, or names code that is not trusted.
        """
        predictor = Predictor(run, trust=trust)
        name, model = run.resolve().name, Model.of(run)
        columns = Columns(predictor.preprocessing)
        limits = Limits(
            max_mb=max_mb,
            max_seconds=max_seconds,
            max_rows=max_rows,
            max_decoded_mb=MAX_DECODED_MB,
        )
        about = About(
            run=name,
            model=model,
            **_task(predictor),
            target=predictor.preprocessing.target,
            modalities={
                modality: Modality(kind=kind.name, columns=columns.by_modality[modality])
                for modality, kind in predictor.preprocessing.kinds.items()
            },
            limits=limits,
        )
        return cls(
            name,
            model,
            columns,
            JsonRows(columns, max_rows),
            Worker(predictor, columns, max_seconds, threads or threads_for(predictor.model)),
            Metrics(paths, {"run": name, "sha256": model.sha256, "version": g2d.__version__}),
            about,
        )


def _task(predictor: Predictor) -> dict[str, Any]:
    described = predictor.task.describe()
    classes = described.get("classes") or described.get("labels") or []
    return {"task": described["kind"], "classes": classes}
