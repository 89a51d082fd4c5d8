"""Every row of the table of refusals: its status, its name, its headers and its members."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.problems import STATUSES, assert_private, problem_of, slug_of
from tests.http.test_refusals import DOORS, ORDERS
from tests.http.test_sign_in import finish, sign_in
from tests.http.victim import FINISH, LOGIN, SESSION, STATUS, VERIFY, Victim, method_of
from tests.http.world import PREFIX, World
from twofold import errors
from twofold.fastapi.errors import KINDS, SLUG_OF_STATUS

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def test_the_table():
    """
    The application's table is the one that clients rely on; beyond it are only faults of its own.
    """
    kinds = {slug: kind.status for slug, kind in KINDS.items() if kind.status != 500}

    assert {slug: status for slug, status in kinds.items() if status not in STATUSES.get(slug, set())} == {}
    assert set(kinds) >= set(STATUSES)


def test_every_error_has_its_row():
    """
    Everything that the library refuses has a row in the table.
    """
    known = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)]

    assert [error.__name__ for error in known if error.slug not in KINDS] == []


def test_bare_statuses_have_rows():
    """
    A bare status of the framework is told by a name of the table, with the status as it was.
    """
    assert {slug for slug in SLUG_OF_STATUS.values() if slug not in STATUSES} == set()
    assert {status for status, slug in SLUG_OF_STATUS.items() if status not in STATUSES[slug]} == {400}


@pytest.mark.parametrize("path", [SESSION, STATUS])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer dead"}, {"Cookie": "session=x"}])
def test_not_signed_in(world: World, path: str, headers: dict[str, str]):
    """
    Without a live session the answer names the way to sign in, and nothing more.
    """
    answer = world.get(path, headers=headers)

    assert answer.headers["www-authenticate"] == "Bearer"
    assert problem_of(answer, "not-signed-in") == {
        "type": "urn:twofold:problem:not-signed-in",
        "title": "Not signed in",
        "status": 401,
        "detail": "You are not signed in. Sign in and try again.",
    }


def test_sign_in_failed(world: World):
    """
    A wrong password is told with a way to authenticate beside it, and nothing about what is wrong.
    """
    answer = world.post(LOGIN, json=world.registered().password | {"password": "a wrong one"})

    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(problem_of(answer, "sign-in-failed")) == {"type", "title", "status", "detail"}


def test_sign_in_token_dead(world: World):
    """
    A dead sign-in says so, and not why.
    """
    answer = world.post(FINISH, json={"sign_in_token": "dead", "code": "123456"})

    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(problem_of(answer, "sign-in-token-dead")) == {"type", "title", "status", "detail"}


def test_refused_codes_tell_nothing_more(world: World):
    """
    A wrong code and a used one carry no data: no count, no step, no moment.
    """
    person = world.enrolled()
    code = person.code()
    person.post("/step-up", {"code": code})

    wrong, used = person.post("/step-up", {"code": person.wrong_code()}), person.post("/step-up", {"code": code})

    assert set(problem_of(wrong, "invalid-code")) == {"type", "title", "status", "detail"}
    assert set(problem_of(used, "code-already-used")) == {"type", "title", "status", "detail"}


def test_a_wrong_code_and_an_expired_one(world: World):
    """
    A wrong code and one that has expired have one answer.
    """
    person = world.enrolled()
    expired = person.code()
    world.clock.forward(minutes=2)

    answers = [person.post("/step-up", {"code": code}) for code in (expired, person.wrong_code())]

    assert [slug_of(answer) for answer in answers] == ["invalid-code"] * 2
    assert answers[0].content == answers[1].content


def test_a_clock_that_was_ahead(world: World):
    """
    A right code that counts as used because the clock was ahead is told as used, with what to do about it (G17).
    """
    person = world.enrolled()
    world.clock.forward(minutes=60)
    person.token = person.session()
    person.post("/step-up", {"code": person.code()})
    world.clock.forward(minutes=-60)
    person.token = person.session()

    problem = problem_of(person.post("/step-up", {"code": person.code()}), "code-already-used")

    assert "clock was ahead" in problem["detail"]
    assert "backup code" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere/at/all"), ("GET", "/nowhere"), ("POST", f"{PREFIX}/nothing"), ("GET", "/api/auth/2fa")],
)
def test_not_found(world: World, method: str, path: str):
    """
    What is not there is told like everything else, whoever asks.
    """
    answer = world.request(method, path)

    assert problem_of(answer, "not-found")["title"] == "Not found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", LOGIN, "POST"),
        ("PUT", VERIFY, "POST"),
        ("DELETE", STATUS, "GET"),
        ("PATCH", SESSION, "GET"),
        ("HEAD", SESSION, "GET"),
        ("OPTIONS", FINISH, "POST"),
        ("TRACE", FINISH, "POST"),
        ("BREW", "/healthz", "GET"),
    ],
)
def test_method_not_allowed(world: World, method: str, path: str, allowed: str):
    """
    A method that a path does not know is told with those that it knows.
    """
    answer = world.request(method, path)

    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/problem+json"
    assert_private(answer)


def test_closed_registration(world: World):
    """
    In production nobody registers without confirming an address, and nothing says whether it is in use.
    """
    person, settings = world.registered(), world.app.state.settings
    world.app.state.settings = type(settings)(**vars(settings) | {"production": True})
    try:
        answers = [
            world.post("/api/auth/register", json={"email": email, "password": "correct horse battery staple"})
            for email in (person.email, world.stranger())
        ]
    finally:
        world.app.state.settings = settings

    assert [slug_of(answer) for answer in answers] == ["forbidden"] * 2
    assert answers[0].content == answers[1].content


def test_a_fault_of_ours(world: World):
    """
    Where the application itself is at fault, the answer says nothing about how, and is told like everything else.
    """
    person, clock = world.enrolled(), world.auth.clock
    del world.auth.clock
    try:
        answer = person.get("/status")
    finally:
        world.auth.clock = clock

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert_private(answer)
    assert answer.json() == {
        "type": "urn:twofold:problem:error",
        "title": "Something went wrong",
        "status": 500,
        "detail": "The request could not be carried out.",
    }


def moments(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every moment in an answer, by the name of its member."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from moments(member, key)
    elif isinstance(value, list):
        for member in value:
            yield from moments(member, name)
    elif isinstance(value, str) and re.search(r"_(at|until)$|deadline", name):
        yield name, value


def test_moments(each_world: World):
    """
    Every moment on the wire is RFC 3339 in UTC with Z, with its fraction of a second where it has one.
    """
    each_world.clock.forward(seconds=0.25)
    person = each_world.enrolled()
    session = each_world.get(SESSION, headers=person.bearer)
    sessions = each_world.get("/api/auth/sessions", headers=person.bearer)
    set_up = person.post("/setup", {"replace": True})
    step_up = person.post("/step-up", {"code": person.code()})
    status = person.get("/status")
    refused = [person.post("/step-up", {"code": person.wrong_code()}) for _ in range(6)]
    person.set(twofa_failures=None)
    signed_in = finish(person, person.sign_in_token(), backup_code=person.backup_codes[0])
    pending = sign_in(person)

    found = [
        moment
        for answer in (session, sessions, set_up, step_up, status, *refused, signed_in, pending)
        for moment in moments(answer.json())
    ]

    assert {name for name, _ in found} == {
        "authenticated_at",
        "second_factor_at",
        "expires_at",
        "created_at",
        "last_seen_at",
        "enabled_at",
        "last_used_at",
        "locked_until",
    }
    assert [moment for moment in found if not MOMENT.fullmatch(moment[1])] == []
    assert [moment for moment in found if not re.search(r"\.25(0000)?Z", moment[1])] == []


@pytest.mark.parametrize("path", ORDERS)
def test_what_is_documented(world: World, path: str):
    """
    OpenAPI knows the refusals of a route by status and name; those of its doors only where it takes a body.
    """
    operation = world.get("/openapi.json").json()["paths"][path][method_of(path).lower()]
    told = {(name.split()[1], name.split()[0]) for name, fault in ORDERS[path] if (name, fault) not in DOORS}

    documented = operation["responses"]

    refused = told | {("503", "unavailable")}
    assert {(status, slug) for status, slug in refused if slug not in str(documented.get(status))} == set()
    assert {"413", "415"} <= set(documented) or "requestBody" not in operation


def test_every_answer_of_a_route_is_private(each_world: World):
    """
    Everything that a route answers, right or wrong, is kept by no cache and travels in no Referer.
    """
    victim = Victim(each_world)

    answers = [
        *(victim.send(path, b"{") for path in ORDERS),
        *(victim.send(path, json.dumps(victim.body(path)).encode()) for path in ORDERS),
    ]

    assert len({answer.status_code for answer in answers}) > 3
    for answer in answers:
        assert_private(answer)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_private(world: World, path: str):
    """
    JSON for everybody travels in no Referer either, and no cache keeps how the application was.
    """
    answer = world.get(path)

    assert answer.status_code == 200
    assert_private(answer)
