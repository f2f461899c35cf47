"""A refusal from below the endpoints, in the form that theirs have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

from starlette.types import Receive, Send

Headers = list[tuple[bytes, bytes]]

# A connection that is closed while the other side still sends is reset, and the response is lost on
# its way; so what comes in this time is thrown away.
LINGER_SECONDS = 2.0


def refusal(
    status: int, detail: str, more: Sequence[tuple[bytes, bytes]] = ()
) -> tuple[Headers, bytes]:
    """Headers and body of a response `{"detail": ...}`, after which the connection is closed.

    Args:
        status: Of HTTP.
        detail: One line.
        more: Headers.
    """
    content = json.dumps({"detail": detail}).encode()
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),  # the rest of a body is not wanted
        *([(b"retry-after", b"1")] if status == 503 else []),
        *more,
    ]
    return headers, content


async def refuse(
    receive: Receive,
    send: Send,
    status: int,
    detail: str,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Refuses a request, whether its body has arrived or not."""
    headers, content = refusal(status, detail, more)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body", "body": b""})
