"""What OpenAPI says of our routes beyond what FastAPI finds out: bodies that dependencies read, and errors."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from twofold.errors import (
    AddressLimit,
    CodeAlreadyUsed,
    FactorDisabled,
    Forbidden,
    InvalidCode,
    InvalidRequest,
    Locked,
    NotSignedIn,
    RateLimited,
    SecondFactorNotSetUp,
    StepUpRequired,
    TwofoldError,
    Unauthenticated,
    Unavailable,
)
from twofold.fastapi.errors import MEDIA_TYPE, problem_of
from twofold.fastapi.schemas import ProblemDetails

EXAMPLE_MOMENT = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
EXAMPLES: dict[type[TwofoldError], TwofoldError] = {
    Locked: Locked(EXAMPLE_MOMENT, 30, ["backup_code"]),
    RateLimited: RateLimited(900, AddressLimit(60, 900, 42, 612)),
    StepUpRequired: StepUpRequired(300, ["totp", "backup_code"]),
    InvalidRequest: InvalidRequest(errors=[{"field": "code", "message": "A code has 6 digits."}]),
}
"""Examples of the errors that are made of something; the others are always the same."""

CODE_REFUSED = (Locked, FactorDisabled, InvalidCode, CodeAlreadyUsed)
"""How a code may be refused."""

ADMIN_REFUSED = (
    *(NotSignedIn, StepUpRequired, Forbidden, SecondFactorNotSetUp, InvalidRequest),
    *(*CODE_REFUSED, Unavailable),
)
"""How each route of administration may be refused."""

BODY_ERRORS = {
    413: "The body is larger than any that is taken.",
    415: "The body is not `application/json`.",
}


def problems(*errors: type[TwofoldError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, by status, each with an example."""
    told: dict[int | str, dict[str, Any]] = {}
    for kind in errors:
        problem = problem_of(EXAMPLES.get(kind) or kind())
        answer = told.setdefault(problem.status, _answer([]))
        answer["description"] = "; ".join(filter(None, [answer["description"], f"`{problem.slug}`: {_sentence(kind)}"]))
        answer["content"][MEDIA_TYPE]["examples"][problem.slug] = {"value": problem.body}
        for name in problem.headers:
            answer.setdefault("headers", {})[name] = {"schema": {"type": "string"}}
        if issubclass(kind, Unauthenticated):
            answer.setdefault("headers", {})["WWW-Authenticate"] = {"schema": {"type": "string"}}
    return told


def body_problems() -> dict[int | str, dict[str, Any]]:
    """The errors of every route that takes a body."""
    return {status: _answer([text]) for status, text in BODY_ERRORS.items()}


def _answer(texts: list[str]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {"description": "; ".join(texts), "content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}


def _sentence(kind: type[TwofoldError]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """A body that a dependency reads."""
    schema = model.model_json_schema()
    return {
        "requestBody": {"required": bool(schema.get("required")), "content": {"application/json": {"schema": schema}}}
    }


def body_model_of(dependant: Dependant) -> type[BaseModel] | None:
    """The model of the body that one of a route's dependencies reads, if one does."""
    models = (getattr(each.call, "model", None) for each in all_of(dependant))
    return next((model for model in models if isinstance(model, type) and issubclass(model, BaseModel)), None)


def all_of(dependant: Dependant) -> Iterator[Dependant]:
    """A dependency, and all below it."""
    yield dependant
    for below in dependant.dependencies:
        yield from all_of(below)


def install_schemas(app: FastAPI) -> None:
    """Add to the application's OpenAPI what our routes refer to."""
    extend(app, lambda schema: add_schema(schema, ProblemDetails))


def add_schema(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Add a model to an OpenAPI description; what refers to it."""
    schema.setdefault("components", {}).setdefault("schemas", {})[model.__name__] = model.model_json_schema()
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def extend(app: FastAPI, add: Callable[[dict[str, Any]], object]) -> None:
    """Let *add* write into the application's OpenAPI, which FastAPI makes when it is first asked for."""
    before = app.openapi
    done: dict[str, Any] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal done
        schema = before()
        # FastAPI keeps what it made: written into once is enough.
        if schema is not done:
            add(schema)
            done = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend its OpenAPI
