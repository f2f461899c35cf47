"""The endpoints: the page, what is served, and predictions."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

import g2d
from g2d.errors import UserError
from g2d.table.serve.columns import DATE, NUMBER, Columns, Upload
from g2d.table.serve.metrics import MEDIA_TYPE
from g2d.table.serve.page import page
from g2d.table.serve.schemas import About, Answer, Answers, Health, problems
from g2d.table.serve.served import Served

PATHS = ("/", "/health", "/schema", "/metrics", "/predict", "/predict/files", "/openapi.json")
_REFUSED = (401, 403, 408, 413, 415, 422, 500, 503, 504)


def add_pages(app: FastAPI, served: Served) -> None:
    """`GET /`, `/health`, `/metrics` and `/schema`: what is served, and what was asked."""
    html, policy = page()

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        headers = {"content-security-policy": policy, "x-content-type-options": "nosniff"}
        return HTMLResponse(html, headers=headers)

    @app.get("/health", responses=problems(403))
    async def health() -> Health:
        """Whether the server is there, and what it serves."""
        return Health(status="ok", run=served.name, version=g2d.__version__, model=served.model)

    @app.get("/metrics", responses=problems(401, 403), response_class=PlainTextResponse)
    async def counts() -> PlainTextResponse:
        """Counts and times of requests, for Prometheus."""
        return PlainTextResponse(served.metrics.text(), media_type=MEDIA_TYPE)

    @app.get("/schema", responses=problems(401, 403))
    async def schema() -> About:
        """What a row may hold, and the limits."""
        return served.about


def add_predictions(app: FastAPI, served: Served) -> None:
    """`POST /predict` and `/predict/files`: rows as JSON, or one as a form with files."""

    @app.post(
        "/predict",
        responses=problems(*_REFUSED),
        openapi_extra=_body("application/json", {"$ref": "#/components/schemas/Rows"}),
    )
    async def predict(request: Request) -> Answers:
        """Rows as JSON; a column that is left out is empty."""
        _expect(request, "application/json")
        rows = await run_in_threadpool(served.json_rows.read, await request.body())
        predictions = await served.worker.predict(rows)
        served.metrics.rows += len(predictions)
        return Answers(predictions=[Answer.of(one) for one in predictions])

    @app.post(
        "/predict/files",
        responses=problems(400, *_REFUSED),
        openapi_extra=_body("multipart/form-data", _form(served.columns)),
    )
    async def predict_files(request: Request) -> Answer:
        """One row as a form: a field for each column, files where the column holds files."""
        _expect(request, "multipart/form-data")
        row: dict[str, str | Upload | None] = {}
        # A part cannot be larger than the request, which has a limit of its own.
        async with request.form(max_files=100, max_fields=1000, max_part_size=2**62) as form:
            for column, value in form.multi_items():
                if column in row:
                    raise UserError(f"{column!r} is there twice, expected one row")
                if not isinstance(value, UploadFile):
                    row[column] = value
                elif value.filename or value.size:
                    row[column] = Upload(await value.read(), value.filename or "")
                else:
                    row[column] = None  # what a browser sends where no file was chosen
        (prediction,) = await served.worker.predict([served.columns.checked(row)])
        served.metrics.rows += 1
        return Answer.of(prediction)


def _body(media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}


def _form(columns: Columns) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    known = {"file": file, "number": NUMBER, "date": DATE}
    properties = {
        column: known.get(field.holds, {"type": "string"})
        for column, field in columns.fields.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _expect(request: Request, media: str) -> None:
    got = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if got != media:
        raise HTTPException(415, f"got a body of type {got or 'none'!r}, expected {media}")
