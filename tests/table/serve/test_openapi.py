"""What the server says of itself is what it does, on requests that schemathesis makes of it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

ENDPOINTS = {
    "/health": "GET",
    "/schema": "GET",
    "/metrics": "GET",
    "/predict": "POST",
    "/predict/files": "POST",
}


@pytest.fixture(scope="session")
def described(address):
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("wanted", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
@pytest.mark.parametrize("path", ["/predict", "/predict/files"])
@settings(
    max_examples=20,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_request_is_answered_as_described(described, path, wanted, data):
    """No failure, statuses and bodies of the schema; what fits it is accepted, the rest is not."""
    operation = described[path][ENDPOINTS[path]]
    case = data.draw(operation.as_strategy(generation_mode=wanted))
    # In a form a wrong type is written as a string, and `null` is a word like any other.
    blurred = [negative_data_rejection] if path == "/predict/files" else []
    case.call_and_validate(excluded_checks=blurred)


@pytest.mark.parametrize("path", ["/health", "/schema", "/metrics"])
def test_what_takes_nothing_answers_as_described(described, path):
    described[path]["GET"].Case().call_and_validate()


def test_everything_is_described(client):
    described = client.get("/openapi.json").json()
    columns = {"picture", "call", "note", "weight", "place", "seen", "age"}
    assert described["components"]["schemas"]["Row"]["properties"].keys() == columns
    form = described["paths"]["/predict/files"]["post"]["requestBody"]["content"]
    assert form["multipart/form-data"]["schema"]["properties"].keys() == columns
    assert described["paths"].keys() == ENDPOINTS.keys()
