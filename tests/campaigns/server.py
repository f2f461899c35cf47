"""A server on this machine, and what is wrong with what it answers."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from g2d.table.serve.app import make_app
from g2d.table.serve.server import make_server


@contextmanager
def served(run: Path) -> Iterator[Callable[[bytes], str]]:
    """Serves a run; gives what judges the answer to some bytes."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = make_server(make_app(run, max_mb=1, max_seconds=2, threads=1), 2)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield lambda sent: judged(listening.getsockname()[1], sent)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def judged(port: int, sent: bytes) -> str:
    """What is wrong with the answer to some bytes: an error that is no JSON, a failure, silence."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        try:
            stream.sendall(sent)
            stream.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: stream.recv(65536), b""))
        except ConnectionError:
            return ""  # closed before all was sent
        except TimeoutError:
            return "no answer, and the connection is open"
    while said.startswith(b"HTTP/1.1 100"):
        said = said.partition(b"\r\n\r\n")[2]
    if not said:
        return ""  # what came was no beginning of a request
    head, _, body = said.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if status >= 500 and status != 504:
        return f"{status}: {body[:200]!r}"
    if status >= 400 and not sent.startswith(b"HEAD"):
        try:
            line = json.loads(body[: _length(head)])["detail"]
        except (ValueError, KeyError, TypeError):
            return f"{status} without JSON: {body[:200]!r}"
        if "\n" in line:
            return f"{status}: several lines"
    return ""


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return -1
