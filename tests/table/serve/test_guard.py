"""By which name, from which page and with which token the server may be asked."""

from __future__ import annotations

import json

import httpx
import pytest

from g2d.errors import UserError
from g2d.table.serve.app import make_app
from table.serve.conftest import answer, connect, serving

ROWS = {"rows": [{"note": "the bird sings"}]}


@pytest.fixture(scope="module")
def guarded(served_run):
    app = make_app(served_run[0], threads=1, names=["Models.Example."], token="a secret")
    with serving(app) as address:
        yield address


ELSEWHERE = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "",
    "a b",
    "[::1",
    "x@y",
]


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("path", ["/", "/health", "/schema", "/predict", "/metrics", "/none"])
def test_a_name_that_was_made_to_lead_here_is_not_answered(client, host, path):
    """DNS rebinding: the browser believes that this is the server of a page of somebody else."""
    method = "POST" if path == "/predict" else "GET"
    said = client.request(method, path, headers={"host": host}, json=ROWS)
    assert said.status_code in (400, 403)  # h11 refuses what is no host at all
    assert list(said.json()) == ["detail"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000", "192.168.1.4", "localhost."]
)
def test_addresses_are_no_names_that_could_lead_elsewhere(client, host):
    assert client.get("/schema", headers={"host": host}).status_code == 200


def test_the_message_says_how_a_name_is_allowed(client):
    said = client.get("/health", headers={"host": "models.example:80"}).json()["detail"]
    assert said == (
        "this server is not called 'models.example:80'; start it with --allow-host models.example"
    )


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        "http://localhost:3000",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/files"])
def test_pages_of_other_sites_do_not_ask(client, address, origin, path):
    """A form of another site is sent by the browser without asking anybody."""
    headers = {"origin": origin}
    sent = {"json": ROWS} if path == "/predict" else {"files": {"note": (None, "sings")}}
    said = client.post(path, headers=headers, **sent)
    assert said.status_code == 403
    assert said.json()["detail"].startswith("a page of '")
    assert client.post(path, headers={"origin": address}, **sent).status_code == 200


def test_a_page_behind_a_proxy_asks_by_the_name_that_is_allowed(guarded):
    headers = {"origin": "https://models.example", "authorization": "Bearer a secret"}
    assert httpx.post(f"{guarded}/predict", json=ROWS, headers=headers).status_code == 200
    headers["host"] = "models.example"
    assert httpx.post(f"{guarded}/predict", json=ROWS, headers=headers).status_code == 200
    headers["origin"] = "https://models.example.evil.example"
    assert httpx.post(f"{guarded}/predict", json=ROWS, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "a secret"},
        {"authorization": "Basic a secret"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer a secre"},
        {"authorization": "Bearer a secret2"},
        {"authorization": "Bearer \xfc".encode("latin-1")},
    ],
)
@pytest.mark.parametrize("path", ["/schema", "/metrics", "/predict", "/openapi.json", "/none"])
def test_without_the_token_nothing_is_told(guarded, headers, path):
    method = "POST" if path == "/predict" else "GET"
    said = httpx.request(method, f"{guarded}{path}", headers=headers, json=ROWS)
    assert (said.status_code, said.headers["www-authenticate"]) == (401, "Bearer")
    assert said.json() == {
        "detail": "expected the header 'Authorization: Bearer TOKEN' with this server's token"
    }


def test_with_the_token_all_is_told(guarded):
    for path in ("/schema", "/metrics", "/openapi.json"):
        for kind in ("Bearer", "bearer"):
            headers = {"authorization": f"{kind} a secret"}
            assert httpx.get(f"{guarded}{path}", headers=headers).status_code == 200
    assert httpx.get(f"{guarded}/").status_code == httpx.get(f"{guarded}/health").status_code == 200


@pytest.mark.parametrize("token", ["", "  ", "a\nb", "ü"])
def test_a_token_can_be_sent(served_run, token):
    with pytest.raises(UserError, match="--token: expected 1 or more printable ASCII"):
        make_app(served_run[0], token=token)


@pytest.mark.parametrize("name", ["", "http://a.example", "a.example:80", "*", "a b"])
def test_a_name_is_a_name(served_run, name):
    with pytest.raises(UserError, match="--allow-host: got "):
        make_app(served_run[0], names=[name])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /health HTTP/1.0\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /predict HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: upgrade\r\n\r\n",
            200,
        ),
    ],
)
def test_every_error_is_json(address, request_, status):
    with connect(address) as stream:
        stream.sendall(request_)
        got, body = answer(stream)
    assert got == status
    if status != 200:
        assert list(json.loads(body)) == ["detail"]
        assert b"\n" not in body


def test_head_is_get_without_a_body(client):
    for path in ("/", "/health", "/schema"):
        said = client.head(path)
        assert (said.status_code, said.content) == (200, b"")
        assert int(said.headers["content-length"]) == len(client.get(path).content)


def test_what_is_not_there_is_said_with_what_is(client):
    assert client.get("/predictions").json() == {
        "detail": "there is no '/predictions'; there are /, /health, /schema, /metrics, /predict, "
        "/predict/files, /openapi.json"
    }
    said = client.get("/predict")
    assert (said.headers["allow"], said.json()) == (
        "POST",
        {"detail": "/predict takes POST, got 'GET'"},
    )
