"""Which routes the doctor takes for a way in past the second factor, and which not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import pytest
from fastapi import Body, Cookie, Depends, FastAPI, Form, Header, Request, WebSocket
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.security import HTTPBasic, OAuth2PasswordRequestForm
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel
from starlette.routing import Route
from starlette.testclient import TestClient
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


def takes_a_query(email: str, password: str) -> Any:
    return {"access_token": email + password}


def takes_a_header(x_password: Annotated[str, Header()]) -> None: ...


FIELDS = ["password", "newPassword", "pwd", "user_pwd", "pass", "passwd", "pin", "passphrase"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("endpoint", [takes_a_query, takes_a_header])
def test_a_password_in_the_query_or_in_a_header_is_red_where_people_sign_in(world, method, endpoint):
    """
    A parameter without a word of FastAPI's is in the query, and a password there is one, however it is asked.
    """
    world.app.api_route("/legacy/login", methods=[method])(endpoint)

    assert world.found(Check.TOKENS).light is Light.RED


@pytest.mark.parametrize("name", FIELDS)
def test_a_password_has_many_names(world, name):
    """
    A password is one by whatever name it is commonly called.
    """
    kind: Any = create_model("Credentials", email=str, **{name: str})

    def login(body: kind) -> None: ...

    world.app.post("/legacy/login")(login)

    assert world.found(Check.TOKENS).light is Light.RED


PATHS = ["/login/json", "/login-with-password", "/v2/signInByMail", "/log-on/tenant", "/login-or-register"]


@pytest.mark.parametrize("path", PATHS)
def test_a_sign_in_is_one_wherever_in_its_path_that_is_said(world, path):
    """
    A word of signing in counts in every part of a path, and within one.
    """
    world.app.post(path)(takes_a_model)

    assert world.found(Check.TOKENS).light is Light.RED


def takes_anything(data: Annotated[dict[str, Any], Body()]) -> Note:
    return Note(text=str(data))


def takes_anything_or_nothing(data: Annotated[Any, Body()] = None) -> Note:
    return Note(text=str(data))


def takes_an_address(email: Annotated[str, Form()]):
    return {"email": email}


def takes_a_key(key: Annotated[str, Body(embed=True)]):
    return {"key": key}


def takes_a_code(code: str) -> dict[str, Any]:
    return {"code": code}


def sets_a_cookie(code: str, response: Response) -> Note:
    response.set_cookie("session", code)
    return Note(text="")


def redirects(code: str) -> RedirectResponse:
    return RedirectResponse(code)


def by_hand(request: Request) -> Note:
    return Note(text=str(request))


def reads_a_header(authorization: Annotated[str, Header()]):
    return {"text": authorization}


def refreshes(refresh_token: Annotated[str, Cookie()]):
    return {"text": refresh_token}


UNKNOWN: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "any-body": ("POST", "/legacy/login", takes_anything),
    "any-body-or-none": ("POST", "/legacy/login", takes_anything_or_nothing),
    "a-link-by-mail": ("POST", "/login", takes_an_address),
    "a-password-near": ("POST", "/auth/email", takes_a_query),
    "a-key": ("POST", "/auth/magic", takes_a_key),
    "back-from-elsewhere": ("GET", "/auth/google/callback", takes_a_code),
    "back-from-elsewhere-with-a-cookie": ("GET", "/google/callback", sets_a_cookie),
    "back-from-elsewhere-on": ("GET", "/oauth2/google", redirects),
    "back-from-elsewhere-by-hand": ("GET", "/sso/callback", by_hand),
    "a-header": ("GET", "/legacy/token", reads_a_header),
    "a-cookie": ("POST", "/auth/refresh", refreshes),
    "a-link": ("GET", "/login/{token}", nothing),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_open_route_near_a_sign_in_that_tells_nothing_of_itself_is_amber(world, case):
    """
    What takes anything, or answers with anything, where people may sign in, is not taken for harmless.
    """
    method, path, endpoint = UNKNOWN[case]
    if "{token}" in path:

        def endpoint(token: str):
            return {"text": token}

    world.app.api_route(path, methods=[method])(endpoint)
    found = world.found(Check.TOKENS)

    assert found.light is Light.AMBER
    assert f"{method} {path} (nobody knows what it " in found.found


async def foreign(scope: Any, receive: Any, send: Any) -> None: ...


class Hides:
    """A middleware that keeps what it is around under a name of its own."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.inner(scope, receive, send)


