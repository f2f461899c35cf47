"""The server below the application: connections, their headers, and what is no HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from g2d.table.serve.refusal import LINGER_SECONDS, refusal

# Each takes one of the files that a process may have open: 256 on macOS, 1,024 on Linux. More than
# the requests that may wait, so that some are left for requests that are answered at once.
MOST_CONNECTIONS = 200


def make_server(
    app: ASGIApp, header_seconds: float, connections: int = MOST_CONNECTIONS
) -> uvicorn.Server:
    """Builds a server to `run(sockets=[...])`.

    A connection that sends no whole header within its time is closed; where too many are open, the
    one that has kept the server waiting for longest is closed for the newest. A response made below
    the application has the form that its own errors have.

    Args:
        app: What is served.
        header_seconds: For the header of a request to arrive.
        connections: The most at once.
    """
    kind = type("_Connection", (_Connection,), {"seconds": header_seconds, "most": connections})
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=kind,
            ws="none",
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )


class _Connection(H11Protocol):
    """One connection.

    Attributes:
        seconds: For a header to arrive.
        most: Connections at once.
    """

    seconds: float
    most: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._refused = False
        self.since = self.loop.time()

    @property
    def arriving(self) -> bool:
        """Whether there is no request, or no whole one, that is still to be answered."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Closes the oldest where too many are open."""
        super().connection_made(transport)
        self._watch()
        others = [one for one in self.connections if isinstance(one, _Connection)]
        if len(others) > self.most:
            arriving = [one for one in others if one.arriving and one is not self]
            if arriving:
                min(arriving, key=lambda one: one.since).transport.abort()
            else:
                self._refuse(503, f"{self.most} requests wait already; try later")

    def data_received(self, data: bytes) -> None:
        """Some bytes; a header must be whole in time."""
        if not self._refused:
            super().data_received(data)
            self._watch()

    def on_response_complete(self) -> None:
        """The next header is awaited."""
        self.since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The response is not read; a client that reads nothing of it in time is disconnected."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Some of it was read."""
        super().resume_writing()
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gives up."""
        self._forget()
        self._read()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """The response to what is no HTTP, in the form of the endpoints' errors."""
        self._refuse(400, "this is no request of HTTP that can be read")

    def _watch(self) -> None:
        if self._refused or self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._late is None:
            self._late = self.loop.call_later(self.seconds, self._give_up)

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(408, f"the request did not arrive within {self.seconds:g} s")
        else:  # a browser that connects in advance expects nothing
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        headers, content = refusal(status, detail)
        response = h11.Response(status_code=status, headers=headers)
        events = (response, h11.Data(data=content), h11.EndOfMessage())
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self._refused = True
        self.transport.write_eof()  # a reset while the other side sends would lose the response
        self.loop.call_later(LINGER_SECONDS, self.transport.close)
