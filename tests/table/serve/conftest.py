"""A real run, served by a real server."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from g2d.cli.main import main
from g2d.table.inspection.inspect import as_yaml, inspect_table
from g2d.table.serve.app import make_app
from g2d.table.serve.server import make_server
from table.tables import SMALL, write_table


def train(folder, target):
    """The folder of a run on the table of animals that lies in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("G2D_CACHE", str(folder / "cache"))
        recipe = folder / "recipe.yaml"
        recipe.write_text(as_yaml(*inspect_table(folder / "data" / "animals.csv", target)))
        arguments = ["train", recipe, *SMALL, "--method", "joint", "--out", folder / "runs"]
        assert main([str(argument) for argument in arguments]) == 0
    return folder / "runs" / "animals-joint-seed0"


@pytest.fixture(scope="session")
def served_run(tmp_path_factory):
    """The folder of a run on the animals, and that of their files."""
    folder = tmp_path_factory.mktemp("serve")
    write_table(folder / "data")
    return train(folder, "animal"), folder / "data"


@contextmanager
def serving(app, seconds=30.0, **options):
    """The address of a server on this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = make_server(app, seconds, **options)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def connect(address):
    """A connection on which nothing is said yet."""
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def answer(stream):
    """The status and the whole body of the next answer on a connection."""
    with stream.makefile("rb") as file:
        status = int(file.readline().split()[1])
        length = 0
        while line := file.readline().lower().strip():
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, file.read(length)


@pytest.fixture(scope="session")
def address(served_run):
    with serving(make_app(served_run[0], max_mb=1, max_rows=40, threads=1)) as address:
        yield address


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client
