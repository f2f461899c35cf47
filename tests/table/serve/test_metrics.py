"""What the server says of itself: which model answers, and what was asked."""

from __future__ import annotations

import datetime
import re
import subprocess

import httpx
import torch
from torch import nn

import g2d
from g2d.table.serve.app import make_app
from g2d.table.serve.worker import threads_for
from table.serve.conftest import serving


def test_health_says_which_model_answers(client, served_run):
    run = served_run[0]
    health = client.get("/health").json()
    digest = subprocess.run(
        ["sha256sum", run / "model.safetensors"], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    assert health["model"]["sha256"] == digest
    assert (health["run"], health["version"]) == (run.name, g2d.__version__)
    assert (health["model"]["method"], health["model"]["trained_with"]) == (
        "joint",
        g2d.__version__,
    )
    trained = datetime.datetime.fromisoformat(health["model"]["trained"])
    ago = datetime.datetime.now(datetime.UTC) - trained
    assert datetime.timedelta(0) <= ago < datetime.timedelta(hours=2)
    assert client.get("/schema").json()["model"] == health["model"]


LINE = re.compile(
    r"# (HELP|TYPE) [a-z0-9_]+ .+|"
    r'[a-z0-9_]+(\{[a-z0-9_]+="([^"\\\n]|\\["\\n])*"(,[a-z0-9_]+="([^"\\\n]|\\["\\n])*")*\})? '
    r"(\d+(\.\d+)?(e-?\d+)?)"
)


def test_metrics_are_what_was_asked(served_run):
    """In Prometheus' text format, as its own documentation has it."""
    with serving(make_app(served_run[0], threads=1)) as address:
        rows = {"rows": [{"note": "a"}, {}, {}]}
        assert httpx.post(f"{address}/predict", json=rows).status_code == 200
        assert httpx.post(f"{address}/predict", content=b"{").status_code == 415
        assert httpx.get(f"{address}/nowhere").status_code == 404
        assert httpx.get(f"{address}/else", headers={"host": "evil.example"}).status_code == 403
        said = httpx.get(f"{address}/metrics")
    assert said.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = said.text.splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert found['g2d_requests_total{path="/predict",status="200"}'] == "1"
    assert found['g2d_requests_total{path="/predict",status="415"}'] == "1"
    assert found['g2d_requests_total{path="other",status="404"}'] == "1"
    assert found['g2d_requests_total{path="other",status="403"}'] == "1"
    assert found["g2d_rows_total"] == "3"
    assert found["g2d_requests_at_once"] == "1"  # this one
    assert found['g2d_request_seconds_count{path="/predict"}'] == "2"
    assert found['g2d_request_seconds_bucket{path="/predict",le="+Inf"}'] == "2"
    bounds = [float(n) for key, n in found.items() if key.startswith("g2d_request_seconds_bucket")]
    assert bounds == sorted(bounds) or len(bounds) > 12
    (info,) = (key for key in found if key.startswith("g2d_model_info"))
    assert served_run[0].name in info


def test_a_small_model_is_asked_on_one_thread():
    with torch.device("meta"):
        assert threads_for(nn.Linear(1000, 1000)) == 1
        assert threads_for(nn.Linear(10_000, 1000)) >= 1
