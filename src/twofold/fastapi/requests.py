"""How a request is read: size, type and origin first, then strict JSON."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from twofold.core.password_limits import plain_address
from twofold.core.policy import MAX_BODY_BYTES
from twofold.errors import InvalidRequest, NotSignedIn, Unauthenticated
from twofold.fastapi.errors import (
    PRIVATE_HEADERS,
    Problem,
    described,
    problem_of_http,
    problem_of_validation,
)
from twofold.fastapi.openapi import body_model_of, body_problems, json_body

M = TypeVar("M", bound=BaseModel)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

TOTP_HEADER = "X-TOTP-Code"
TOTP_DESCRIPTION = "A code from the authenticator app."
TOTP_PARAMETER = {
    "name": TOTP_HEADER,
    "in": "header",
    "description": TOTP_DESCRIPTION,
    "schema": {"type": "string"},
    "example": "123456",
}
"""The OpenAPI words for it on a route that is not ours."""
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}


class TwofoldRoute(APIRoute):
    """A route of ours: checks what is refused before anything else, and tells every error as problem details."""

    unauthenticated: type[Unauthenticated] = NotSignedIn

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        model = body_model_of(self.dependant)
        if model is not None:
            self.openapi_extra = json_body(model) | (self.openapi_extra or {})
        if model is not None or self.body_field is not None:
            self.responses = body_problems() | self.responses

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with our doors before and behind it."""
        handler = super().get_route_handler()
        takes_form = self.body_field is not None and isinstance(self.body_field.field_info, Form)

        async def handle(request: Request) -> Response:
            await read_body(request)
            refuse_foreign_type(request, takes_form=takes_form)
            refuse_cross_site(request)
            try:
                response = await handler(request)
            except RequestValidationError as error:
                raise problem_of_validation(error) from error
            except HTTPException as error:
                raise problem_of_http(error, unauthenticated=self.unauthenticated) from error
            response.headers.update(PRIVATE_HEADERS)
            return response

        return handle


async def read_body(request: Request) -> bytes:
    """
    The body, kept for all who read it later.

    Raises:
        Problem: It is larger than any body we take; the rest is not read.
        InvalidRequest: The client hung up before its end.
    """
    too_large = Problem("invalid-request", f"A request has at most {MAX_BODY_BYTES} bytes.", status=413)
    length = request.headers.get("content-length", "0")
    # Headers are read as Latin-1, which has digits that are no numbers: superscripts.
    if not (length.isascii() and length.isdigit()) or int(length[:20]) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise too_large
    except ClientDisconnect:
        # Nobody reads this; but it is no fault of ours that belongs into the log either.
        raise InvalidRequest from None
    request._body = bytes(body)  # noqa: SLF001 - where Starlette itself keeps it
    return request._body  # noqa: SLF001


def refuse_foreign_type(request: Request, *, takes_form: bool) -> None:
    """
    Let only JSON pass (or a form, where the host's own password check takes one); a form cannot be sent as JSON.

    Raises:
        Problem: The body is something else.
    """
    if not request._body:  # noqa: SLF001 - read a moment ago
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media_type == "application/json" or (media_type.startswith("application/") and media_type[-5:] == "+json")
    if not (media_type in FORM_TYPES if takes_form else is_json):
        raise Problem("invalid-request", "Send this as application/json.", status=415)


def refuse_cross_site(request: Request) -> None:
    """
    Refuse a write from another site that a browser would authenticate by cookie.

    Raises:
        Problem: `Sec-Fetch-Site` says so, or, where that is missing, `Origin`.
    """
    headers = request.headers
    # A browser adds only Basic by itself, so only a bearer token says that a cookie does not count.
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    if request.method in SAFE_METHODS or "cookie" not in headers or bearer:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None:
        # Compared as text: whatever is no origin is a foreign one, `null` too.
        authority = (origin or "").partition("://")[2]
        foreign = origin is not None and (not authority or authority != headers.get("host"))
    else:
        foreign = site == "cross-site"
    if foreign:
        raise Problem("cross-site-request", "This request comes from another site.")


class JsonBody(Generic[M]):
    """
    A dependency: the request's JSON as *model*, read when its turn comes and not before.

    FastAPI's own body is read before any dependency, so a malformed body would be told to strangers before they
    are told that they are not signed in. OpenAPI knows of it by `TwofoldRoute`.
    """

    def __init__(self, model: type[M]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> M:
        """
        Read the body.

        Raises:
            InvalidRequest: It is not one JSON object, or not of the model.
        """
        try:
            return self.model.model_validate(strict_json(await request.body()))
        except ValidationError as error:
            faults = described(error.errors(include_url=False, include_input=False, include_context=False))
            raise InvalidRequest(errors=faults) from None


def strict_json(body: bytes) -> dict[str, Any]:
    """
    One JSON object (RFC 8259): UTF-8, no name twice, no NaN. An empty body is an empty object.

    Raises:
        InvalidRequest: It is anything else.
    """
    try:
        value = json.loads(
            body.decode() or "{}", object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is not one JSON object.") from None
    if not isinstance(value, dict):
        raise InvalidRequest("The body is not one JSON object.")
    return value


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse_constant(_: str) -> None:
    raise ValueError


async def totp_header(
    request: Request,
    _: Annotated[
        str | None,
        Header(alias=TOTP_HEADER, description=TOTP_DESCRIPTION, examples=["123456"]),
    ] = None,
) -> str | None:
    """A dependency: the code in `X-TOTP-Code`; OpenAPI says that the route takes one."""
    return totp_code_in(request)


def totp_code_in(request: Request) -> str | None:
    """The code in `X-TOTP-Code`, unread: it is looked at only where a proof is needed."""
    given = request.headers.getlist(TOTP_HEADER)
    # Several headers are no code; joined they fail where the code is looked at.
    return ",".join(given) if given else None


def client_address(request: Request) -> str | None:
    """The address that the request came from, if that is one: what stands there a proxy may have passed on unread."""
    return plain_address(request.client.host if request.client else None)
