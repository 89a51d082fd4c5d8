"""Which routes look as if they hand out a session by themselves."""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_type_hints

from fastapi.security import HTTPBasic, OAuth2PasswordRequestForm
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from twofold.fastapi.seen_routes import Before, SeenRoute

TOKENS = {"accesstoken", "refreshtoken", "idtoken", "jwt", "sessiontoken", "authtoken", "bearertoken"}
"""Fields of an answer that open an application, however they are spelled."""

TOKEN = "token"  # noqa: S105 - the name of a field
"""One that does where the route changes something; elsewhere it is mostly something else."""

SIGN_INS = {"token", "tokens", "login", "signin", "logon", "authenticate", "auth", "session", "sessions"}
"""How the paths end on which people sign in."""

Mode = Literal["validation", "serialization"]


class CannotLookInto(Exception):
    """What a route takes or answers tells nothing of itself."""


def sign_of_a_token(seen: SeenRoute) -> str | None:
    """
    What says of a route that it hands out a session; nothing where nothing does.

    Raises:
        CannotLookInto: Of what the route takes or answers, nobody knows.
    """
    calls = [each.call for each in seen.dependants]
    if any(isinstance(call, type) and issubclass(call, OAuth2PasswordRequestForm) for call in calls):
        return "it takes OAuth2PasswordRequestForm"
    signs_in = seen.writes and plain(last_word(seen.path)) in SIGN_INS
    if signs_in and takes_a_password(seen):
        return "people sign in on such a path, and it takes a password"
    wanted = TOKENS | ({TOKEN} if seen.writes else set())
    answered = sorted({name for each in _answers(seen) for name in _fields_of(each, "serialization")})
    if tokens := [name for name in answered if plain(name) in wanted]:
        return f"it answers with {tokens[0]}"
    if signs_in and _reads_by_itself(seen):
        raise CannotLookInto
    return None


def takes_a_password(seen: SeenRoute) -> bool:
    """Whether a password is in what it is sent."""
    basic = any(isinstance(each.call, HTTPBasic) for each in seen.dependants)
    return basic or any("password" in plain(name) for name in fields_taken(seen))


def fields_taken(seen: SeenRoute) -> set[str]:
    """
    The names of all that a route takes in its body.

    Raises:
        CannotLookInto: Its type tells nothing of itself.
    """
    taken: set[str] = set()
    for each in seen.dependants:
        for field in each.body_params:
            taken |= {field.name, field.alias} | _fields_of(field.field_info.annotation, "validation")
        # A body that a dependency reads, as ours do.
        model = getattr(each.call, "model", None)
        if isinstance(model, type) and issubclass(model, BaseModel):
            taken |= _fields_of(model, "validation")
    return taken


def _reads_by_itself(seen: SeenRoute) -> bool:
    """Whether nobody knows what an open route takes: it is none of FastAPI's, or reads the request by hand."""
    if seen.before is Before.UNSEEN:
        return True
    by_hand = any(each.request_param_name for each in seen.dependants)
    return seen.before is Before.NOTHING and by_hand and not fields_taken(seen)


def _answers(seen: SeenRoute) -> Iterator[Any]:
    """The types that a route answers with, as far as it says."""
    yield getattr(seen.route, "response_model", None)
    for field in (getattr(seen.route, "response_fields", None) or {}).values():
        yield field.field_info.annotation
    try:
        yield get_type_hints(seen.route.endpoint).get("return")
    except (NameError, TypeError):
        return  # FastAPI has read what it needs, and had the names for it


def _fields_of(kind: Any, mode: Mode) -> set[str]:
    """The names of all fields in a type: through unions, lists, aliases and models in models."""
    if kind is None or (isinstance(kind, type) and issubclass(kind, Response)):
        return set()
    found: set[str] = set()
    try:
        for by_alias in (True, False):
            _collect(TypeAdapter(kind).json_schema(mode=mode, by_alias=by_alias), found)
    except Exception as error:
        # Whatever a host's own type makes of being asked for its fields.
        raise CannotLookInto from error
    return found


def _collect(schema: Any, found: set[str]) -> None:
    for each in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(each, dict | list):
            _collect(each, found)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict):
        found.update(properties)


def last_word(path: str) -> str:
    """The end of a path, without parameters."""
    return next((word for word in reversed(path.split("/")) if word and "{" not in word), "")


def plain(name: str) -> str:
    """A name without what separates its words: `accessToken`, `access_token` and `access-token` are one."""
    return re.sub(r"[^a-z]", "", name.lower())
