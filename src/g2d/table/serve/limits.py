"""The size of a request and the time it may take to arrive."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A connection that is closed while the other side still sends is reset, and the answer is lost on
# its way; so what comes in this time is thrown away.
_LINGER_SECONDS = 2.0


class BodyLimit:
    """Hands a request on when all of its body is here, and refuses one that is too large.

    A body that is announced as too large is refused before any of it is read, one that turns out
    to be is left at the limit.

    Args:
        app: Who answers.
        max_bytes: Of a body.
        seconds: For a body to arrive.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float) -> None:
        self._app, self._max_bytes, self._seconds = app, max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced(scope) > self._max_bytes:
            await _refuse(receive, send, 413, self._too_large)
            return
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    if len(body) > self._max_bytes:
                        break
                    more = message.get("more_body", False)
        except TimeoutError:
            said = f"the request did not arrive within {self._seconds:g} s"
            await _refuse(receive, send, 408, said)
            return
        if len(body) > self._max_bytes:
            await _refuse(receive, send, 413, self._too_large)
            return
        waiting: list[Message] = [{"type": "http.request", "body": bytes(body)}]
        del body

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, again, send)

    @property
    def _too_large(self) -> str:
        return f"the request is too large, expected at most {self._max_bytes / 1e6:g} MB"


async def _refuse(receive: Receive, send: Send, status: int, said: str) -> None:
    content = json.dumps({"detail": said}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),  # the rest of the body is not wanted
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body", "body": b""})


def _announced(scope: Scope) -> float:
    """The length of the body in bytes, 0 where the request does not say."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return float(value)
    return 0
