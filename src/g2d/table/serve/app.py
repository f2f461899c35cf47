"""A run as a web application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import g2d
from g2d.errors import UserError
from g2d.table.serve.errors import add_errors
from g2d.table.serve.guard import Guard, checked_name, checked_token
from g2d.table.serve.limits import BodyLimit
from g2d.table.serve.routes import PATHS, add_pages, add_predictions
from g2d.table.serve.served import Served


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

    `GET /` is a page, `GET /health` and `GET /schema` return what is served, `GET /metrics` what
    was asked. `POST /predict` takes rows as JSON, `POST /predict/files` one row as a form with
    files. Nothing that is sent is kept.

    Args:
        run: A finished run on a table.
        trust: Whether code outside g2d that the run names may be run.
        max_mb: Size of one request, in millions of bytes.
        max_seconds: For a request to arrive, and again for its response.
        max_rows: Of one request.
        threads: Of torch; by the size of the model when not given (`threads_for`).
        names: By which the server may be called beside its addresses and `localhost`.
        token: What a client must send as `Authorization: Bearer ...`; the page and `/health`
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
    served = Served.of(
        Path(run),
        PATHS,
        trust=trust,
        max_mb=max_mb,
        max_seconds=max_seconds,
        max_rows=max_rows,
        threads=threads,
    )
    app = _new_app(served)
    app.add_middleware(BodyLimit, max_bytes=int(max_mb * 1e6), seconds=max_seconds)
    app.add_middleware(Guard, names=names, token=token)
    app.add_middleware(served.metrics.around)
    add_errors(app, PATHS, max_seconds)
    add_pages(app, served)
    add_predictions(app, served)
    return app


def _new_app(served: Served) -> FastAPI:
    """An application without endpoints, whose schema knows the rows of the run."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        served.worker.close()

    # The usual pages of documentation load scripts from elsewhere; the schema itself is kept.
    app = FastAPI(
        title=f"g2d: {served.name}",
        version=g2d.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            made["components"]["schemas"].update(served.json_rows.schema())
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app
