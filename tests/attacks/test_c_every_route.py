"""C: every route that OpenAPI knows, asked by somebody who is halfway in."""

from collections.abc import Callable

import pytest
from httpx2 import Response

from tests.attacks.acts import finish, told
from tests.attacks.roads import BY_KEY, BY_PASSWORD, BY_PROOF, BY_SECOND_FACTOR, OPEN, Route, routes_of
from tests.http.world import Person, World


def shown_in(answer: Response, person: Person) -> list[str]:
    return [each for each in (person.secret, *person.backup_codes) if each in answer.text]


def test_c13_halfway_in_only_the_way_in_is_open(world: World):
    """
    Whoever has typed the password and no code gets nothing from any route but the one that finishes: no secret, no
    state, no change; whatever the sign-in token is sent as.
    """
    person = world.enrolled()
    pending = world.use(lambda auth: auth.totp.set_up(person.id, replace=True)).secret.base32
    token, before = person.sign_in_token(), person.kept()["users"]
    sent: list[dict[str, str]] = [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Token {token}"},
        {"Cookie": f"session={token}; sign_in_token={token}"},
        {"X-Sign-In-Token": token, "X-TOTP-Code": person.code()},
    ]

    routes = [route for route in routes_of(world) if route.name not in OPEN]
    answers = {
        (route.name, number): route.ask(person, headers) for route in routes for number, headers in enumerate(sent)
    }

    assert {told(answer) for answer in answers.values()} == {"not-signed-in"}
    assert [name for name, answer in answers.items() if shown_in(answer, person) or pending in answer.text] == []
    assert person.kept()["users"] == before
    assert told(finish(person, token, code=person.code())) == "success"


def test_c15_what_a_client_says_of_itself_counts_nothing(world: World):
    """
    After the first step every route refuses a client that acts as if the second had been done: no route believes a
    cookie, header, query or field that says so.
    """
    person = world.enrolled()
    claims = {"status": "signed_in", "aal": "2", "amr": "pwd otp mfa", "mfa": "true", "user_id": str(person.id)}
    headers = {f"X-{name}": value for name, value in claims.items()} | {"Authorization": "Bearer null"}
    headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in claims.items())

    answers = {route.name: route.ask(person, headers, dict(claims), params=claims) for route in routes_of(world)}

    entered = {name for name, answer in answers.items() if told(answer) != "not-signed-in"}
    assert entered == OPEN
    assert {told(answers[name]) for name in OPEN if name.startswith("POST")} == {"invalid-request"}
    assert [name for name, answer in answers.items() if "access_token" in answer.text] == []


def by_password(world: World) -> Person:
    person = world.admin()
    person.token = person.session()
    return person


def gone_stale(world: World) -> Person:
    person = world.admin()
    world.clock.forward(seconds=301)
    return person


@pytest.mark.parametrize(
    ("somebody", "proved"),
    [(by_password, "step-up-required"), (gone_stale, "success")],
    ids=["by-password", "stale"],
)
def test_c19_every_route_asks_for_what_it_should(world: World, somebody: Callable[[World], Person], proved: str):
    """
    Where a second factor is on, a session without a fresh one gets a step-up asked on every route but those that need
    none, and those that take a proof each time ask for it.
    """
    answers = {route.name: told(asked(route, somebody(world))) for route in routes_of(world) if route.name not in OPEN}

    expected = dict.fromkeys(answers, "step-up-required")
    expected |= (
        dict.fromkeys(BY_SECOND_FACTOR, proved)
        | dict.fromkeys(BY_PROOF, "invalid-request")
        | dict.fromkeys(BY_PASSWORD, "success")
        | dict.fromkeys(BY_KEY, "not-enabled")
    )
    assert answers == expected


def asked(route: Route, person: Person) -> Response:
    """One request in this person's session, for a thing of their own."""
    sessions = person.world.get("/api/auth/sessions", headers=person.bearer).json()["items"]
    path = route.path.replace("{id}", str(sessions[-1]["id"]))
    return Route(route.method, path, route.operation).ask(person, person.bearer)
