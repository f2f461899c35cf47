"""`g2d serve` as people start and stop it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from table.serve.conftest import served_run  # noqa: F401 (a fixture)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_it_serves_until_it_is_stopped(served_run):  # noqa: F811
    command = [sys.executable, "-m", "g2d.cli.main", "serve", str(served_run[0]), "--port", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # whoever runs the tests in the background has Ctrl-C ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:
        try:
            said = server.stdout.readline()
            found = re.fullmatch(r"animals-joint-seed0 at (http://127\.0\.0\.1:\d+)\n", said)
            assert found, said + server.stderr.read()
            assert server.stdout.readline() == "Ctrl-C stops\n"
            health = httpx.get(f"{found[1]}/health", timeout=60)
            assert health.json()["run"] == "animals-joint-seed0"
            assert "server" not in health.headers
        finally:
            server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (130, "g2d serve: stopped\n")


def test_a_port_that_is_taken_is_said_in_one_line(served_run, g2d):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = g2d("serve", served_run[0], "--port", port)
    assert said.status == 2
    assert said.err.startswith(f"g2d serve: cannot listen on 127.0.0.1, port {port} (")
    assert said.err.endswith("); choose another with --host and --port\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "70000"], "port: got 70000, expected 0 to 65535"),
        (["--max-rows", "0"], "max_rows: got 0, expected more than 0"),
    ],
)
def test_a_wrong_number_is_said_in_one_line(served_run, g2d, arguments, line):  # noqa: F811
    said = g2d("serve", served_run[0], *arguments)
    assert said.status == 2
    assert said.err.startswith(f"g2d serve: {line}")


def test_what_is_no_run_is_not_served(g2d, tmp_path):
    said = g2d("serve", tmp_path)
    assert said.status == 2
    assert "is not a finished run folder" in said.err
