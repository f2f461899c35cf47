"""Many at once, and those who never come to an end."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest

from g2d.table.serve.app import make_app
from g2d.table.serve.limits import MOST_WAITING, BodyLimit
from table.serve.conftest import answer, connect, serving

ROWS = {"rows": [{"note": "the bird sings"}]}


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a"])
def test_half_open_connections_shut_nobody_out(served_run, begun):
    """60, as whoever wants to do harm opens from one terminal, and more than there may be."""
    with (
        serving(make_app(served_run[0], threads=1), connections=40) as address,
        ExitStack() as all_,
    ):
        for _ in range(60):
            stream = all_.enter_context(connect(address))
            if begun:
                stream.sendall(begun)
        assert httpx.post(f"{address}/predict", json=ROWS, timeout=20).status_code == 200
        assert httpx.get(f"{address}/health", timeout=20).status_code == 200


def test_a_header_that_does_not_arrive_is_given_up(served_run):
    """However slowly its bytes come; who has sent nothing is not answered."""
    with serving(make_app(served_run[0], threads=1), seconds=0.4) as address:
        with connect(address) as silent, connect(address) as slow:
            slow.sendall(b"GET /health HTTP/1.1\r\n")
            begun = time.monotonic()
            said = b""
            while not said and time.monotonic() < begun + 10:
                slow.settimeout(0.1)
                try:
                    slow.sendall(b"X")
                    said = slow.recv(4096)
                except TimeoutError:
                    pass
            assert said.startswith(b"HTTP/1.1 408")
            assert json.loads(said.partition(b"\r\n\r\n")[2]) == {
                "detail": "the request did not arrive within 0.4 s"
            }
            assert silent.recv(4096) == b""
        with connect(address) as stream:  # a second request on a connection that was used
            whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            for _ in range(2):
                stream.sendall(whole)
                assert answer(stream)[0] == 200
            stream.sendall(whole[:20])
            assert answer(stream)[0] == 408


def test_a_hundred_at_once_are_answered(address):
    with ThreadPoolExecutor(100) as pool:
        together = threading.Barrier(100)

        def ask(_):
            with httpx.Client(timeout=60) as client:
                together.wait()
                return client.post(f"{address}/predict", json=ROWS).status_code

        assert list(pool.map(ask, range(100))) == [200] * 100


def test_the_queue_has_an_end(served_run):
    """Of 11 at once with room for 8, three are told to come again, and the others are answered."""
    release = asyncio.Event()
    app = make_app(served_run[0], threads=1)

    async def slow(scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST":
            await release.wait()
        elif scope["type"] == "http":
            release.set()
        await app(scope, receive, send)

    assert MOST_WAITING >= 100
    body = json.dumps(ROWS).encode()
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with serving(BodyLimit(slow, 10_000, 20, 8)) as address, ExitStack() as all_:
        streams = [all_.enter_context(connect(address)) for _ in range(11)]
        for stream in streams:
            stream.sendall(request)
        refused = set()
        until = time.monotonic() + 20
        while len(refused) < 3 and time.monotonic() < until:
            refused |= set(select.select(streams, [], [], 0.1)[0])
        assert len(refused) == 3
        for stream in refused:
            said = b"".join(iter(lambda stream=stream: stream.recv(4096), b""))
            assert said.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1" in said
            assert said.endswith(b'{"detail": "8 requests wait already; try later"}')
        assert httpx.get(f"{address}/health", timeout=20).status_code == 200
        for stream in set(streams) - refused:
            assert stream.recv(4096).startswith(b"HTTP/1.1 200")


def test_bodies_that_wait_fill_no_more_memory_than_is_said(served_run):
    """17 bodies that are not yet all here, of the largest size: the last one is refused."""
    app = make_app(served_run[0], max_mb=0.1, threads=1)
    with serving(app) as address, ExitStack() as all_:
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
        for _ in range(16):
            stream = all_.enter_context(connect(address))
            stream.sendall(head + b"x" * 99_999)
        time.sleep(0.5)
        with connect(address) as stream:
            stream.sendall(head + b"x" * 50_000)
            assert stream.recv(4096).startswith(b"HTTP/1.1 503")


def test_who_reads_nothing_is_let_go(served_run):
    """Else the responses that wait for such a client would lie in memory for as long as it likes.

    It reads at last, and gets what lay in its own memory: a server that had waited would go on.
    """
    app = make_app(served_run[0], threads=1)
    with serving(app, seconds=0.5) as address, connect(address) as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.settimeout(0.1)
        one = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        sent, begun = 0, time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() < begun + 3:
                with suppress(TimeoutError):
                    sent += stream.send((100 * one)[sent % len(one) :])
        stream.settimeout(20)
        received = b""
        with suppress(ConnectionError):
            while part := stream.recv(1 << 16):
                received += part
        assert received.count(b"HTTP/1.1 200") < sent // len(one)
        assert httpx.get(f"{address}/health", timeout=20).status_code == 200
