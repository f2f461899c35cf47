"""The campaigns work, and what they found stays mended."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from campaigns import models
from campaigns.counting import RESULTS, Clock, examples
from campaigns.damaged_files import DOORS
from campaigns.kills import COMMANDS
from campaigns.server import served
from campaigns.world import World, judges


def loud():
    """One sample of 1e30: its loudness is beyond half precision, and the loss was no number."""
    stream = io.BytesIO()
    soundfile.write(stream, np.full(1, 1e30), 1, "FLOAT", format="WAV")
    return stream.getvalue()


def without_an_end():
    """A .npy file whose header has lost its first bracket: numpy raises `TokenError`."""
    stream = io.BytesIO()
    np.save(stream, np.ones(2, np.float32))
    return stream.getvalue().replace(b"{", b" ")


# Inputs that ended otherwise than they should, by kind.
FOUND = [
    ("media", ("audio", loud())),
    ("media", ("features", without_an_end())),
    # a file separator in the name of a column was printed as it is: two lines
    ("tables", b"\x03\x1dF"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


KINDS = ("command lines", "recipes", "tables", "media", "ensembles", "new rows", "estimators")


@pytest.fixture(scope="module")
def judged(world):
    return {**judges(world), **models.judges(world)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_wrong_inputs_end_as_they_should(world, judged, kind):
    ended = []

    def see(value, fault):
        ended.append(world.last)
        assert not fault, value

    examples(*judged[kind], 5, 0, see, Clock())
    assert len(ended) == 5
    assert set(ended) <= {"refused", "done"}


@pytest.mark.parametrize(("kind", "value"), FOUND)
def test_what_was_found_is_mended(world, kind, value):
    assert judges(world)[kind][1](value) == ""


def test_a_judge_finds_faults(world, monkeypatch):
    """A traceback, several lines, noise, a number that is none, a file that is left."""

    def does(work):
        monkeypatch.setattr("campaigns.commands.main", work)
        return world.command(["train"])

    def fail(words):
        raise KeyError("what")

    def speak(words):
        import sys

        print("one\ntwo", file=sys.stderr)
        return 2

    def lose(words):
        (world.out / "it").mkdir(parents=True)
        (world.out / "it" / "result.json").write_text('{"val": {"loss": NaN}}')
        return 0

    def leave(words):
        world.out.mkdir()
        (world.out / "a.tmp").write_text("")
        return 0

    assert does(fail) == "a traceback: KeyError: 'what'"
    assert does(speak).startswith("2 lines")
    assert does(lose) == "success, and a metric that is no number"
    assert does(leave) == "left a.tmp"
    assert does(lambda words: 3) == "status 3"
    assert does(lambda words: 0) == ""


def test_a_server_answers_what_is_no_request(world):
    with served(world.done) as answer:
        assert answer(b"nonsense\r\n\r\n") == ""
        assert answer(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") == ""
        assert (
            answer(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n") == ""
        )


@pytest.mark.parametrize("record", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_committed_campaign_found_nothing(record: Path):
    found = json.loads(record.read_text())
    assert found["faults"] == []
    assert found["trials"] == sum(sum(kind.values()) for kind in found["counts"].values())
    if record.stem in ("kills", "damaged_files"):
        expected = {"kills": COMMANDS, "damaged_files": DOORS}[record.stem]
        assert found["counts"].keys() == expected.keys()
