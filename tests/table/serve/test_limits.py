"""What is too large is left at the limit, whatever the request has announced."""

from __future__ import annotations

import asyncio

import pytest

from g2d.table.serve.limits import BodyLimit


def asked(parts, headers=()):
    """The status of a request whose body comes in these parts, and how many were read before it."""
    waiting, read, sent = list(parts), [], []

    async def receive():
        if not waiting:
            return {"type": "http.disconnect"}
        read.append(waiting.pop(0))
        return {"type": "http.request", "body": read[-1], "more_body": bool(waiting)}

    async def send(message):
        sent.append((message, len(read)))

    async def app(scope, receive, send):
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "length": len(body)})

    scope = {"type": "http", "method": "POST", "headers": list(headers)}
    asyncio.run(BodyLimit(app, 10, 5.0)(scope, receive, send))
    return sent[0][0]["status"], sent[0][1]


@pytest.mark.parametrize(
    ("parts", "headers", "answer"),
    [
        ([b"12345", b"67890"], [], (200, 2)),
        ([b"12345", b"67890", b"1"], [], (413, 3)),
        ([b"x" * 11] * 50, [], (413, 1)),
        ([b"x"] * 5, [(b"content-length", b"11")], (413, 0)),
        ([b"x" * 11], [(b"content-length", b"2")], (413, 1)),
    ],
)
def test_a_body_is_read_as_far_as_it_is_allowed(parts, headers, answer):
    assert asked(parts, headers) == answer
