"""`g2d serve`: a trained run behind HTTP."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

from g2d.cli.command import Command, add_trust_argument
from g2d.errors import UserError, require

_HERE = {"127.0.0.1", "::1", "localhost"}
_TOKEN = "G2D_TOKEN"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run on a table")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8000, help="0 takes one that is free (%(default)s)"
    )
    parser.add_argument(
        "--max-mb", type=float, default=20, help="size of one request (%(default)g)"
    )
    parser.add_argument(
        "--max-seconds", type=float, default=30, help="time of one request (%(default)g)"
    )
    parser.add_argument(
        "--max-rows", type=int, default=256, help="rows of one request (%(default)s)"
    )
    parser.add_argument("--threads", type=int, help="of torch; by the model's size when not given")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which the server is called, beside --host and its addresses; repeatable",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get(_TOKEN),
        help=f"a client must send it; better in {_TOKEN}, which others cannot list",
    )
    add_trust_argument(parser)


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Serves until it is stopped."""
    for module in ("fastapi", "uvicorn", "python_multipart"):
        require(module, "serve")
    from g2d.table.serve.app import make_app
    from g2d.table.serve.guard import named
    from g2d.table.serve.server import make_server

    app = make_app(
        arguments.run,
        trust=arguments.trust,
        max_mb=arguments.max_mb,
        max_seconds=arguments.max_seconds,
        max_rows=arguments.max_rows,
        threads=arguments.threads,
        names=[*named(arguments.host), *arguments.allow_host],
        token=arguments.token,
    )
    listening = _listen(arguments.host, arguments.port)
    host, port = listening.getsockname()[:2]
    print(f"{arguments.run.name} at http://{f'[{host}]' if ':' in host else host}:{port}")
    if arguments.token is not None:
        print("clients must send the token")
    elif arguments.host not in _HERE:
        print("there is no token: everybody who reaches this address can use the server")
    print("Ctrl-C stops", flush=True)
    make_server(app, arguments.max_seconds).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 2**16:
        raise UserError(f"port: got {port}, expected 0 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}, port {port} ({error.strerror}); choose another with --host "
            "and --port"
        ) from None


COMMAND = Command(
    name="serve",
    summary="Serve a trained run over HTTP: a web page, and an interface for programs.",
    example="  g2d serve runs/data-g2d-seed0 --port 8000",
    configure=configure,
    run=run,
)
