"""Bodies of requests: strict fields, errors that name the field and never quote what the user wrote."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reference.serving.gateway.errors import GatewayError, bad_request

_MOST_CHARS = 1_000_000


class SearchBody(BaseModel):
    """POST /search. `budget_ms`: time for the search; what does not fit in is left out and named."""

    model_config = ConfigDict(extra="forbid", strict=True)

    query: Annotated[str, Field(max_length=_MOST_CHARS)]
    k: Annotated[int, Field(ge=1)] = 5
    budget_ms: Annotated[int, Field(ge=1)] | None = None
    expand: bool = False
    rerank: bool = True


class AnswerBody(SearchBody):
    """POST /answer. `budget_ms`: time for search and answer together."""

    stream: bool = False


class DocumentBody(BaseModel):
    """PUT /documents/ID as JSON. `name` is a file name that hints at the format where the text leaves it open."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str
    title: Annotated[str, Field(max_length=500)] = ""
    name: Annotated[str, Field(max_length=500)] = ""
    source: Annotated[str, Field(max_length=2000)] = ""
    collection: Annotated[str, Field(max_length=200)] = ""


Body = TypeVar("Body", bound=BaseModel)


def parse_body(body: bytes, kind: type[Body]) -> Body:
    """The request in `body`. Raises GatewayError 400 with the field at fault in `param`."""
    if not body.strip():
        raise bad_request("empty_body", f"The body is empty. Send a JSON object with {_wanted(kind)}.")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _explain(error, kind) from None


def _wanted(kind: type[BaseModel]) -> str:
    return " and ".join(f"'{name}'" for name, field in kind.model_fields.items() if field.is_required())


def _explain(error: ValidationError, kind: type[BaseModel]) -> GatewayError:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return bad_request("invalid_json", f"The body is not valid JSON: {first['msg'].split(': ', 1)[-1]}.")
    if not first["loc"]:
        return bad_request("invalid_json", "The body must be a JSON object.")
    param = str(first["loc"][0])[:100]
    if first["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        return bad_request("unknown_parameter", f"'{param}' is not a parameter; there are: {known}.", param)
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    return bad_request(code, f"'{param}': {first['msg']}.", param)
