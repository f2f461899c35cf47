"""What the server returns, as schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from g2d import checksums
from g2d.files import read_json
from g2d.table.kinds import Field as Column
from g2d.table.predict import Prediction


class Model(BaseModel):
    """The model that predicts."""

    method: str
    trained: str = Field(description="when its training last began or resumed (ISO 8601)")
    trained_with: str = Field(description="the version of g2d that trained it")
    sha256: str = Field(description="of model.safetensors, as sha256sum gives it")

    @classmethod
    def of(cls, folder: Path) -> Model:
        """Reads it from a finished run."""
        about = read_json(folder / "run.json")
        last = about["sessions"][-1]
        return cls(
            method=about["method"]["name"],
            trained=last["started"],
            trained_with=last["environment"]["versions"]["g2d"],
            sha256=checksums.sha256(folder / "model.safetensors"),
        )


class Health(BaseModel):
    """The state of the server."""

    status: str
    run: str = Field(description="the name of its folder")
    version: str = Field(description="of g2d that serves")
    model: Model


class Modality(BaseModel):
    """A modality and the columns it reads."""

    kind: str
    columns: list[Column]


class Limits(BaseModel):
    """The limits of one request."""

    max_mb: float
    max_seconds: float
    max_rows: int
    max_decoded_mb: int


class About(BaseModel):
    """What the run reads and what it predicts."""

    run: str
    model: Model
    task: str
    target: str
    classes: list[str]
    modalities: dict[str, Modality]
    limits: Limits


class Answer(BaseModel):
    """The prediction of one row."""

    answer: str | float | None = Field(description="null where no modality could be used")
    probabilities: dict[str, float] = Field(description="by class or label; empty for regression")
    unimodal: dict[str, str | float] = Field(description="the prediction from each modality alone")
    unimodal_probabilities: dict[str, dict[str, float]]
    not_used: dict[str, str] = Field(description="why a modality that was sent is not used")
    doubtful: dict[str, str] = Field(
        description="by column, or modality for a block of columns: a category or a number that "
        "training did not have"
    )

    @classmethod
    def of(cls, prediction: Prediction) -> Answer:
        """Builds it from a prediction."""
        return cls(
            answer=prediction.answer,
            probabilities=prediction.probabilities,
            unimodal=prediction.unimodal,
            unimodal_probabilities=prediction.shares,
            not_used=prediction.reasons,
            doubtful=prediction.doubtful,
        )


class Answers(BaseModel):
    """The predictions of some rows, in their order."""

    predictions: list[Answer]


class Problem(BaseModel):
    """The error: what was got, and what was expected."""

    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describes the responses of these statuses for OpenAPI."""
    return {status: {"model": Problem, "description": _WHY[status]} for status in statuses}


_WHY = {
    400: "The form cannot be read.",
    401: "The token is missing or another.",
    403: "The server is not called so, or a page of another site asks.",
    408: "The request did not arrive in time.",
    413: "The request is too large.",
    415: "The body is of another media type.",
    422: "The rows are not as they must be.",
    500: "The server failed; its log says why.",
    503: "Too many requests wait already.",
    504: "The prediction took too long.",
}
