"""C: whoever is halfway in: pending sign-ins, swapped identities, sessions by password alone."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from tests.attacks.acts import failures_of, finish, finishing, log_in, sessions_of, told
from tests.attacks.workers import Workers
from tests.hosts.running import KINDS, Browser, running
from tests.hosts.running import Place as HostsPlace
from tests.http.victim import FINISH, LOGIN
from tests.http.world import PASSWORD, PREFIX, Person, Place, World, in_process, settings_for

DEAD = "sign-in-token-dead"


def test_c1_anothers_code_in_ones_own_sign_in(world: World):
    """
    One's own sign-in is not finished by another's code: it is wrong, and a session begins for neither.
    """
    one, other = world.enrolled(), world.enrolled()
    before = sessions_of(one), sessions_of(other)

    answers = [finish(one, code=other.code()), finish(other, code=one.code())]

    assert [told(answer) for answer in answers] == ["invalid-code", "invalid-code"]
    assert (sessions_of(one), sessions_of(other)) == before
    assert [told(finish(person, code=person.code())) for person in (one, other)] == ["success", "success"]


def test_c2_anothers_backup_code(world: World):
    """
    Another's backup code is wrong in one's own sign-in, and is not used up by the try.
    """
    one, other = world.enrolled(), world.enrolled()

    tried = finish(one, backup_code=other.backup_codes[0])

    assert told(tried) == "invalid-code"
    assert finish(other, backup_code=other.backup_codes[0]).json()["backup_codes_remaining"] == 9


def test_c4_a_set_up_for_somebody_else(world: World):
    """
    A set-up is for whoever is signed in: another's name is refused in the body, and overlooked in query and header.
    """
    attacker, victim = world.signed_in(), world.signed_in()
    before = victim.kept()
    names = {"user_id": victim.id, "id": victim.id, "email": victim.email, "account": victim.email, "user": victim.id}

    refused = {told(attacker.post("/setup", {name: value})) for name, value in names.items()}
    headers = attacker.bearer | {"X-User-Id": str(victim.id), "X-Forwarded-User": victim.email}
    answer = world.post(f"{PREFIX}/setup", json={}, params=names, headers=headers)

    assert refused == {"invalid-request"}
    assert answer.json()["account"] == attacker.email
    assert victim.kept() == before


@pytest.mark.parametrize("change", ["password", "factor", "disabled"])
def test_c5_a_pending_sign_in_dies_with_a_change(world: World, change: str):
    """
    A sign-in that was begun before password or factor changed cannot be finished after it, by code or backup code.
    """
    person = world.enrolled()
    token = person.sign_in_token()

    if change == "password":
        passwords = {"current_password": PASSWORD, "new_password": PASSWORD[::-1]}
        answer = world.post("/api/auth/password", json=passwords, headers=person.bearer)
    elif change == "factor":
        person.secret = person.post("/setup", {"replace": True}).json()["secret"]
        answer = person.post("/verify", {"code": person.code()})
    else:
        answer = person.post("/disable", {"code": person.code()})

    assert answer.is_success
    proofs: list[dict[str, Any]] = [{"code": person.next_code()}, {"backup_code": person.backup_codes[0]}]
    assert [told(finish(person, token, **proof)) for proof in proofs] == [DEAD, DEAD]


def test_c6_a_sign_in_is_finished_once(workers: Workers, served_world: World):
    """
    A sign-in that is finished by ten right backup codes, twice each and all at one moment over four workers, begins one
    session, uses one of them up, and is dead after it.
    """
    person = served_world.enrolled()
    token, before = person.sign_in_token(), sessions_of(person)

    answers = workers.ask([finishing(token, backup_code=code) for code in person.backup_codes * 2])

    assert Counter(map(told, answers)) == {"success": 1, DEAD: 19}
    assert sessions_of(person) == before + 1
    assert person.get("/status").json()["backup_codes_remaining"] == 9
    assert told(finish(person, token, code=person.code())) == DEAD


def test_c7_a_sign_in_that_waited_too_long(world: World):
    """
    After its time a sign-in is as dead as one that never was, to the last byte, and a right code is not spent on it.
    """
    person = world.enrolled()
    token, life = person.sign_in_token(), world.auth.policy.sign_in_life
    world.clock.moment += life - timedelta(seconds=1)
    alive = finish(person, token, code=person.wrong_code())
    world.clock.forward(seconds=2)

    late, never = finish(person, token, code=person.code()), finish(person, "never", code=person.code())

    assert [told(answer) for answer in (alive, late, never)] == ["invalid-code", DEAD, DEAD]
    assert late.content == never.content
    assert told(finish(person, code=person.code())) == "success"


def test_c8_a_code_is_no_password(world: World):
    """
    The right code lets nobody past a password that is wrong, empty, missing or another's, and is not spent.
    """
    person, other = world.enrolled(), world.enrolled()
    code, email = person.code(), person.email
    bodies: list[dict[str, Any]] = [
        {"email": email, "password": "a wrong one"},
        {"email": email, "password": ""},
        {"email": email, "password": code},
        {"email": other.email, "password": "a wrong one"},
        {"email": email},
        {"email": email, "password": None},
        {"email": email, "code": code},
        {"email": email, "password": "a wrong one", "totpCode": code},
        {"email": email, "password": PASSWORD, "totpCode": code},
    ]

    answers = [told(world.post(LOGIN, json=body, headers={"X-TOTP-Code": code})) for body in bodies]

    assert answers == ["sign-in-failed"] * 4 + ["invalid-request"] * 5
    assert told(log_in(person, code)) == "success"


def test_c10_what_a_password_opened_is_not_opened_again(two_worlds: tuple[World, World]):
    """
    What the first factor has proved is used up by the sign-in that it began: at another instance, with another right
    proof, or for another person it opens nothing.
    """
    one, other = two_worlds
    person, thief = one.enrolled(), one.enrolled()
    token = person.sign_in_token()
    finish(person, token, code=person.code())

    answers = [
        finish(person, token, world=other, code=person.next_code()),
        finish(person, token, world=one, backup_code=person.backup_codes[0]),
        finish(thief, token, world=other, code=thief.code()),
    ]

    assert [told(answer) for answer in answers] == [DEAD] * 3


def test_c14_a_cookie_that_is_dropped_or_changed(fresh_place: Callable[[str], Place], key: str):
    """
    On a host with cookies no cookie stands for a session before the second factor: none, an empty one, the sign-in
    token, its hash, or that of a session which has ended.
    """
    own = fresh_place("sqlite")
    with running(KINDS["b"], HostsPlace(own.kind, own.sync_url, own.async_url), key) as host:
        ann = host.somebody()
        before = Browser(host)
        before.sign_in(ann)
        ended = KINDS["b"].carries(before.session["Cookie"].removeprefix("session="))
        ann.enroll(before)  # which ends every session that was there
        halfway = Browser(host)
        token = halfway.sign_in(ann).json()["sign_in_token"]
        cookies = ["", "x", token, hashlib.sha256(token.encode()).hexdigest(), str(ann.id), ann.account]

        sessions = [halfway.session, ended, *(KINDS["b"].carries(cookie) for cookie in cookies)]
        answers = [Browser(host, dict(session)).get("/me").status_code for session in sessions]
        finished = Browser(host)
        host.clock.forward(seconds=30)
        finished.finish(token, code=ann.phone.code())

        assert answers == [401] * len(sessions)
        assert finished.is_signed_in()


def test_c16_no_other_action_in_place_of_the_second_factor(world: World):
    """
    Halfway in nobody sets another factor up, and no parameter skips the one that is asked for.
    """
    person = world.enrolled()
    token, before = person.sign_in_token(), person.kept()["users"]
    actions: dict[str, Any] = {
        "kc_action": "CONFIGURE_TOTP",
        "action": "setup",
        "skip": "true",
        "method": "none",
        "next": "/",
    }

    set_up = [
        world.post(f"{PREFIX}/{name}", json={}, params=actions, headers={"Authorization": f"Bearer {token}"})
        for name in ("setup", "verify", "disable", "backup-codes", "step-up")
    ]
    by_query = world.post(FINISH, json={"sign_in_token": token}, params=actions | {"code": person.code()})
    by_field = [finish(person, token, **{name: value}) for name, value in actions.items()]
    beside = [finish(person, token, code=person.code(), **{name: value}) for name, value in actions.items()]

    assert {told(answer) for answer in set_up} == {"not-signed-in"}
    assert {told(answer) for answer in (by_query, *by_field, *beside)} == {"invalid-request"}
    assert person.kept()["users"] == before
    assert told(finish(person, token, code=person.code())) == "success"


@contextmanager
def broken_in(world: World, person: Person, broken: str, place: Place) -> Iterator[World]:
    """The backend while something is broken: its key, a table, or a value of this person's in the database."""
    if broken == "another key":
        with in_process(place, settings_for(place, Fernet.generate_key().decode())) as other:
            yield other
    elif broken.startswith("twofold"):
        world.execute(text(f"ALTER TABLE {broken} RENAME TO gone"))
        yield world
        world.execute(text(f"ALTER TABLE gone RENAME TO {broken}"))
    else:
        column, value = (
            ("totp_secret", world.enrolled().row()["totp_secret"]) if broken == "another's secret" else (broken, "{")
        )
        person.set(**{column: value})
        yield world


