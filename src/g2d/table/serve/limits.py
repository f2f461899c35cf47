"""The size of a request, the time it may take to arrive, and how many may wait."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from g2d.table.serve.refusal import refuse

# Of requests that arrive or wait for their response, and of their bodies together: as many times
# the size of the largest one.
MOST_WAITING, MOST_BODIES = 128, 16


class BodyLimit:
    """Hands a request on when all of its body is here, and refuses one that is too large.

    A body that is announced as too large is refused before any of it is read, one that turns out
    to be is left at the limit. Requests with a body wait for each other in here, and are refused
    where too many do or their bodies fill too much memory.

    Args:
        app: The application.
        max_bytes: Of a body.
        seconds: For a body to arrive.
        most_waiting: Requests at once.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, seconds: float, most_waiting: int = MOST_WAITING
    ) -> None:
        self._app, self._max_bytes, self._seconds = app, max_bytes, seconds
        self._most_waiting = most_waiting
        self._waiting = self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
        elif _announced(scope) > self._max_bytes:
            await refuse(receive, send, 413, self._too_large)
        else:
            body = bytearray()
            try:
                refused = await self._arrives(body, receive)
                if refused is not None:
                    await refuse(receive, send, *refused)
                elif self._waiting >= self._most_waiting:
                    detail = f"{self._waiting} requests wait already; try later"
                    await refuse(receive, send, 503, detail)
                else:
                    await self._hand_on(body, scope, receive, send)
            finally:
                self._held -= len(body)

    async def _arrives(self, body: bytearray, receive: Receive) -> tuple[int, str] | None:
        """Fills the body; the status and the line of a refusal, where it is not wanted."""
        try:
            async with asyncio.timeout(self._seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return 400, "the request was not sent to its end"
                    part = message.get("body", b"")
                    body += part
                    self._held += len(part)
                    if len(body) > self._max_bytes:
                        return 413, self._too_large
                    if self._held > MOST_BODIES * self._max_bytes:
                        return 503, "too many large requests wait already; try later"
                    more = message.get("more_body", False)
        except TimeoutError:
            return 408, f"the request did not arrive within {self._seconds:g} s"
        return None

    async def _hand_on(self, body: bytearray, scope: Scope, receive: Receive, send: Send) -> None:
        waiting: list[Message] = [{"type": "http.request", "body": bytes(body)}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        self._waiting += 1
        try:
            await self._app(scope, again, send)
        finally:
            self._waiting -= 1

    @property
    def _too_large(self) -> str:
        return f"the request is too large, expected at most {self._max_bytes / 1e6:g} MB"


def _announced(scope: Scope) -> float:
    """The length of the body in bytes, 0 where the request does not give it."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return float(value)
    return 0
