"""Sessions: how long they live, and that none outlives a change of the factors (G8)."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from app.models.user import User, UserSession, hashed
from app.utils.two_factor_auth import current_session
from tests.http.administration import ROUTES as ADMIN_ROUTES
from tests.http.administration import path_of
from tests.http.asgi import Asked
from tests.http.problems import problem_of, slug_of
from tests.http.test_sign_in import as_bearer, finish, sign_in
from tests.http.test_totp import shown
from tests.http.victim import (
    BODIES,
    EVENTS,
    EXPORT,
    FINISH,
    LOGIN,
    LOGOUT,
    REGISTER,
    SESSION,
    SESSIONS,
    STATUS,
    Victim,
    method_of,
)
from tests.http.world import PREFIX, Person, World, in_process, settings_for
from twofold import PCI_DSS
from twofold.core.events import Event
from twofold.core.totp import TypedCode
from twofold.fastapi import SignedIn
from twofold.service.totp import Confirmed
from twofold.testing.clock import NOON

BEHIND_A_SESSION = [
    ("GET", SESSION),
    ("GET", STATUS),
    ("GET", SESSIONS),
    ("GET", EVENTS),
    ("GET", EXPORT),
    ("DELETE", f"{SESSIONS}/1"),
    ("POST", LOGOUT),
    *((method_of(path), path) for path in BODIES if path not in {REGISTER, LOGIN, FINISH}),
    *((method, path_of(path, 1)) for method, path in ADMIN_ROUTES),
    ("GET", f"{PREFIX}/webauthn"),
    ("PATCH", f"{PREFIX}/webauthn/1"),
    ("DELETE", f"{PREFIX}/webauthn/1"),
    *(("POST", f"{PREFIX}/webauthn/{name}") for name in ("register", "register/options", "authenticate/options")),
]
"""Every route that asks who is signed in."""


def sessions_of(person: Person) -> int:
    [(number,)] = person.world.execute(select(func.count()).select_from(UserSession).filter_by(user_id=person.id))
    return int(number)


def alive(person: Person, token: str) -> bool:
    return person.world.get(SESSION, headers=as_bearer(token)).status_code == 200


def interrupted(person: Person) -> Confirmed:
    """The first code of a set-up is accepted, and then the process dies."""
    person.secret = shown(person, replace=True)
    code = TypedCode(person.code())
    return person.world.use(lambda auth: auth.totp.confirm(person.id, code))


def test_every_route_behind_a_session_is_known_here(world: World):
    """
    The list of this file is complete: what is not in it needs no session.
    """
    documented = {
        (method.upper(), path.replace("{id}", "1"))
        for path, methods in world.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
        if operation.get("security")
    }

    assert documented == set(BEHIND_A_SESSION)


@pytest.mark.parametrize("enrolled", [False, True])
def test_the_first_code_ends_all_sessions(each_world: World, enrolled: bool):
    """
    Turning the second factor on, or moving it, ends all sessions, also the one that asked, and starts one at AAL2.
    """
    person = each_world.enrolled() if enrolled else each_world.signed_in()
    neighbour = each_world.signed_in()
    old = [person.token, person.session(), person.session()]
    person.secret = shown(person, replace=enrolled)

    new = person.post("/verify", {"code": person.code()}).json()["access_token"]

    assert [alive(person, token) for token in old] == [False] * 3
    assert each_world.get(SESSION, headers=as_bearer(new)).json()["aal"] == 2
    assert sessions_of(person) == 1
    assert person.row()["twofa_end_sessions"] == 0
    assert alive(neighbour, neighbour.token)


def test_turning_it_off_ends_all_sessions(each_world: World):
    """
    Turning the second factor off ends all sessions, also the one that asked, and starts one.
    """
    person = each_world.enrolled()
    old = [person.token, person.session()]

    new = person.post("/disable", {"code": person.code()}).json()["access_token"]

    assert [alive(person, token) for token in [*old, new]] == [False, False, True]
    assert sessions_of(person) == 1


@pytest.mark.parametrize("malformed", [False, True])
@pytest.mark.parametrize(("method", "path"), BEHIND_A_SESSION)
def test_a_death_in_between(world: World, method: str, path: str, malformed: bool):
    """
    Where the process died after the change and before the end of the sessions, the next request of an old session, on
    whichever route and with whatever mistakes, ends them all; its code is not looked at.
    """
    victim = Victim(world)
    person, others = victim.person, victim.person.session()
    interrupted(person)
    owed, proofs = person.row()["twofa_end_sessions"], _proofs(person)
    body = {"nonsense": 1} if malformed else victim.body(path) if path in BODIES else {}

    answer = world.request(method, path, json=body, headers=person.bearer)

    assert owed == person.row()["twofa_epoch"]
    problem_of(answer, "not-signed-in")
    assert person.row()["twofa_end_sessions"] == 0
    assert proofs == _proofs(person)
    assert sessions_of(person) == 0
    assert not alive(person, others)


def _proofs(person: Person) -> list[object]:
    return [person.row()[name] for name in ("twofa_last_step", "twofa_failures", "twofa_backup_codes")]


def test_the_new_factor_after_a_death_in_between(each_world: World):
    """
    After a death in between the new phone signs in, and its session stays.
    """
    person = each_world.enrolled()
    interrupted(person)
    old = alive(person, person.token)

    new = sign_in(person, person.next_code()).json()

    assert not old
    assert new["aal"] == 2
    assert alive(person, new["access_token"])


def test_signing_in_right_after_a_death_in_between(each_world: World):
    """
    A sign-in that comes before any old session's request pays what is owed before it starts a session.
    """
    person = each_world.enrolled()
    interrupted(person)

    new = sign_in(person, person.next_code()).json()["access_token"]

    assert person.row()["twofa_end_sessions"] == 0
    assert [alive(person, token) for token in (person.token, new)] == [False, True]
    assert sessions_of(person) == 1


def test_turning_it_off_and_a_death_in_between(each_world: World):
    """
    The same where the second factor was turned off: the password alone signs in, and no old session goes on.
    """
    person = each_world.enrolled()
    code = TypedCode(person.code())
    each_world.use(lambda auth: auth.enrollment.disable(person.id, code))

    new = sign_in(person).json()["access_token"]

    assert [alive(person, token) for token in (person.token, new)] == [False, True]


def test_old_sessions_side_by_side_after_a_death_in_between(each_world: World):
    """
    Old sessions that ask at one moment pay what is owed between them; none gets an answer, and none is alive after it.
    """
    person = each_world.enrolled()
    tokens = [person.token, *(person.session() for _ in range(5))]
    interrupted(person)

    answers = each_world.ask_side_by_side(
        [Asked(STATUS, [(b"Authorization", f"Bearer {token}".encode())], [], method="GET") for token in tokens]
    )

    assert [slug_of(answer) for answer in answers] == ["not-signed-in"] * 6
    assert person.row()["twofa_end_sessions"] == 0
    assert [alive(person, token) for token in tokens] == [False] * 6


@pytest.mark.parametrize(("method", "path"), BEHIND_A_SESSION)
def test_a_session_that_was_read_before_another_paid(world: World, method: str, path: str):
    """
    A session that the host read while it was to end gets no answer, although what was owed has been paid since.
    """
    victim = Victim(world)
    person, before = victim.person, victim.person.row()

    async def read_before() -> SignedIn:
        return SignedIn(person.id, session_id=hashed(person.token), owed=1)

    world.app.dependency_overrides[current_session] = read_before
    try:
        answer = world.request(method, path, json=victim.body(path) if path in BODIES else {}, headers=person.bearer)
    finally:
        world.app.dependency_overrides.clear()

    problem_of(answer, "not-signed-in")
    assert before == person.row()


def test_a_change_while_a_session_starts(each_world: World):
    """
    A session whose sign-in was overtaken by a change of factor or password ends as it starts (G6, G8).
    """
    person = each_world.registered()

    def overtake(_: Event) -> None:
        person.set(twofa_epoch=person.row()["twofa_epoch"] + 1)

    each_world.auth.on_event = overtake
    try:
        answer = sign_in(person)
    finally:
        each_world.auth.on_event = each_world.events.append

    problem_of(answer, "sign-in-token-dead")
    assert sessions_of(person) == 0
    assert person.row()["twofa_end_sessions"] == 0
    assert sign_in(person).json()["status"] == "signed_in"


def test_an_hour_without_a_request(each_world: World):
    """
    A session ends after an hour without a request, and each request begins the hour anew.
    """
    person, idle = each_world.signed_in(), each_world.signed_in()

    kept = []
    for _ in range(3):
        each_world.clock.forward(minutes=59)
        kept.append(alive(person, person.token))
    each_world.clock.moment = NOON + timedelta(minutes=60)
    forgotten = alive(idle, idle.token)

    assert kept == [True] * 3
    assert not forgotten


def test_a_quarter_of_an_hour_without_a_request(fresh_place, key):
    """
    PCI DSS 4.0.1, 8.2.8: with its profile a session ends after 15 minutes without a request.
    """
    place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key, policy=PCI_DSS)) as world:
        person = world.signed_in()
        still = []
        for minutes in (14, 15):
            world.clock.forward(minutes=minutes)
            still.append(alive(person, person.token))

    assert still == [True, False]


def test_the_last_moment_of_an_hour(each_world: World):
    """
    A session lives until the hour is full, to the second.
    """
    person, other = each_world.signed_in(), each_world.signed_in()

    each_world.clock.moment = NOON + timedelta(minutes=60, microseconds=-1)
    before = alive(person, person.token)
    each_world.clock.moment = NOON + timedelta(minutes=60)

    assert before
    assert not alive(other, other.token)


def test_a_day(world: World):
    """
    However often it is used, a session ends after a day.
    """
    person = world.signed_in()
    seen = []
    for _ in range(47):
        world.clock.forward(minutes=30)
        seen.append(alive(person, person.token))
    world.clock.moment = NOON + timedelta(hours=24, microseconds=-1)
    seen.append(alive(person, person.token))

    world.clock.moment = NOON + timedelta(hours=24)
    last = alive(person, person.token)

    assert seen == [True] * 48
    assert not last


def test_a_clock_that_goes_back(each_world: World):
    """
    Where the clock went back, a second factor from the future is not fresh, and the session goes on.
    """
    person = each_world.enrolled()

    each_world.clock.forward(minutes=-2)
    answer = person.post("/setup")

    problem_of(answer, "step-up-required")
    assert alive(person, person.token)


def test_a_user_who_is_gone(each_world: World):
    """
    Where the user was deleted, neither the session nor the sign-in that had begun leads anywhere.
    """
    victim = Victim(each_world)
    person, bodies = victim.person, {path: victim.body(path) for path in BODIES}
    pending = victim.sign_in_token
    each_world.execute(delete(User).filter_by(id=person.id))

    told = {
        (method, path): slug_of(each_world.request(method, path, json=bodies.get(path, {}), headers=person.bearer))
        for method, path in BEHIND_A_SESSION
    }

    assert told == dict.fromkeys(BEHIND_A_SESSION, "not-signed-in")
    problem_of(finish(person, pending, code="123456"), "sign-in-token-dead")
    problem_of(sign_in(person), "sign-in-failed")
