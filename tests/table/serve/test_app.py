"""The endpoints of a real run on a real server, beside what `Predictor` says."""

from __future__ import annotations

import base64
import csv
import io
import math
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

import g2d
from g2d.errors import UserError
from g2d.table.predict import Predictor
from g2d.table.serve.app import make_app
from table.serve.conftest import serving, train
from table.tables import write_table

WORDS = {"note": "the bird sings far"}


def rows_of(folder, several):
    with (folder / "animals.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))[several]
    return [{name: cell for name, cell in row.items() if name != "animal"} for row in rows]


def as_json(row, folder):
    """A row of the table as somebody sends it who has the files."""
    sent = dict(row)
    for column in ("picture", "call"):
        content = (folder / row[column]).read_bytes()
        sent[column] = {"base64": base64.b64encode(content).decode(), "name": row[column]}
    for column in ("weight", "age"):
        sent[column] = float(row[column])
    return sent


def assert_same(answer, expected):
    assert answer["answer"] == expected.answer
    assert answer["unimodal"] == expected.unimodal
    assert answer["not_used"] == expected.reasons
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert answer["unimodal_probabilities"].keys() == expected.shares.keys()
    for name, shares in expected.shares.items():
        assert answer["unimodal_probabilities"][name] == pytest.approx(shares, abs=1e-6)


def test_health_and_schema(client):
    health = client.get("/health").json()
    assert (health["status"], health["run"]) == ("ok", "animals-joint-seed0")
    assert health["version"] == g2d.__version__
    about = client.get("/schema").json()
    assert (about["task"], about["target"]) == ("classification", "animal")
    assert about["classes"] == ["bird", "dog"]
    assert list(about["modalities"]) == ["picture", "call", "note", "tabular"]
    assert {
        c["column"]: c["holds"] for m in about["modalities"].values() for c in m["columns"]
    } == {
        "picture": "file",
        "call": "file",
        "note": "words",
        "weight": "number",
        "place": "category",
        "seen": "date",
        "age": "number",
    }
    assert about["modalities"]["tabular"]["columns"][1]["values"] == ["sea", "town", "wood"]
    assert about["limits"]["max_rows"] == 40


def test_answers_are_those_of_the_predictor(client, served_run):
    run, data = served_run
    rows = rows_of(data, slice(0, 20))
    expected = Predictor(run).rows(rows, data)
    assert {said.answer for said in expected} == {"bird", "dog"}
    said = client.post("/predict", json={"rows": [as_json(row, data) for row in rows]})
    assert said.status_code == 200, said.text
    assert len(said.json()["predictions"]) == 20
    for answer, one in zip(said.json()["predictions"], expected, strict=True):
        assert_same(answer, one)
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        for name, shares in answer["unimodal_probabilities"].items():
            assert max(shares, key=shares.get) == answer["unimodal"][name]


def test_each_of_many_rows_is_predicted_by_itself(served_run):
    """More than are predicted together: a row alone, and in any place, is the same row."""
    predictor = Predictor(served_run[0])
    rows = [{"note": "soft far bird" if n % 3 else "", "weight": str(n % 7)} for n in range(150)]
    said = predictor.rows(rows, served_run[1])
    assert len(said) == 150
    for place in (0, 1, 2, 63, 64, 65, 148, 149):
        (alone,) = predictor.rows([rows[place]], served_run[1])
        assert said[place].answer == alone.answer
        assert list(said[place].unimodal) == list(alone.unimodal)
        assert said[place].probabilities == pytest.approx(alone.probabilities, abs=1e-5)


def test_a_row_that_has_nothing_is_not_predicted(served_run):
    nothing, something = Predictor(served_run[0]).rows([{}, WORDS], served_run[1])
    assert (nothing.answer, nothing.probabilities, nothing.unimodal) == (None, {}, {})
    assert something.answer is not None


def test_a_form_is_answered_as_its_row(client, served_run):
    run, data = served_run
    (row,) = rows_of(data, slice(3, 4))
    (expected,) = Predictor(run).rows([row], data)
    files = {c: (row[c], (data / row[c]).read_bytes()) for c in ("picture", "call")}
    fields = {name: cell for name, cell in row.items() if name not in files}
    said = client.post("/predict/files", data=fields, files=files)
    assert said.status_code == 200, said.text
    assert_same(said.json(), expected)


@pytest.mark.slow
def test_what_training_did_not_have_is_doubtful(client, served_run):
    run, _ = served_run
    low, high = Predictor(run).preprocessing.ends["weight"]
    rows = [{**WORDS, "weight": weight} for weight in (low, high, 1000 * high)]
    said = client.post("/predict", json={"rows": rows}).json()["predictions"]
    assert [one["doubtful"] for one in said[:2]] == [{}, {}]
    about = said[2]["doubtful"]["weight"]
    assert about.endswith(f" is outside the {low:g} to {high:g} of training")


@pytest.mark.parametrize("target", ["age", "tags"])
def test_numbers_and_labels_are_answers_too(tmp_path, target):
    table = write_table(tmp_path / "data", rows=40)
    lines = table.read_text().splitlines()
    tags = ["tags", *(("wet|small", "wet", "dry")[row % 3] for row in range(40))]
    table.write_text("\n".join(f"{a},{b}" for a, b in zip(lines, tags, strict=True)) + "\n")
    run = train(tmp_path, target)
    expected = Predictor(run).rows([WORDS, {}])
    with serving(make_app(run, threads=1)) as address:
        said = httpx.post(f"{address}/predict", json={"rows": [WORDS, {}]}, timeout=60)
        about = httpx.get(f"{address}/schema", timeout=60).json()
    assert about["classes"] == ([] if target == "age" else ["dry", "small", "wet"])
    for answer, one in zip(said.json()["predictions"], expected, strict=True):
        assert_same(answer, one)
    assert isinstance(said.json()["predictions"][0]["answer"], float if target == "age" else str)


def test_what_is_absent_has_no_unimodal_prediction(client, served_run):
    run, data = served_run
    expected = Predictor(run).rows([WORDS, {}], data)
    said = client.post("/predict", json={"rows": [WORDS, {}]}).json()["predictions"]
    assert list(said[0]["unimodal"]) == ["note"]
    assert said[1] == {
        "answer": None,
        "probabilities": {},
        "unimodal": {},
        "unimodal_probabilities": {},
        "not_used": {},
        "doubtful": {},
    }
    for answer, one in zip(said, expected, strict=True):
        assert_same(answer, one)
    # What a browser sends of an empty form.
    empty = {"picture": ("", b"", "application/octet-stream")}
    form = client.post("/predict/files", data={**WORDS, "weight": ""}, files=empty)
    assert_same(form.json(), expected[0])


@pytest.mark.parametrize(
    ("column", "content", "reason"),
    [
        ("picture", b"no picture", "mine.dat is no picture that Pillow can read"),
        ("picture", b"", "'mine.dat' is empty (0 bytes)"),
        ("call", b"no sound", "cannot read mine.dat as sound"),
    ],
)
def test_a_broken_file_is_left_out_and_named_as_the_sender_names_it(
    client, column, content, reason
):
    said = client.post("/predict/files", data=WORDS, files={column: ("mine.dat", content)})
    assert said.status_code == 200
    assert list(said.json()["unimodal"]) == ["note"]
    assert said.json()["not_used"][column].startswith(reason)
    assert "/" not in said.json()["not_used"][column].replace("mine.dat", "")


def test_half_a_picture_is_left_out(client, served_run):
    half = (served_run[1] / "0.png").read_bytes()[:300]
    said = client.post("/predict/files", data=WORDS, files={"picture": ("a.png", half)}).json()
    assert "broken or cut short" in said["not_used"]["picture"]


PATHS = ("/etc/passwd", "../../etc/passwd", "0.png", "C:\\a.png", "file:///etc/passwd")


@pytest.mark.parametrize("path", PATHS)
def test_paths_are_not_read(client, served_run, path, monkeypatch):
    monkeypatch.chdir(served_run[1])  # where 0.png lies
    for column in ("picture", "call"):
        said = client.post("/predict", json={"rows": [{}, {column: path}]})
        assert said.status_code == 422
        assert said.json()["detail"] == (
            f"row 2, '{column}': got {path!r}, expected the content of a file (paths are not read)"
        )
        other = {"picture": "call", "call": "picture"}[column]
        said = client.post("/predict/files", data={column: path}, files={other: ("", b"")})
        assert said.status_code == 422
        assert "paths are not read" in said.json()["detail"]


@pytest.mark.parametrize("name", ["../../escaped.png", "/tmp/escaped.png", "..\\..\\escaped.png"])
def test_a_name_leads_nowhere(client, served_run, name, tmp_path, monkeypatch):
    """The picture is used whatever it is called, and no file of that name comes to be."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    content = (served_run[1] / "0.png").read_bytes()
    for sent in (content, b"broken"):
        said = client.post("/predict/files", data=WORDS, files={"picture": (name, sent)})
        assert said.status_code == 200
        assert ("picture" in said.json()["unimodal"]) == (sent == content)
        assert name not in said.text
    body = {"base64": base64.b64encode(content).decode(), "name": name}
    said = client.post("/predict", json={"rows": [{"picture": body}]}).json()["predictions"][0]
    assert said["unimodal"].keys() == {"picture"}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not Path("/tmp/escaped.png").exists()


def test_nothing_is_kept(served_run, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    picture = (served_run[1] / "0.png").read_bytes()
    with serving(make_app(served_run[0], threads=1)) as address:
        for content in (picture, b"broken", b"x" * 3_000_000):
            files = {"picture": ("a.png", content)}
            assert httpx.post(f"{address}/predict/files", files=files).status_code == 200
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"weight": "heavy"}, "row 1, 'weight': got 'heavy', expected a number"),
        ({"weight": [1]}, "row 1, 'weight': got [1], expected a number"),
        ({"weight": True}, "row 1, 'weight': got True, expected a number"),
        ({"seen": "29 Feb"}, "row 1, 'seen': got '29 Feb', expected a date such as 2024-02-29"),
        ({"note": 3}, "row 1, 'note': got 3, expected words"),
        (
            {"place": {"base64": ""}},
            "row 1, 'place': got {'base64': ''}, expected a word or a numb",
        ),
        ({"colour": "red"}, "row 1: there is no column 'colour'; expected picture, call, note, w"),
        ({"picture": {"base64": "a b"}}, "row 1, 'picture': base64: String should match pattern"),
        ({"picture": {"path": "0.png"}}, "row 1, 'picture': "),
    ],
)
def test_a_wrong_cell_is_refused_in_one_line(client, row, line):
    said = client.post("/predict", json={"rows": [row]})
    assert said.status_code == 422
    assert said.json()["detail"].startswith(line)
    assert "\n" not in said.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"weight": "heavy"}, "'weight': got 'heavy', expected a number"),
        ({"seen": "tomorrow"}, "'seen': got 'tomorrow', expected a date such as 2024-02-29"),
        ({"colour": "red"}, "there is no column 'colour'; expected picture, call"),
        ({"note": ["a", "b"]}, "'note' is there twice, expected one row"),
    ],
)
def test_a_wrong_field_is_refused_in_one_line(client, fields, line):
    said = client.post("/predict/files", data=fields, files={"call": ("", b"")})
    assert said.status_code == 422
    assert said.json()["detail"].startswith(line)


def test_a_file_is_no_word(client):
    said = client.post("/predict/files", files={"note": ("a.txt", b"the bird sings")})
    assert said.status_code == 422
    assert said.json() == {"detail": "'note': got a file, expected words"}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the body is no JSON"),
        (b"{", "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b'{"rows": [{"weight": NaN}]}', "row 1, 'weight': got nan, expected a number"),
        (b'{"rows": [{"note": "\\ud800"}]}', "the body is no JSON"),
        (b"3", 'expected {"rows": [{column: value}]} with 1 to 40 rows'),
        (b'{"rows": {}}', 'expected {"rows": [{column: value}]} with 1 to 40 rows'),
        (b'{"rows": []}', "got 0 rows, expected 1 to 40"),
        (b'{"rows": [' + b",".join([b"{}"] * 41) + b"]}", "got 41 rows, expected 1 to 40"),
    ],
)
def test_a_wrong_body_is_refused_in_one_line(client, body, line):
    said = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert said.status_code == 422
    assert said.json()["detail"].startswith(line)


def test_other_media_types_are_refused(client):
    said = client.post("/predict", data={"note": "a"})
    assert (said.status_code, said.json()["detail"]) == (
        415,
        "got a body of type 'application/x-www-form-urlencoded', expected application/json",
    )
    assert client.post("/predict/files", json={"rows": [{}]}).status_code == 415
    broken = {"content-type": "multipart/form-data"}  # without a boundary
    said = client.post("/predict/files", content=b"--a", headers=broken)
    assert said.status_code == 400


def test_a_large_body_is_refused_before_it_is_here(address):
    """Announced: nothing of it is sent, and the answer is there. Not announced: 1 MB is enough."""
    host, port = address.removeprefix("http://").split(":")
    for path in ("/predict", "/predict/files"):
        with socket.create_connection((host, int(port)), timeout=20) as stream:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000\r\n\r\n"
            stream.sendall(head.encode())
            assert stream.recv(4096).startswith(b"HTTP/1.1 413")
        with socket.create_connection((host, int(port)), timeout=20) as stream:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            stream.sendall(head.encode() + chunk * 16)  # 1.05 MB, and no end
            assert stream.recv(4096).startswith(b"HTTP/1.1 413")


def test_who_sends_all_of_a_large_body_still_reads_the_answer(client):
    for body in ({"content": b"x" * 30_000_000}, {"files": {"picture": b"x" * 3_000_000}}):
        said = client.post("/predict/files", **body)
        assert said.status_code == 413
        assert said.json() == {"detail": "the request is too large, expected at most 1 MB"}


def test_a_body_that_does_not_arrive_is_given_up(served_run):
    with serving(make_app(served_run[0], max_seconds=0.3, threads=1)) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as stream:
            head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
            stream.sendall(head.encode())
            assert stream.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_prediction_that_takes_too_long_is_given_up(served_run):
    """40 pictures of 16 million pixels; the server answers, and answers the next one."""
    stream = io.BytesIO()
    Image.new("1", (4_000, 4_000), 1).save(stream, "PNG")
    sent = {"base64": base64.b64encode(stream.getvalue()).decode()}
    with serving(make_app(served_run[0], max_seconds=0.5, threads=1)) as address:
        rows = {"rows": [{"picture": sent}] * 40}
        said = httpx.post(f"{address}/predict", json=rows, timeout=60)
        assert said.status_code == 504
        assert said.json()["detail"] == "the prediction took longer than 0.5 s; send less at a time"
        assert httpx.get(f"{address}/health", timeout=60).status_code == 200
        for _ in range(100):  # until what was begun has ended
            said = httpx.post(f"{address}/predict", json={"rows": [WORDS]}, timeout=60)
            if said.status_code == 200:
                break
        assert said.json()["predictions"][0]["answer"] == "bird"


def test_a_small_file_of_a_large_picture_is_refused(client):
    """8,000 by 8,000 pixels of a palette are 70 kB as a PNG, 64 MB in memory, and 256 MB as RGB."""
    stream = io.BytesIO()
    picture = Image.new("P", (8_000, 8_000), 1)
    picture.putpalette(bytes(768))
    picture.save(stream, "PNG")
    said = client.post("/predict/files", files={"picture": ("large.png", stream.getvalue())})
    assert said.status_code == 422
    assert said.json()["detail"] == (
        "row 1, 'picture': the file takes 320 MB to decode, expected at most 256 MB"
    )


def test_requests_at_once_are_answered_as_one_after_the_other(address, served_run):
    data = served_run[1]
    bodies = [
        {"rows": [as_json(row, data) for row in rows_of(data, slice(i, i + 3))]} for i in range(8)
    ]

    def ask(body):
        return httpx.post(f"{address}/predict", json=body, timeout=60).json()

    one_by_one = [ask(body) for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, bodies)) == one_by_one
    assert all(math.isfinite(p["probabilities"]["bird"]) for p in one_by_one[0]["predictions"])


def test_the_server_answers_others_while_it_predicts(served_run):
    with serving(make_app(served_run[0], max_mb=30, threads=1)) as address:
        content = base64.b64encode((served_run[1] / "0.wav").read_bytes()).decode()
        rows = {"rows": [{"call": {"base64": content}}] * 256}
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(httpx.post, f"{address}/predict", json=rows, timeout=60)
            looks = 0
            while not waiting.done():
                assert httpx.get(f"{address}/health", timeout=60).status_code == 200
                looks += 1
            assert waiting.result().status_code == 200
        assert looks > 1


def test_a_failure_tells_nothing_of_the_machine(served_run, monkeypatch):
    """There is no place for the upload."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/secret")
    with serving(make_app(served_run[0], threads=1)) as address:
        files = {"picture": ("a.png", b"x")}
        said = httpx.post(f"{address}/predict/files", files=files)
        assert said.status_code == 500
        assert said.json() == {"detail": "the prediction failed; the log of the server says why"}


@pytest.mark.parametrize(
    "limits",
    [{"max_mb": 0}, {"max_seconds": -1}, {"max_rows": 0}, {"max_mb": math.nan}, {"threads": 0}],
)
def test_limits_are_above_nothing(served_run, limits):
    with pytest.raises(UserError, match=f"{next(iter(limits))}: got"):
        make_app(served_run[0], **limits)
