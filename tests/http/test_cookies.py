"""The cookie of a page's session: what it opens of the JSON routes, and what it does not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import Response

from app.utils.two_factor_auth import COOKIE
from tests.attacks.roads import Route, routes_of
from tests.http.keys import new_key, put_key
from tests.http.problems import problem_of, slug_of
from tests.http.test_sessions import BEHIND_A_SESSION, alive
from tests.http.victim import BODIES, DISABLE, FINISH, LOGIN, LOGOUT, SESSION, VERIFY, Victim
from tests.http.world import PREFIX, Person, World

WRONG = ["Bearer", "Bearer ", "Bearer wrong", "Basic YW5uOmFubg==", "Token x", ""]
REGISTER_KEY, REMOVE_KEY = f"{PREFIX}/webauthn/register", f"{PREFIX}/webauthn/{{id}}"


def as_cookie(person: Person) -> dict[str, str]:
    """What a browser sends after this person signed in on a page."""
    return {"Cookie": f"{COOKIE}={person.token}"}


def fields_of(schema: Any, schemas: dict[str, Any]) -> Iterator[str]:
    """The names of the fields that an answer may have."""
    if "$ref" in schema:
        yield from fields_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for each in schema.get("anyOf", ()):
        yield from fields_of(each, schemas)
    yield from schema.get("properties", ())


def starting(world: World) -> list[Route]:
    """Every route behind a session that answers with a new one, as OpenAPI says."""
    schemas = world.app.openapi()["components"]["schemas"]
    answers = [
        (route, each["schema"])
        for route in routes_of(world)
        for status, answer in route.operation["responses"].items()
        if status.startswith("2")
        for each in answer.get("content", {}).values()
    ]
    found = [route for route, schema in answers if "access_token" in set(fields_of(schema, schemas))]
    return [route for route in found if route.asks_for_session]


def somebody(world: World) -> Victim:
    """Somebody with an app and a key, who is about to change both."""
    victim = Victim(world)
    put_key(victim.person)
    return victim


BODY: dict[str, Callable[[Victim], Any]] = {
    f"POST {VERIFY}": lambda victim: victim.body(VERIFY),
    f"POST {DISABLE}": lambda victim: victim.body(DISABLE),
    f"POST {REGISTER_KEY}": lambda victim: new_key(victim.person),
    f"DELETE {REMOVE_KEY}": lambda _: None,
}
"""With which a route starts a session."""


def test_what_starts_a_session_is_known_here(world: World):
    """
    The routes of this file that start a session are those of which OpenAPI says so; and that no cookie opens them.
    """
    opened = {route.name: route.operation["security"] for route in starting(world)}

    assert opened == {name: [{"HTTPBearer": []}] for name in BODY}


@pytest.mark.parametrize("route", BODY)
def test_no_cookie_starts_a_session(each_world: World, route: str):
    """
    A route that answers with a token does not take a cookie: nothing is looked at, spent or changed; with the bearer
    the same request does what it is for.
    """
    victim, (method, path) = somebody(each_world), route.replace("{id}", "1").split()
    person, body = victim.person, BODY[route](victim)
    code = {"X-TOTP-Code": person.code()} if body is None else {}
    before = person.kept()

    def asked(headers: dict[str, str]) -> Response:
        return each_world.request(method, path, json=body, headers=headers | code)

    refused = asked(as_cookie(person))
    after = person.kept()
    answer = asked(person.bearer)

    problem_of(refused, "not-signed-in")
    assert before == after
    assert answer.is_success
    assert "access_token" in answer.json()


@pytest.mark.parametrize(
    ("method", "path"), [each for each in BEHIND_A_SESSION if " ".join(each).replace("n/1", "n/{id}") not in BODY]
)
def test_a_cookie_opens_what_a_bearer_opens(world: World, method: str, path: str):
    """
    Every other route behind a session takes the cookie where there is no `Authorization`.
    """
    victim = Victim(world)
    body = victim.body(path) if path in BODIES else {}

    answer = world.request(method, path, json=body, headers=as_cookie(victim.person))

    assert answer.is_success or slug_of(answer) != "not-signed-in"


@pytest.mark.parametrize("wrong", WRONG)
def test_a_cookie_is_ignored_beside_any_authorization(world: World, wrong: str):
    """
    Where there is an `Authorization`, whatever stands in it, the cookie opens nothing.
    """
    person = world.signed_in()

    answer = world.get(SESSION, headers=as_cookie(person) | {"Authorization": wrong})

    problem_of(answer, "not-signed-in")
    assert world.get(SESSION, headers=as_cookie(person)).status_code == 200


def test_the_bearer_is_who_asks(world: World):
    """
    With a cookie and a bearer token of two people, it is the bearer's session that asks.
    """
    person, other = world.signed_in(), world.signed_in()

    answer = world.get(SESSION, headers=as_cookie(other) | person.bearer)

    assert answer.json()["user"] == {"id": person.id, "email": person.email}


def test_a_cookie_by_another_name_opens_nothing(world: World):
    """
    Without its prefix, with which another host could not have set it, the cookie is none.
    """
    person = world.signed_in()
    cookies = [f"session={person.token}", f"__host-session={person.token}", f"__Secure-session={person.token}"]

    assert {slug_of(world.get(SESSION, headers={"Cookie": each})) for each in cookies} == {"not-signed-in"}


def test_json_sets_no_cookie(world: World):
    """
    No answer of any route sets a cookie: not to a browser that has one, and not at sign-in.
    """
    ways: list[Callable[[Person], dict[str, str]]] = [as_cookie, lambda person: person.bearer]
    answers: dict[Any, Response] = {}
    for number, way in enumerate(ways):
        for route in routes_of(world):
            person = somebody(world).person
            answers[route.name, number] = route.ask(
                person, way(person), {"code": person.code()} if route.takes("code") else None
            )
    signed_in = world.post(LOGIN, json=world.registered().password)

    told = {name for name, answer in answers.items() if answer.is_success}
    assert {(f"POST {FINISH}", 0), (f"POST {DISABLE}", 1), (f"POST {LOGOUT}", 0)} <= told
    assert "access_token" in signed_in.json()
    assert [each for each in (*answers.values(), signed_in) if "set-cookie" in each.headers] == []


@pytest.mark.parametrize(
    "foreign",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
    ids=["by-fetch", "a-neighbor", "by-origin"],
)
def test_writes_of_another_site(world: World, foreign: dict[str, str]):
    """
    A write that would be authenticated by the cookie is refused from another site, on every route, and changes nothing.
    """
    victim = Victim(world)
    headers = as_cookie(victim.person) | foreign

    told = {
        (method, path): slug_of(world.request(method, path, json=victim.body(path), headers=headers))
        for method, path in BEHIND_A_SESSION
        if method != "GET"
    }

    # What answers with a token knows no cookie at all.
    assert set(told.values()) - {"not-signed-in"} == {"cross-site-request"}
    victim.assert_unharmed()


def test_the_cookie_of_a_dead_session(world: World):
    """
    A session that was ended, or is over, is over by the cookie too, and what it did not end goes on.
    """
    person, idle = world.signed_in(), world.signed_in()
    other = person.session()

    ended = world.post(LOGOUT, headers=as_cookie(person))
    refused = [world.get(SESSION, headers=as_cookie(person))]
    world.clock.forward(minutes=59)
    goes_on = alive(person, other)
    world.clock.forward(minutes=1)
    refused.append(world.get(SESSION, headers=as_cookie(idle)))

    assert ended.status_code == 204
    assert goes_on
    assert [slug_of(each) for each in refused] == ["not-signed-in"] * 2


def test_the_cookie_of_a_session(world: World):
    """
    The pages' cookie goes over TLS, to this host alone, to no script, and ends with the browser; what is in it is a
    token of 256 random bits and nothing else.
    """
    person = world.registered()
    answer = world.client.post(
        "https://accounts.example.com/login", data=person.password, headers={"Sec-Fetch-Site": "same-origin"}
    )
    [line] = [line for line in answer.headers.get_list("set-cookie") if line.startswith(COOKIE)]
    value, *attributes = [part.strip() for part in line.removeprefix(f"{COOKIE}=").split(";")]

    assert answer.status_code == 303
    assert len(value) == 43
    assert sorted(part.lower() for part in attributes) == ["httponly", "path=/", "samesite=lax", "secure"]