@pytest.mark.parametrize("app", [foreign, Hides(FastAPI()), GZipMiddleware(foreign)])
def test_what_is_mounted_and_cannot_be_looked_into_is_amber(world, app):
    """
    An application of another framework may have a sign-in of its own; who says why that needs nothing is believed.
    """
    world.app.mount("/legacy", app)
    before = world.found(Check.TOKENS)
    world.app.router.routes.pop()
    world.app.mount("/legacy", no_second_factor("prices alone").around(app))
    after = world.found(Check.TOKENS)

    assert (before.light, after.light) == (Light.AMBER, Light.GREEN)
    assert "MOUNT /legacy (it is not FastAPI's" in before.found
    assert "no_second_factor(" in before.advice
    assert "on purpose: MOUNT /legacy (prices alone)" in after.found


def test_a_reason_around_an_application_hands_requests_on():
    """
    What says why nothing is needed within changes nothing for those who ask.
    """
    inner = FastAPI()
    inner.get("/price")(lambda: 7)

    assert TestClient(no_second_factor("prices alone").around(inner)).get("/price").json() == 7


def test_green_claims_no_more_than_was_looked_at(world):
    """
    Green says that nothing was recognised, and not that there is nothing.
    """
    assert world.found(Check.TOKENS).found == "no route was recognised as a way in past the second factor"


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


class Device(BaseModel):
    token: str


def _device(device: Device) -> Device:
    return device


def takes_a_key_and_answers_with_a_note(key: Annotated[str, Body(embed=True)]) -> Note:
    return Note(text=key)


def takes_passengers(passengers: int, shipping: str) -> Note:
    return Note(text=f"{shipping}{passengers}")


def _providers():
    return {"providers": []}


async def talks(socket: WebSocket, token: str): ...


def test_a_mere_token_counts_where_it_may_open_something(world):
    """
    An open route that hands out a `token` for a password is red, for anything else amber: a device's is one, too.
    """

    def enters(email: str, pin: str) -> Device:
        return Device(token=email + pin)

    world.app.post("/devices")(_device)
    before = world.found(Check.TOKENS)
    world.app.post("/enter")(enters)
    found = world.found(Check.TOKENS)

    assert (before.light, found.light) == (Light.AMBER, Light.RED)
    assert "POST /enter (it answers with token)" in found.found


HARMLESS: dict[str, Callable[[Examined], object]] = {
    "register": lambda world: world.app.post("/register")(takes_a_model),
    "reset": lambda world: world.app.post("/reset-password")(takes_a_field),
    "a-note": lambda world: world.app.post("/notes", response_model=Note)(nothing),
    "register-near-a-sign-in": lambda world: world.app.post("/auth/register")(takes_a_query),
    "reset-near-a-sign-in": lambda world: world.app.post("/auth/reset-password")(takes_a_query),
    "verify": lambda world: world.app.post("/auth/verify")(takes_a_key_and_answers_with_a_note),
    "list-of-providers": lambda world: world.app.get("/auth/providers")(_providers),
    "signing": lambda world: world.app.post("/documents/signing")(takes_a_key),
    "passengers": lambda world: world.app.post("/login/passengers", response_model=Note)(takes_passengers),
    "a-device": lambda world: world.app.post("/devices", dependencies=[Depends(current_session)])(_device),
    "against-forgery": lambda world: world.app.post("/csrf", response_model=Device)(nothing),
    "password-behind-a-sign-in": lambda world: world.app.post(
        "/login/password", dependencies=[Depends(current_session)]
    )(takes_a_model),
    "a-socket": lambda world: world.app.websocket("/auth/socket")(talks),
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
