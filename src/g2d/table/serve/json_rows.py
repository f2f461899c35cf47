"""Rows as JSON: what is accepted, described for people's programs and checked by it."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, create_model

from g2d.errors import UserError
from g2d.table.kinds import Field as Column
from g2d.table.serve.columns import DATE, Columns, Upload, refusal, short

_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_STRICT = ConfigDict(extra="forbid", strict=True)


class File(BaseModel):
    """The content of a file; its name is shown and never opened."""

    model_config = _STRICT

    base64: Annotated[str, Field(pattern=_BASE64)]
    name: Annotated[str, Field(max_length=255)] = ""


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Date = Annotated[str, WithJsonSchema(DATE)]


def _type_of(column: Column) -> Any:
    if column.holds == "file":
        inline: dict[str, Any] = {
            "": File,
            "number": File | _Number | list[_Number],
            "vectors": File | list[list[_Number]],
        }
        return inline[column.inline]
    known: dict[str, Any] = {
        "number": _Number,
        "date": _Date,
        "category": str | bool | int | _Number,
        "words": str,
    }
    return known[column.holds]


class JsonRows:
    """The body of a request for some rows.

    Args:
        columns: Of the run.
        max_rows: Of one request.
    """

    def __init__(self, columns: Columns, max_rows: int) -> None:
        self._columns, self._max_rows = columns, max_rows
        # Columns may be called anything, so the attributes are numbered.
        cells: dict[str, Any] = {
            f"c{number}": (_type_of(column) | None, Field(default=None, alias=name))
            for number, (name, column) in enumerate(columns.fields.items())
        }
        row = create_model("Row", __config__=_STRICT, **cells)
        several = Annotated[list[row], Field(min_length=1, max_length=max_rows)]  # type: ignore[valid-type]
        self._model = create_model("Rows", __config__=_STRICT, rows=(several, ...))

    def schema(self) -> dict[str, dict[str, Any]]:
        """JSON schemas by name, for the components of OpenAPI; the body is `Rows`."""
        made = self._model.model_json_schema(ref_template="#/components/schemas/{model}")
        return {**made.pop("$defs"), "Rows": made}

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """The rows of a body, cells checked.

        Raises:
            UserError: It is no JSON, of another form, or a cell is of another kind.
        """
        try:
            read = self._model.model_validate_json(body)
        except ValidationError as error:
            raise UserError(self._line(error)) from None
        rows = []
        for number, row in enumerate(read.model_dump(by_alias=True)["rows"], 1):
            cells = {
                name: Upload(base64.b64decode(value["base64"]), value["name"])
                if isinstance(value, dict)
                else value
                for name, value in row.items()
            }
            rows.append(self._columns.checked(cells, f"row {number}, "))
        return rows

    def _line(self, error: ValidationError) -> str:
        """The first thing that is wrong, in one line."""
        first = error.errors(include_url=False)[0]
        where, got = first["loc"], first["input"]
        if first["type"] == "json_invalid":
            return f"the body is no JSON: {first['ctx']['error']}"
        if len(where) >= 3:
            row, column = int(where[1]) + 1, str(where[2])
            field = self._columns.fields.get(column)
            if field is None:
                known = ", ".join(self._columns.fields)
                return f"row {row}: there is no column {short(column)}; expected {known}"
            if where[-1] in File.model_fields:
                return f"row {row}, {column!r}: {where[-1]}: {first['msg']}"
            return f"row {row}, {column!r}: {refusal(got, field)}"
        if where == ("rows",) and isinstance(got, list):
            return f"got {len(got)} rows, expected 1 to {self._max_rows}"
        return f'expected {{"rows": [{{column: value}}]}} with 1 to {self._max_rows} rows'
