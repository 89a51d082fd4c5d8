"""Which routes look as if they hand out a session by themselves."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal, get_type_hints

from fastapi.security import HTTPBasic, OAuth2PasswordRequestForm
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from twofold.fastapi.seen_routes import Before, SeenRoute
from twofold.fastapi.sign_in_words import (
    SIGN_INS,
    is_credential,
    is_near_a_sign_in,
    is_password,
    is_return,
    is_sign_in,
    last_word,
    plain,
)

TOKENS = {"accesstoken", "refreshtoken", "idtoken", "jwt", "sessiontoken", "authtoken", "bearertoken"}
"""Fields of an answer that open an application, however they are spelled."""

TOKEN = "token"  # noqa: S105 - the name of a field
"""One that does where the route changes something; elsewhere it is mostly something else."""

Mode = Literal["validation", "serialization"]


class CannotLookInto(Exception):
    """What a route takes or answers tells nothing of itself; the text says what does."""


def sign_of_a_token(seen: SeenRoute) -> str | None:
    """
    What says of a route that it hands out a session; nothing where nothing does.

    Raises:
        CannotLookInto: It may, for all that is known of it.
    """
    calls = [each.call for each in seen.dependants]
    if any(isinstance(call, type) and issubclass(call, OAuth2PasswordRequestForm) for call in calls):
        return "it takes OAuth2PasswordRequestForm"
    if _signs_in(seen) and takes_a_password(seen):
        return "people sign in on such a path, and it takes a password"
    answered = sorted({name for each in _answers(seen) for name in _fields_of(each, "serialization")})
    for name in answered:
        if plain(name) in TOKENS or (plain(name) == TOKEN and _opens_by_a_token(seen)):
            return f"it answers with {name}"
    if why := _unknown(seen, answered):
        raise CannotLookInto(why)
    return None


def takes_a_password(seen: SeenRoute) -> bool:
    """Whether a password is in what it is sent."""
    basic = any(isinstance(each.call, HTTPBasic) for each in seen.dependants)
    return basic or any(map(is_password, fields_taken(seen)))


def fields_taken(seen: SeenRoute) -> set[str]:
    """
    The names of all that a route takes: in its body, its query and its headers.

    Raises:
        CannotLookInto: The type of its body tells nothing of itself.
    """
    taken: set[str] = set()
    for each in seen.dependants:
        for field in each.body_params:
            taken |= {field.name, field.alias} | _fields_of(field.field_info.annotation, "validation")
        for field in (*each.query_params, *each.header_params):
            taken |= {field.name, field.alias}
            # Of a single text the name is all there is to know, whatever type it is made into.
            with suppress(CannotLookInto):
                taken |= _fields_of(field.field_info.annotation, "validation")
        # A body that a dependency reads, as ours do.
        model = getattr(each.call, "model", None)
        if isinstance(model, type) and issubclass(model, BaseModel):
            taken |= _fields_of(model, "validation")
    return taken


def _signs_in(seen: SeenRoute) -> bool:
    """Whether people sign in there: they are not yet signed in, or its very last word says so."""
    if seen.before is Before.NOTHING:
        return is_sign_in(seen.path)
    return seen.writes and plain(last_word(seen.path)) in SIGN_INS


def _opens_by_a_token(seen: SeenRoute) -> bool:
    """Whether a mere `token` in an answer opens something; a device has one, too, and a form against forgery."""
    return seen.writes and (_signs_in(seen) or (seen.before is Before.NOTHING and takes_a_password(seen)))


def _unknown(seen: SeenRoute, answered: Sequence[str]) -> str | None:
    """What nobody knows of a route that may hand out a session."""
    if seen.before is Before.UNSEEN:
        return _unseen(seen)
    if seen.before is not Before.NOTHING or not (seen.methods and is_near_a_sign_in(seen.path)):
        is_open = seen.before is Before.NOTHING and seen.writes and TOKEN in map(plain, answered)
        return "it answers with a token of some kind" if is_open and fields_taken(seen) else None
    untyped = any(_says_nothing(field.field_info.annotation) for each in seen.dependants for field in each.body_params)
    by_hand = any(each.request_param_name for each in seen.dependants) and not fields_taken(seen)
    if (seen.writes or is_return(seen.path)) and (untyped or by_hand):
        return "nobody knows what it takes"
    if not _answers_by_hand(seen):
        return None
    shown = any(map(is_credential, _all_taken(seen)))
    signs_in = seen.writes and is_sign_in(seen.path) and bool(fields_taken(seen))
    return "nobody knows what it answers" if shown or signs_in else None


def _unseen(seen: SeenRoute) -> str | None:
    """The same of one that is none of FastAPI's."""
    if seen.is_mount:
        return "it is not FastAPI's, and nobody knows what is in it"
    may_sign_in = (seen.writes and is_near_a_sign_in(seen.path)) or is_return(seen.path)
    return "it is not FastAPI's, and nobody knows what it takes" if may_sign_in else None


def _all_taken(seen: SeenRoute) -> set[str]:
    """The names of what it takes in cookies and in its path, too."""
    beside = {field.name for each in seen.dependants for field in (*each.cookie_params, *each.path_params)}
    return fields_taken(seen) | beside


def _answers_by_hand(seen: SeenRoute) -> bool:
    """Whether an answer has more in it than its type says: it has none, or a cookie may be set beside."""
    if any(each.response_param_name for each in seen.dependants):
        return True
    kinds = [kind for kind in _answers(seen) if kind is not None]
    return not kinds or any(_says_nothing(kind) for kind in kinds)


def _says_nothing(kind: Any) -> bool:
    """Whether a type names none of the fields that it may have."""
    if isinstance(kind, type) and issubclass(kind, Response):
        return True
    if kind is None or kind is type(None):
        return False
    schema = _schema_of(kind, "validation")
    return any(_is_open(each) for each in (schema, *schema.get("anyOf", ())))


def _is_open(schema: dict[str, Any]) -> bool:
    named = {"properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"} & schema.keys()
    return not named and schema.get("type", "object") == "object"


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
    for by_alias in (True, False):
        _collect(_schema_of(kind, mode, by_alias=by_alias), found)
    return found


def _schema_of(kind: Any, mode: Mode, *, by_alias: bool = True) -> dict[str, Any]:
    try:
        return TypeAdapter(kind).json_schema(mode=mode, by_alias=by_alias)
    except Exception as error:
        # Whatever a host's own type makes of being asked for its fields.
        raise CannotLookInto("a type of its own tells nothing of itself") from error


def _collect(schema: Any, found: set[str]) -> None:
    for each in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(each, dict | list):
            _collect(each, found)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict):
        found.update(properties)
