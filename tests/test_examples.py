"""The examples run as they stand, and end where their readers expect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import g2d

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(g2d.__file__).parents[1])}
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sklearn_style():
    pytest.importorskip("sklearn")
    said = run("sklearn_style.py")
    shares = {name: float(share) for name, share in re.findall(r"^(\w+).*: ([\d.]+) r", said, re.M)}
    assert shares["fused"] > max(shares["top"], shares["bottom"]) > 0.5 > shares["noise"]


def test_own_csv():
    pytest.importorskip("pandas")
    said = run("own_csv.py")
    assert "photo: image in photo, empty in 1 of 400 (0 %) rows" in said
    assert float(re.search(r"fused: ([\d.]+)", said)[1]) > 0.9
    assert re.search(r"row 8 is 7: \d, by sound\n", said)


INTEGRATIONS = {
    "lightning_loop.py": "lightning",
    "huggingface_clip.py": "transformers",
    "accelerate_loop.py": "accelerate",
}


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_integrations(name):
    """Each in sixty lines at most, against the real library."""
    pytest.importorskip(INTEGRATIONS[name])
    assert len((EXAMPLES / name).read_text().splitlines()) <= 60
    assert float(re.search(r"accuracy ([\d.]+)", run(name))[1]) > 0.9


def test_doctor():
    said = run("doctor.py")
    found = re.search(r"audio is suppressed: (\d+) % where its teacher has (\d+) %", said)
    assert found, said
    own, teacher = map(int, found.groups())
    assert own < 30 < 70 < teacher
    assert re.search(r"video learns \((\d+) %\)", said)
