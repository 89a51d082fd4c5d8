"""Which routes the doctor takes for a way in past the second factor, and which not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import pytest
from fastapi import Depends, Form, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, OAuth2PasswordRequestForm
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.routing import Route
from typing_extensions import TypedDict

from tests.http.examined import (
    Examined,
    Login,
    Note,
    Token,
    check_password,
    current_session,
    examined_app,
    nothing,
    takes_a_model,
)
from twofold import ConfigurationError
from twofold.core.diagnosis import Check, Light
from twofold.fastapi import SecondFactorRequired
from twofold.fastapi.guards import no_second_factor
from twofold.fastapi.requests import JsonBody

T = TypeVar("T")


@pytest.fixture
def world() -> Examined:
    return examined_app()


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    access_token: str


class Named(BaseModel):
    key: str = Field(serialization_alias="refreshToken")


class Page(BaseModel, Generic[T]):
    items: list[T]


class Pair(TypedDict):
    id_token: str


@dataclass
class Made:
    jwt: str


ANSWERS: dict[str, Any] = {
    "model": Token,
    "union": Note | Token,
    "optional": Token | None,
    "list": list[Token],
    "mapping": dict[str, Token],
    "nested": Page[Page[Token]],
    "alias": Camel,
    "serialization-alias": Named,
    "typed-dict": Pair,
    "dataclass": Made,
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("said", ["response_model", "annotation", "annotation-alone", "responses"])
def test_an_unguarded_route_that_answers_with_a_token_is_red(world, answer, said):
    """
    A route that answers with a token is found however it says what it answers with, and through whatever stands around.
    """
    kind = ANSWERS[answer]

    def endpoint() -> Any: ...

    if said.startswith("annotation"):
        endpoint.__annotations__["return"] = kind
    options: dict[str, dict[str, Any]] = {
        "response_model": {"response_model": kind},
        "annotation-alone": {"response_model": None},
        "responses": {"responses": {201: {"model": kind}}},
    }
    world.app.post("/hand-out", **options.get(said, {}))(endpoint)
    found = world.found(Check.TOKENS)

    assert found.light is Light.RED
    assert "POST /hand-out (it answers with " in found.found
    assert "two_factor.sign_in(check_password)" in found.advice


def test_signed_in_is_not_enough_for_a_token(world):
    """
    A route behind a sign-in, or behind a guard of another's, that answers with a token is a way in past the second
    factor all the same; one of any method.
    """
    for method in ("GET", "POST", "PUT"):
        mine: dict[str, Any] = {"methods": [method], "response_model": Token}
        world.app.api_route(f"/mine-{method}", dependencies=[Depends(current_session)], **mine)(nothing)
    found = world.found(Check.TOKENS)

    assert [f"{method} /mine-{method}" in found.found for method in ("GET", "POST", "PUT")] == [True] * 3


def takes_a_form(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> None: ...


def takes_a_field(password: Annotated[str, Form()]) -> None: ...


def reads_json(body: Annotated[Login, Depends(JsonBody(Login))]) -> None: ...


def takes_basic(credentials: Annotated[Any, Depends(HTTPBasic())]) -> None: ...


SIGN_INS = [takes_a_model, takes_a_field, reads_json, takes_basic]


@pytest.mark.parametrize("path", ["/token", "/api/login", "/sign-in", "/auth/signIn/", "/session", "/login/{tenant}"])
@pytest.mark.parametrize("endpoint", SIGN_INS)
def test_a_password_on_a_path_to_sign_in_on_is_red(world, path, endpoint):
    """
    A route that takes a password where people sign in is a way in, whatever it answers with: a cookie shows nowhere.
    """
    world.app.post(path, response_model=None)(endpoint)

    assert world.found(Check.TOKENS).light is Light.RED


def test_the_form_of_oauth_is_red_on_any_path(world):
    """
    Who takes OAuth's password form takes a password for a token.
    """
    world.app.post("/x")(takes_a_form)

    assert "POST /x (it takes OAuth2PasswordRequestForm)" in world.found(Check.TOKENS).found


def test_a_route_that_reads_its_request_by_hand_is_amber_where_people_sign_in(world):
    """
    Of a sign-in that reads its request by itself nobody knows what it takes; the same elsewhere is nothing.
    """

    async def by_itself(request: Request) -> JSONResponse:
        return JSONResponse({})

    world.app.post("/webhook")(by_itself)
    before = world.found(Check.TOKENS).light
    world.app.post("/login")(by_itself)
    world.app.router.routes.append(Route("/token", by_itself, methods=["POST"]))
    found = world.found(Check.TOKENS)

    assert (before, found.light) == (Light.GREEN, Light.AMBER)
    assert "POST /login" in found.found
    assert "POST /token" in found.found


class Odd:
    """Of a type that pydantic knows nothing of."""


def test_an_answer_that_cannot_be_looked_into_is_amber(world):
    """
    A type that tells nothing of itself is not taken for one without a token.
    """

    def odd() -> Odd:
        return Odd()

    world.app.post("/odd", response_model=None)(odd)

    assert world.found(Check.TOKENS).light is Light.AMBER


HARMLESS: dict[str, Callable[[Examined], object]] = {
    "register": lambda world: world.app.post("/register")(takes_a_model),
    "reset": lambda world: world.app.post("/reset-password")(takes_a_field),
    "a-note": lambda world: world.app.post("/notes", response_model=Note)(nothing),
    "a-token-that-is-read": lambda world: world.app.get("/csrf", response_model=dict[str, str])(nothing),
    "logout": lambda world: world.app.post("/logout", dependencies=[Depends(current_session)])(nothing),
    "sign-in-page": lambda world: world.app.get("/login")(nothing),
    "guarded": lambda world: world.app.post(
        "/api-keys", response_model=Token, dependencies=[Depends(world.two_factor.require_second_factor())]
    )(nothing),
    "own-login": lambda world: world.app.post("/token", response_model=Token | SecondFactorRequired)(_own_login(world)),
    "router": lambda world: world.app.include_router(world.two_factor.sign_in_router(check_password, path="/token")),
    "on-purpose": lambda world: world.app.post(
        "/robots/token", response_model=Token, dependencies=[Depends(no_second_factor("a robot has no phone"))]
    )(nothing),
}


def _own_login(world: Examined) -> Callable[..., Any]:
    def login(answer: Annotated[Any, Depends(world.two_factor.sign_in(check_password))]) -> Any:
        return answer

    return login


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_no_way_in_is_green(world, case):
    """
    Registering, leaving, answers without tokens, and what goes through the library or a guard are no way in.
    """
    HARMLESS[case](world)

    assert world.found(Check.TOKENS).light is Light.GREEN


def test_a_sign_in_of_another_second_factor_is_a_way_in(world):
    """
    A sign-in that asks for the second factor of another application asks for none of this one's.
    """
    world.app.include_router(examined_app().two_factor.sign_in_router(check_password, path="/token"))

    assert world.found(Check.TOKENS).light is Light.RED


def test_what_is_on_purpose_is_told_with_its_reason(world):
    """
    A route that says why it needs no second factor is told with that; without a reason nobody says so.
    """
    HARMLESS["on-purpose"](world)

    assert "POST /robots/token (a robot has no phone)" in world.found(Check.TOKENS).found
    assert "POST /robots/token (a robot has no phone)" in world.found(Check.ROUTES).found
    with pytest.raises(ConfigurationError, match="say why"):
        no_second_factor(" ")
