"""Access to the server, by its name, the page that asks, and the token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from g2d.errors import UserError
from g2d.table.serve.columns import short
from g2d.table.serve.refusal import refuse

# The page holds nothing of the run, and monitoring of the server needs no token.
_OPEN = {"/", "/health"}


class Guard:
    """Refuses requests that a browser was tricked into, and those without the token.

    A page of another site cannot read what this server returns, unless its own name is made to
    point to this machine (DNS rebinding); then `Host` holds that name. An address is no name that
    could point elsewhere, so addresses always pass. A page of another site can make a browser send
    a form; then `Origin` is not this server.

    Args:
        app: The application.
        names: By which the server may be called beside its addresses and `localhost`, checked.
        token: What `Authorization: Bearer ...` must hold, checked; nothing is asked for when not
            given.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = (), token: str | None = None) -> None:
        self._app, self._names = app, set(names)
        self._token = None if token is None else f"bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1").strip() for name, value in scope["headers"]}
        refused = self._refusal(headers, scope["path"])
        if refused is None:
            if scope["method"] == "HEAD":  # the server leaves the body out by itself
                scope = {**scope, "method": "GET"}
            await self._app(scope, receive, send)
            return
        status, detail = refused
        more = [(b"www-authenticate", b"Bearer")] if status == 401 else []
        await refuse(receive, send, status, detail, more)

    def _refusal(self, headers: dict[bytes, str], path: str) -> tuple[int, str] | None:
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        name = name_of(host)
        if not (name == "localhost" or _is_address(name) or name in self._names):
            hint = f"; start it with --allow-host {name}" if _is_name(name) else ""
            return 403, f"this server is not called {short(host)}{hint}"
        if origin is not None and not self._own(origin, host):
            return 403, f"a page of {short(origin)} may not ask this server"
        if self._token is not None and path not in _OPEN:
            kind, _, given = headers.get(b"authorization", "").partition(" ")
            sent = f"{kind.lower()} {given.strip()}".encode("latin-1")
            if not hmac.compare_digest(sent, self._token):
                return (
                    401,
                    "expected the header 'Authorization: Bearer TOKEN' with this server's token",
                )
        return None

    def _own(self, origin: str, host: str) -> bool:
        """Whether a page is one of this server, seen through a proxy or not."""
        _, slashes, place = origin.lower().partition("://")
        return bool(slashes) and (place == host.lower() or name_of(place) in self._names)


def name_of(host: str) -> str:
    """The name or address in a `Host` header, without the port.

    Example:
        >>> name_of("Models.Example.:8000"), name_of("[::1]:8000"), name_of("a b")
        ('models.example', '::1', '')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".") if _plain(host) else ""
    except ValueError:
        return ""


def named(host: str) -> list[str]:
    """The name that an address to listen on is given by; none where it is an address itself.

    Example:
        >>> named("models.example"), named("0.0.0.0")
        (['models.example'], [])
    """
    return [] if _is_address(host) or not _is_name(host) else [host]


def checked_name(name: str) -> str:
    """A name as `name_of` gives it.

    Raises:
        UserError: It is a URL, has a port, or is no name.

    Example:
        >>> checked_name("Models.Example")
        'models.example'
    """
    found = name.lower().removesuffix(".")
    if not _is_name(found):
        raise UserError(
            f"--allow-host: got {short(name)}, expected a name such as models.example.org, without "
            "scheme and port"
        )
    return found


def checked_token(token: str) -> str:
    """A token as it is compared.

    Raises:
        UserError: It cannot be sent in a header.

    Example:
        >>> checked_token("a secret ")
        'a secret'
    """
    if not (token.isascii() and token.isprintable() and token.strip()):
        raise UserError("--token: expected 1 or more printable ASCII characters")
    return token.strip()


def _plain(host: str) -> bool:
    return bool(host) and host.isascii() and not set(host) & set("/?#@\\ \t")


def _is_name(name: str) -> bool:
    return bool(name) and all(sign.isascii() and (sign.isalnum() or sign in "-._") for sign in name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