@pytest.mark.parametrize(
    "broken",
    [
        "another key",
        "another's secret",
        "twofold_pending_sign_ins",
        "twofold_sessions",
        "twofold_events",
        "totp_secret",
        "twofa_failures",
    ],
)
def test_c17_what_cannot_be_checked_lets_nobody_in(two_worlds: tuple[World, World], shared_place: Place, broken: str):
    """
    With the key gone, a table gone or a value damaged nobody finishes a sign-in, and no password is enough by itself.
    """
    one, _ = two_worlds
    person = one.enrolled()
    token, code = person.sign_in_token(), person.code()
    with broken_in(one, person, broken, shared_place) as world:
        begun, finished = log_in(person, world=world), finish(person, token, world=world, code=code)

    assert told(finished) == "unavailable"
    assert "access_token" not in begun.text + finished.text


def test_c18_the_first_factor_is_not_the_second(world: World):
    """
    What signed somebody in so far is not among what is asked for next, and does not pass for it.
    """
    person = world.enrolled()

    pending = log_in(person).json()
    answers = [
        finish(person, pending["sign_in_token"], password=PASSWORD),
        finish(person, pending["sign_in_token"], code=PASSWORD),
        finish(person, pending["sign_in_token"], backup_code=PASSWORD),
        finish(person, pending["sign_in_token"], credential={"password": PASSWORD}),
        finish(person, pending["sign_in_token"], code=pending["sign_in_token"]),
    ]

    assert pending["methods"] == ["totp", "backup_code"]
    assert {told(answer) for answer in answers} == {"invalid-request"}
    assert failures_of(person) == {}
