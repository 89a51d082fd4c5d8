"""What the doctor sees of the routes of an application: what stands before each, and which ask for too little."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Cookie, Depends, FastAPI, Header, Request, Security, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.routing import Host, Mount, Route

from tests.http.examined import (
    Examined,
    Sessions,
    bearer,
    check_password,
    current_session,
    examined_app,
    get_db,
    get_user,
    nothing,
    takes_a_model,
)
from twofold.core.diagnosis import Check, Light
from twofold.fastapi import SignedIn
from twofold.fastapi.guards import no_second_factor
from twofold.fastapi.seen_routes import Before, seen
from twofold.fastapi.two_factor import TwoFactor
from twofold.web import two_factor_pages


def by_page(session: Annotated[str, Cookie()]) -> SignedIn:
    return SignedIn(1, session)


@pytest.fixture
def world() -> Examined:
    return examined_app()


def test_every_route_of_the_library_is_its_own(world):
    """
    All routes that `install` and `sign_in_router` add are the library's, in whatever router they are included.
    """
    around = APIRouter(prefix="/around")
    around.include_router(world.two_factor.sign_in_router(check_password), prefix="/inner")
    world.app.include_router(around, prefix="/outer")
    found = [route for route in seen(world.app, world.two_factor).routes if "docs" not in route.path]

    assert {route.before for route in found} == {Before.OURS}
    assert {"POST /outer/around/inner/login", "POST /outer/around/inner/login/second-factor"} < set(map(str, found))


def test_a_guard_counts_wherever_it_stands(world):
    """
    A guard is found on the route, on its router, where that is included, in a parameter, and below another dependency.
    """
    guard = world.two_factor.require_second_factor(max_age=60, if_enabled=True)

    def admin(proved: Annotated[Any, Depends(guard)]) -> str:
        return str(proved)

    router, included = APIRouter(dependencies=[Depends(guard)]), APIRouter()
    router.post("/on-its-router")(nothing)
    included.post("/where-it-is-included")(nothing)
    world.app.post("/on-the-route", dependencies=[Depends(guard)])(nothing)
    world.app.post("/below", dependencies=[Security(admin)])(nothing)
    world.app.include_router(router)
    world.app.include_router(included, dependencies=[Depends(guard)])

    @world.app.post("/in-a-parameter")
    def in_a_parameter(proved: Annotated[Any, Depends(guard)]) -> None: ...

    assert len(world.before()) == 5
    assert set(world.before().values()) == {Before.GUARD}


def test_a_guard_of_another_second_factor_is_none(world):
    """
    A guard that belongs to another `TwoFactor` guards nothing here.
    """
    other = examined_app().two_factor.require_second_factor()
    world.app.post("/x", dependencies=[Depends(other)])(nothing)

    assert world.before() == {"POST /x": Before.SIGN_IN}


@pytest.mark.parametrize("ours", [False, True])
def test_pages_may_have_sessions_of_their_own(world, ours):
    """
    Pages of another `TwoFactor` are ours, with their guards and their sign-in, where it has the same use cases.
    """
    auth = world.two_factor.auth if ours else examined_app().two_factor.auth
    other: TwoFactor[Any] = TwoFactor(auth, current_session=by_page, sessions=Sessions)
    pages = two_factor_pages(other, check_password)
    ask = Depends(other.require_second_factor(if_enabled=True))
    pages.form("/security/password", "password", dependencies=[ask])(nothing)
    pages.form("/security/note", "note", dependencies=[Depends(by_page)])(nothing)
    world.app.include_router(pages)
    before = world.before()

    assert before["POST /login"] is (Before.OURS if ours else Before.NOTHING)
    assert before["POST /security/password"] is (Before.GUARD if ours else Before.NOTHING)
    assert before["POST /security/note"] is (Before.SIGN_IN if ours else Before.NOTHING)
    assert (world.found(Check.TOKENS).light is Light.GREEN) is ours


@pytest.mark.parametrize("mounted", [False, True])
def test_a_guard_that_is_overridden_is_red(world, mounted):
    """
    What stands in for a guard, left over from a test, is told: the guard is on its route, and nobody asks it.
    """
    guard, inner = world.two_factor.require_second_factor(), FastAPI()
    world.app.mount("/inner", inner)
    world.app.dependency_overrides[get_db] = get_db
    before = world.found(Check.ROUTES).light
    (inner if mounted else world.app).dependency_overrides[guard] = nothing

    assert (before, world.found(Check.ROUTES).light) == (Light.GREEN, Light.RED)


def test_who_is_signed_in_is_asked_in_many_ways(world):
    """
    Behind a sign-in is what depends on the host's session, on what of it reads a token, or on the library's own.
    """
    asked = [current_session, get_user, bearer, world.two_factor.signed_in, world.two_factor.assurance]
    for number, each in enumerate(asked):
        world.app.get(f"/{number}", dependencies=[Depends(each)])(nothing)
    world.app.get("/db", dependencies=[Depends(get_db)])(nothing)
    world.app.get("/open")(nothing)

    assert world.before() == {
        **{f"GET /{number}": Before.SIGN_IN for number in range(len(asked))},
        "GET /db": Before.NOTHING,
        "GET /open": Before.NOTHING,
    }


def by_cookie(db: Annotated[str, Depends(get_db)], session: Annotated[str, Cookie()]) -> str:
    return db + session


def by_header(db: Annotated[str, Depends(get_db)], authorization: Annotated[str, Header()]) -> str:
    return db + authorization


def by_hand(request: Request, db: Annotated[str, Depends(get_db)]) -> str:
    return db + str(request)


@pytest.mark.parametrize("reads", [by_cookie, by_header, by_hand])
def test_sessions_are_named_in_many_ways(reads):
    """
    A host's session may come by a cookie, a header, or as it likes; the connection beside it identifies nobody.
    """

    def current(name: Annotated[str, Depends(reads)], db: Annotated[str, Depends(get_db)]) -> SignedIn:
        return SignedIn(name, db)

    world = examined_app(current=current)
    world.app.get("/session", dependencies=[Depends(current)])(nothing)
    world.app.get("/db", dependencies=[Depends(get_db)])(nothing)

    assert world.before() == {"GET /session": Before.SIGN_IN, "GET /db": Before.NOTHING}


def test_routes_of_mounted_applications_are_seen(world):
    """
    What is mounted is looked through, in a router, on a host name or behind a middleware, once; files are no routes.
    """
    inner, leaf = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    inner.post("/write", dependencies=[Depends(world.two_factor.require_second_factor())])(nothing)
    leaf.post("/leaf")(nothing)
    router = APIRouter()
    router.mount("/mounted", CORSMiddleware(inner))
    world.app.include_router(router, prefix="/router")
    world.app.mount("/files", StaticFiles(directory="."))
    world.app.mount("/self", world.app)
    world.app.router.routes += [Mount("/routes", routes=[Mount("/deep", leaf)]), Host("api.example.com", app=leaf)]

    assert world.before() == {"POST /router/mounted/write": Before.GUARD, "POST /routes/deep/leaf": Before.NOTHING}


def test_what_is_not_fastapis_is_said_to_be_unseen(world):
    """
    A route or an application that is none of FastAPI's tells nothing of what it asks for, and is told as that.
    """

    async def wsgi(scope: Any, receive: Any, send: Any) -> None: ...

    world.app.router.routes += [Route("/plain", nothing, methods=["POST"]), Mount("/old", app=wsgi)]
    found = world.found(Check.ROUTES)

    assert world.before() == {"POST /plain": Before.UNSEEN, "MOUNT /old": Before.UNSEEN}
    assert "not FastAPI's, and not looked into: POST /plain" in found.found


def test_websockets_are_routes(world):
    """
    A websocket is seen with what stands before it, in a router too.
    """

    async def talk(socket: WebSocket) -> None: ...

    router = APIRouter(dependencies=[Depends(world.two_factor.require_second_factor())])
    router.websocket("/guarded")(talk)
    world.app.include_router(router, prefix="/in")
    world.app.websocket("/open")(talk)

    assert world.before() == {"WEBSOCKET /in/guarded": Before.GUARD, "WEBSOCKET /open": Before.NOTHING}


class Profile(BaseModel):
    email: str | None = None


WEIGHTY = {
    "password-in-the-path": ("POST", "/change-password", nothing),
    "password-in-the-body": ("PUT", "/secrets", takes_a_model),
    "address-in-the-path": ("POST", "/me/e-mail", nothing),
    "leaving": ("DELETE", "/users/me", nothing),
}
LIGHT = {
    "a-note": ("POST", "/notes", nothing),
    "one's-own-name": ("PATCH", "/me", nothing),
    "reading": ("GET", "/password-rules", nothing),
}


@pytest.mark.parametrize("case", WEIGHTY)
def test_what_changes_a_sign_in_asks_for_a_second_factor(world, case):
    """
    A route that changes password, address or account behind a sign-in alone is amber, until it is guarded or waived.
    """
    method, path, endpoint = WEIGHTY[case]
    route = {"methods": [method], "response_model": None}
    ask, waiver = Depends(current_session), Depends(no_second_factor("asked for elsewhere"))
    guard = Depends(world.two_factor.require_second_factor(if_enabled=True))
    world.app.api_route(f"/guarded{path}", dependencies=[ask, guard], **route)(endpoint)
    world.app.api_route(f"/waived{path}", dependencies=[ask, waiver], **route)(endpoint)
    world.app.api_route(f"/open{path}", **route)(endpoint)
    before = world.found(Check.ROUTES).light
    world.app.api_route(path, dependencies=[ask], **route)(endpoint)

    assert (before, world.found(Check.ROUTES).light) == (Light.GREEN, Light.AMBER)
    assert f"without a fresh second factor: {method} {path}" in world.found(Check.ROUTES).found


def test_an_address_counts_where_it_is_ones_own(world):
    """
    An address in the body is weighty on a page of one's own, and nobody's business elsewhere.
    """

    def change(body: Profile) -> None: ...

    signed_in = [Depends(current_session)]
    world.app.patch("/contacts/{id}", dependencies=signed_in)(change)
    before = world.found(Check.ROUTES).light
    world.app.patch("/users/me", dependencies=signed_in)(change)

    assert (before, world.found(Check.ROUTES).light) == (Light.GREEN, Light.AMBER)


@pytest.mark.parametrize("case", LIGHT)
def test_other_writes_are_told_and_green(world, case):
    """
    What else is written behind a sign-in is told, and is the host's to judge.
    """
    method, path, endpoint = LIGHT[case]
    world.app.api_route(path, methods=[method], dependencies=[Depends(current_session)])(endpoint)
    found = world.found(Check.ROUTES)

    assert found.light is Light.GREEN
    assert (f"behind a sign-in alone: {method} {path}" in found.found) is (method != "GET")
