"""The responses to requests that cannot be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from g2d.errors import UserError
from g2d.table.serve.columns import short
from g2d.table.serve.worker import TooLongError


def add_errors(app: FastAPI, paths: Sequence[str], seconds: float) -> None:
    """Every error is one line, and none of them shows where anything lies on this machine.

    Args:
        app: The application.
        paths: It has.
        seconds: A prediction may take.
    """

    def refused(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"detail": detail}, status, headers)

    @app.exception_handler(404)
    async def nowhere(request: Request, error: Exception) -> JSONResponse:
        there = ", ".join(paths)
        return refused(404, f"there is no {short(request.url.path)}; there are {there}")

    @app.exception_handler(405)
    async def other_method(request: Request, error: HTTPException) -> JSONResponse:
        allowed = (error.headers or {}).get("Allow", "")
        line = f"{request.url.path} takes {allowed}, got {short(request.method)}"
        return refused(405, line, error.headers)

    @app.exception_handler(UserError)
    async def wrong(request: Request, error: Exception) -> JSONResponse:
        return refused(422, str(error))

    @app.exception_handler(TooLongError)
    async def late(request: Request, error: Exception) -> JSONResponse:
        return refused(504, f"the prediction took longer than {seconds:g} s; send less at a time")

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return refused(500, "the prediction failed; the log of the server says why")
