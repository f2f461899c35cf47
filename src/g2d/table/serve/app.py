"""The endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

import g2d
from g2d.errors import UserError
from g2d.table.predict import Predictor
from g2d.table.serve.answers import (
    About,
    Answer,
    Answers,
    Health,
    Limits,
    Modality,
    Model,
    problems,
)
from g2d.table.serve.columns import DATE, NUMBER, Columns, Upload, short
from g2d.table.serve.guard import Guard, checked_name, checked_token
from g2d.table.serve.json_rows import JsonRows
from g2d.table.serve.limits import BodyLimit
from g2d.table.serve.metrics import MEDIA_TYPE, Metrics
from g2d.table.serve.page import page
from g2d.table.serve.worker import MAX_DECODED_MB, TooLongError, Worker, threads_for

_PATHS = ("/", "/health", "/schema", "/metrics", "/predict", "/predict/files", "/openapi.json")
_REFUSED = (401, 403, 408, 413, 415, 422, 500, 503, 504)


def make_app(
    run: str | Path,
    *,
    trust: bool = False,
    max_mb: float = 20,
    max_seconds: float = 30,
    max_rows: int = 256,
    threads: int | None = None,
    names: Sequence[str] = (),
    token: str | None = None,
) -> FastAPI:
    """A trained run as a web application.

    `GET /` is a page, `GET /health` and `GET /schema` say what is served, `GET /metrics` what was
    asked, `POST /predict` takes rows as JSON, `POST /predict/files` one row as a form with files.
    Nothing that is sent is kept.

    Args:
        run: A finished run on a table.
        trust: Whether code outside g2d that the run names may be run.
        max_mb: Size of one request, in millions of bytes.
        max_seconds: For a request to arrive, and again for it to be answered.
        max_rows: Of one request.
        threads: Of torch; by the size of the model when not given (`threads_for`).
        names: By which the server may be called beside its addresses and `localhost`.
        token: What whoever asks must send as `Authorization: Bearer ...`; the page and `/health`
            are open. Everybody may ask when not given.

    Raises:
        UserError: It is no such run, it names code that is not trusted, or a limit, a name or the
            token is not as it must be.
    """
    for limit, value, most in (
        ("max_mb", max_mb, 1e6),
        ("max_seconds", max_seconds, 1e6),
        ("max_rows", max_rows, 1e6),
        ("threads", 1 if threads is None else threads, 1024),
    ):
        if not 0 < value <= most:
            raise UserError(f"{limit}: got {value:g}, expected more than 0 and at most {most:,.0f}")
    names = [checked_name(one) for one in names]
    token = None if token is None else checked_token(token)
    predictor = Predictor(run, trust=trust)
    name, model = Path(run).resolve().name, Model.of(Path(run))
    columns = Columns(predictor.preprocessing)
    json_rows = JsonRows(columns, max_rows)
    worker = Worker(predictor, columns, max_seconds, threads or threads_for(predictor.model))
    metrics = Metrics(_PATHS, {"run": name, "sha256": model.sha256, "version": g2d.__version__})
    about = About(
        run=name,
        model=model,
        **_task(predictor),
        target=predictor.preprocessing.target,
        modalities={
            modality: Modality(kind=kind.name, columns=columns.by_modality[modality])
            for modality, kind in predictor.preprocessing.kinds.items()
        },
        limits=Limits(
            max_mb=max_mb,
            max_seconds=max_seconds,
            max_rows=max_rows,
            max_decoded_mb=MAX_DECODED_MB,
        ),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        worker.close()

    # The usual pages of documentation load scripts from elsewhere; the schema itself is kept.
    app = FastAPI(
        title=f"g2d: {name}",
        version=g2d.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_bytes=int(max_mb * 1e6), seconds=max_seconds)
    app.add_middleware(Guard, names=names, token=token)
    app.add_middleware(metrics.around)
    _errors(app, max_seconds)
    html, policy = page()

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        headers = {"content-security-policy": policy, "x-content-type-options": "nosniff"}
        return HTMLResponse(html, headers=headers)

    @app.get("/health", responses=problems(403))
    async def health() -> Health:
        """Says that the server is there, and what it serves."""
        return Health(status="ok", run=name, version=g2d.__version__, model=model)

    @app.get("/metrics", responses=problems(401, 403), response_class=PlainTextResponse)
    async def counts() -> PlainTextResponse:
        """What was asked and how long it took, for Prometheus."""
        return PlainTextResponse(metrics.text(), media_type=MEDIA_TYPE)

    @app.get("/schema", responses=problems(401, 403))
    async def schema() -> About:
        """What a row may hold, and the limits."""
        return about

    @app.post(
        "/predict",
        responses=problems(*_REFUSED),
        openapi_extra=_body("application/json", {"$ref": "#/components/schemas/Rows"}),
    )
    async def predict(request: Request) -> Answers:
        """Rows as JSON; a column that is left out is empty."""
        _expect(request, "application/json")
        rows = await run_in_threadpool(json_rows.read, await request.body())
        said = await worker.predict(rows)
        metrics.rows += len(said)
        return Answers(predictions=[Answer.of(one) for one in said])

    @app.post(
        "/predict/files",
        responses=problems(400, *_REFUSED),
        openapi_extra=_body("multipart/form-data", _form(columns)),
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
        (said,) = await worker.predict([columns.checked(row)])
        metrics.rows += 1
        return Answer.of(said)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            made["components"]["schemas"].update(json_rows.schema())
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _task(predictor: Predictor) -> dict[str, Any]:
    described = predictor.task.describe()
    classes = described.get("classes") or described.get("labels") or []
    return {"task": described["kind"], "classes": classes}


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


def _errors(app: FastAPI, seconds: float) -> None:
    """Every error is one line, and none of them tells where anything lies on this machine."""

    def said(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"detail": detail}, status, headers)

    @app.exception_handler(404)
    async def nowhere(request: Request, error: Exception) -> JSONResponse:
        there = ", ".join(_PATHS)
        return said(404, f"there is no {short(request.url.path)}; there are {there}")

    @app.exception_handler(405)
    async def other_method(request: Request, error: HTTPException) -> JSONResponse:
        allowed = (error.headers or {}).get("Allow", "")
        line = f"{request.url.path} takes {allowed}, got {short(request.method)}"
        return said(405, line, error.headers)

    @app.exception_handler(UserError)
    async def wrong(request: Request, error: Exception) -> JSONResponse:
        return said(422, str(error))

    @app.exception_handler(TooLongError)
    async def late(request: Request, error: Exception) -> JSONResponse:
        return said(504, f"the prediction took longer than {seconds:g} s; send less at a time")

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return said(500, "the prediction failed; the log of the server says why")
