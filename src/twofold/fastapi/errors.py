"""The one table from errors to HTTP, and answers as problem details (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from twofold.errors import (
    AddressLimit,
    InvalidRequest,
    Locked,
    RateLimited,
    StepUpRequired,
    TwofoldError,
    Unauthenticated,
)

MEDIA_TYPE = "application/problem+json"
PRIVATE_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""On every answer of ours: what is in it is for one person, once."""

logger = logging.getLogger("twofold")


@dataclass(frozen=True)
class Kind:
    """One row of the table."""

    status: int
    title: str


KINDS: dict[str, Kind] = {
    "invalid-code": Kind(400, "The code is not right"),
    "code-already-used": Kind(400, "The code was used already"),
    "not-signed-in": Kind(401, "Not signed in"),
    "sign-in-failed": Kind(401, "Sign-in failed"),
    "step-up-required": Kind(401, "A fresh second factor is required"),
    "sign-in-token-dead": Kind(401, "This sign-in has ended"),
    "second-factor-not-set-up": Kind(403, "Two-factor authentication is not set up"),
    "forbidden": Kind(403, "Forbidden"),
    "cross-site-request": Kind(403, "The request comes from another site"),
    "factor-disabled": Kind(403, "This method was switched off"),
    "not-found": Kind(404, "Not found"),
    "method-not-allowed": Kind(405, "Method not allowed"),
    "already-enabled": Kind(409, "Already enabled"),
    "not-enabled": Kind(409, "Not enabled"),
    "no-setup-pending": Kind(409, "No set-up is pending"),
    "already-registered": Kind(409, "Already registered"),
    "too-many-keys": Kind(409, "Too many keys"),
    "last-factor": Kind(409, "The last second factor"),
    "invalid-request": Kind(422, "The request is malformed"),
    "locked": Kind(429, "Too many wrong codes"),
    "rate-limited": Kind(429, "Too many requests"),
    "error": Kind(500, "Something went wrong"),
    "configuration": Kind(500, "Something went wrong"),
    "unavailable": Kind(503, "Not available at the moment"),
}
"""Slug, status and title of everything that is told; `type` is `urn:twofold:problem:<slug>`."""

SLUG_OF_STATUS = {
    400: "invalid-request",
    401: "not-signed-in",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "invalid-request",
    415: "invalid-request",
    422: "invalid-request",
    429: "rate-limited",
    503: "unavailable",
}
"""What a bare status, raised by the host or by the framework, is told as."""


class Problem(Exception):
    """
    An answer on its way out, as an exception, so that the host's dependencies see that the request failed.

    Args:
        slug: Its row in the table.
        status: In place of the status in the table.
        detail: For the person in front of the screen.
        headers: Beside our own.
        members: Machine data, as extension members.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(slug)
        self.slug = slug
        self.detail = detail
        self.status = status or KINDS[slug].status
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        if slug == InvalidRequest.slug:
            self.members.setdefault("errors", [])

    @property
    def body(self) -> dict[str, Any]:
        """The problem details."""
        return {
            "type": f"urn:twofold:problem:{self.slug}",
            "title": KINDS[self.slug].title,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }

    @property
    def all_headers(self) -> dict[str, str]:
        """Those of the answer, however it is written."""
        # RFC 9110, 11.6.1: every 401 names a way to authenticate.
        challenge = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}  # noqa: PLR2004 - the status itself
        return challenge | self.headers

    def response(self) -> JSONResponse:
        """The answer, as problem details."""
        return JSONResponse(self.body, self.status, PRIVATE_HEADERS | self.all_headers, MEDIA_TYPE)


def problem_of(error: TwofoldError) -> Problem:
    """What an error of ours is told as."""
    problem = _problem_of(error)
    problem.headers |= limit_headers(error.address_limit)
    return problem


def limit_headers(limit: AddressLimit | None) -> dict[str, str]:
    """What a client address has left, as structured fields (RFC 9651; draft-ietf-httpapi-ratelimit-headers)."""
    if limit is None:
        return {}
    return {
        "RateLimit-Policy": f'"address";q={limit.quota};w={limit.window}',
        "RateLimit": f'"address";r={limit.remaining};t={limit.reset}',
    }


def _problem_of(error: TwofoldError) -> Problem:
    match error:
        case RateLimited():
            return Problem(error.slug, str(error), headers={"Retry-After": str(error.retry_after)})
        case Locked():
            return Problem(
                error.slug,
                str(error),
                headers={"Retry-After": str(error.retry_after)},
                members={"locked_until": zulu(error.until), "methods": list(error.methods)},
            )
        case StepUpRequired():
            challenge = (
                'Bearer error="insufficient_user_authentication", '
                f'acr_values="urn:twofold:aal2", max_age="{error.max_age}"'
            )
            return Problem(
                error.slug,
                str(error),
                headers={"WWW-Authenticate": challenge},  # RFC 9470, section 3
                members={"max_age": error.max_age, "methods": list(error.methods)},
            )
        case InvalidRequest():
            return Problem(error.slug, str(error), members={"errors": list(error.errors)})
        case _ if error.slug == "second-factor-not-set-up":
            return Problem(error.slug, str(error), members={"set_up": True})
        case _:
            return Problem(error.slug, str(error))


def zulu(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def problem_of_http(error: HTTPException, *, unauthenticated: type[Unauthenticated] | None = None) -> Problem:
    """
    What a bare HTTP error, of the host or of the framework, is told as; its headers go along.

    Args:
        unauthenticated: What a 401 means here.
    """
    slug = SLUG_OF_STATUS.get(error.status_code, "error" if error.status_code >= 500 else "invalid-request")  # noqa: PLR2004
    if error.status_code == 401 and unauthenticated is not None:  # noqa: PLR2004
        return Problem(unauthenticated.slug, unauthenticated.detail, headers=error.headers)
    return Problem(slug, str(error.detail), status=error.status_code, headers=error.headers)


def problem_of_validation(error: RequestValidationError) -> Problem:
    """What FastAPI's own 422 is told as: where the faults are, and nothing of what was sent."""
    return Problem("invalid-request", InvalidRequest.detail, members={"errors": described(error.errors())})


def described(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Faults that pydantic found, without what was sent: an unknown field's name is what was sent."""
    found = []
    for error in errors:
        if error["type"] == "extra_forbidden":
            found.append({"field": "", "message": "There is a field that does not belong here."})
            continue
        known = [str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}]
        field = "" if error["type"] == "json_invalid" else ".".join(known)
        found.append({"field": field, "message": error["msg"]})
    return found


def install_errors(app: FastAPI) -> None:
    """Tell our errors as problem details; the host's own stay as they are."""

    async def told(_: Request, error: Exception) -> JSONResponse:
        return (error if isinstance(error, Problem) else problem_of(_ours(error))).response()

    app.add_exception_handler(TwofoldError, told)
    app.add_exception_handler(Problem, told)


def _ours(error: Exception) -> TwofoldError:
    return error if isinstance(error, TwofoldError) else TwofoldError()


def install_problem_details(app: FastAPI) -> None:
    """Tell every error of an application as problem details, the framework's own 404, 405, 422 and 500 too."""

    async def http(_: Request, error: Exception) -> JSONResponse:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        return problem_of_http(known).response()

    async def validation(_: Request, error: Exception) -> JSONResponse:
        known = error if isinstance(error, RequestValidationError) else RequestValidationError([])
        return problem_of_validation(known).response()

    async def unexpected(_: Request, __: Exception) -> JSONResponse:
        return Problem("error", TwofoldError.detail).response()

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(Exception, unexpected)
