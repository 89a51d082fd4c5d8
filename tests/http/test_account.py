"""One's own sessions, password and account."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from app.models.user import User, UserSession, hashed
from tests.http.asgi import Asked
from tests.http.problems import assert_private, problem_of, slug_of
from tests.http.test_sessions import alive, sessions_of
from tests.http.test_sign_in import as_bearer, finish, sign_in
from tests.http.victim import ACCOUNT, EVENTS, EXPORT, FINISH, LOGIN, PASSWORD_CHANGE, SESSION, SESSIONS, SETUP, STEP_UP
from tests.http.world import PASSWORD, PASSWORD_HASH, STEP, Person, World
from twofold.core.events import Event
from twofold.service.context import token_hash

NEW_PASSWORD = "battery staple horse correct"


def listed(person: Person, **query: Any) -> dict[str, Any]:
    answer: dict[str, Any] = person.world.get(SESSIONS, headers=person.bearer, params=query).json()
    return answer


def change(person: Person, *, code: str | None = None, **body: str) -> Any:
    headers = person.bearer if code is None else person.bearer | {"X-TOTP-Code": code}
    return person.world.post(
        PASSWORD_CHANGE, json={"current_password": PASSWORD, "new_password": NEW_PASSWORD} | body, headers=headers
    )


def leave(person: Person, password: str = PASSWORD, *, code: str | None = None) -> Any:
    headers = person.bearer if code is None else person.bearer | {"X-TOTP-Code": code}
    return person.world.request("DELETE", ACCOUNT, json={"password": password}, headers=headers)


def test_the_list_of_sessions(each_world: World):
    """
    The list shows one's own live sessions, the newest first, what they called themselves, and nothing that opens one.
    """
    person = each_world.registered()
    each_world.post(LOGIN, json=person.password, headers={"User-Agent": "an old phone"})
    each_world.clock.forward(minutes=61)
    each_world.post(LOGIN, json=person.password, headers={"User-Agent": "a browser" + "!" * 500})
    each_world.clock.forward(minutes=1)
    person.token, other = sign_in(person).json()["access_token"], each_world.signed_in()

    answer = each_world.get(SESSIONS, headers=person.bearer)

    assert_private(answer)
    assert answer.json()["next_cursor"] is None
    newest, older = answer.json()["items"]
    assert set(newest) == {"id", "current", "client", "created_at", "last_seen_at", "expires_at"}
    assert (newest["current"], older["current"]) == (True, False)
    assert (older["client"][:9], len(older["client"])) == ("a browser", 200)
    assert newest["created_at"] == "2030-01-01T13:02:00Z"
    assert person.token not in answer.text
    assert len(listed(other)["items"]) == 1


def test_strange_clients(each_world: World):
    """
    Whatever a client calls itself, it signs in.
    """
    person = each_world.registered()
    headers = [(b"Content-Type", b"application/json"), (b"User-Agent", b"\x00\xff\xfe\xf0\x9f\x98\x80 %s' --")]
    body = b'{"email": "%s", "password": "%s"}' % (person.email.encode(), PASSWORD.encode())

    answer = each_world.ask(LOGIN, headers, chunks=[body])

    assert answer.status_code == 200
    person.token = answer.json()["access_token"]
    assert len(listed(person)["items"]) == 1


def test_many_sessions(world: World):
    """
    More sessions than a page holds come page by page, each once.
    """
    person = world.signed_in()
    now = world.clock.now()
    for number in range(119):
        values = {"user_id": person.id, "created_at": now, "last_seen_at": now, "expires_at": now.replace(day=2)}
        world.execute(insert(UserSession).values(token_hash=f"{person.id} {number}", **values))

    first = listed(person)
    second = listed(person, cursor=first["next_cursor"])
    third = listed(person, cursor=second["next_cursor"])

    assert [len(page["items"]) for page in (first, second, third)] == [50, 50, 20]
    assert third["next_cursor"] is None
    ids = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert ids == sorted(set(ids), reverse=True)


@pytest.mark.parametrize("cursor", ["", "0", "-1", "x", "1.5", "9" * 30, "2147483648", "\x00", "１"])  # noqa: RUF001 - the point of it
def test_strange_cursors(each_world: World, cursor: str):
    """
    A cursor that no page gave is refused.
    """
    person = each_world.signed_in()

    answer = each_world.get(SESSIONS, headers=person.bearer, params={"cursor": cursor})

    problem_of(answer, "invalid-request")


def test_ending_a_session(each_world: World):
    """
    Ending one session ends it, and no other.
    """
    person = each_world.signed_in()
    token = person.session()
    [newest, _] = listed(person)["items"]

    answer = each_world.request("DELETE", f"{SESSIONS}/{newest['id']}", headers=person.bearer)

    assert (answer.status_code, answer.content) == (204, b"")
    assert_private(answer)
    assert [alive(person, each) for each in (token, person.token)] == [False, True]


def test_what_an_ended_session_has_proved_is_forgotten(each_world: World):
    """
    With a session goes what it has proved, by its own hand or by another's; each end is one event, with its address.
    """
    person = each_world.enrolled()
    first = person.token
    sign_in(person, code=person.code())
    [newest, _] = listed(person)["items"]
    before = len(person.kept()["twofold_sessions"])

    each_world.request("DELETE", f"{SESSIONS}/{newest['id']}", headers=person.bearer)
    again = each_world.request("DELETE", f"{SESSIONS}/{newest['id']}", headers=person.bearer)
    between = person.kept()["twofold_sessions"]
    each_world.post(f"{LOGIN.removesuffix('login')}logout", headers=person.bearer)

    assert slug_of(again) == "not-found"
    assert (before, [row["session_hash"] for row in between]) == (2, [token_hash(hashed(first))])
    assert person.kept()["twofold_sessions"] == []
    ended = [told for told in each_world.events if told.kind == "session_ended"]
    assert [(told.user_id, told.outcome, told.client_address) for told in ended] == [
        (person.id, "success", "192.0.2.1")
    ] * 2


def test_ending_the_session_that_asks(each_world: World):
    """
    The session that asks may end itself, and is then dead.
    """
    person = each_world.signed_in()
    [own] = listed(person)["items"]

    answer = each_world.request("DELETE", f"{SESSIONS}/{own['id']}", headers=person.bearer)

    assert answer.status_code == 204
    assert not alive(person, person.token)


def test_a_session_of_a_clock_that_was_ahead_is_not_listed(world: World):
    """
    A session that is dead because it was last seen in the future is not on the list either (G17).
    """
    person, ahead = world.signed_in(), world.clock.now() + timedelta(hours=2)
    dead = person.session()
    world.execute(update(UserSession).filter_by(token_hash=hashed(dead)).values(last_seen_at=ahead))

    items = listed(person)["items"]

    assert not alive(person, dead)
    assert [item["current"] for item in items] == [True]


def test_ending_a_session_of_somebody_else(each_world: World):
    """
    Another user's session is not there, as one that never was is not.
    """
    person, other = each_world.signed_in(), each_world.signed_in()
    [theirs] = listed(other)["items"]

    answers = [
        each_world.request("DELETE", f"{SESSIONS}/{number}", headers=person.bearer)
        for number in (theirs["id"], 2_147_483_647)
    ]

    assert [slug_of(answer) for answer in answers] == ["not-found"] * 2
    assert answers[0].content == answers[1].content
    assert alive(other, other.token)


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9" * 30, "2147483648", "%00", "%D9%A1"])
def test_strange_ids(each_world: World, number: str):
    """
    What is no id of a session is refused.
    """
    person = each_world.signed_in()

    answer = each_world.request("DELETE", f"{SESSIONS}/{number}", headers=person.bearer)

    assert slug_of(answer) in {"invalid-request", "not-found"}
    assert alive(person, person.token)


def test_changing_the_password(each_world: World):
    """
    After a change of the password all sessions have ended, the old password opens nothing, and the new one does.
    """
    person = each_world.signed_in()
    tokens = [person.token, person.session()]

    answer = change(person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [alive(person, token) for token in tokens] == [False] * 2
    assert sessions_of(person) == 0
    problem_of(sign_in(person), "sign-in-failed")
    new = each_world.post(LOGIN, json={"email": person.email, "password": NEW_PASSWORD})
    assert alive(person, new.json()["access_token"])


def test_a_change_of_the_password_is_one_event(each_world: World):
    """
    A change of the password leaves one event, with the address that it came from; leaving leaves none.
    """
    person, leaving = each_world.signed_in(), each_world.signed_in()
    each_world.events.clear()

    change(person)
    leave(leaving)

    [told] = [told for told in each_world.events if told.kind == "password_changed"]
    assert (told.user_id, told.outcome, told.client_address) == (person.id, "success", "192.0.2.1")


def test_changing_the_password_asks_for_the_second_factor(each_world: World):
    """
    Where a second factor is on, a stale session changes no password, and a code beside the request lets it.
    """
    person = each_world.enrolled()
    each_world.clock.forward(minutes=6)

    stale = change(person)
    with_code = change(person, code=person.code())

    problem_of(stale, "step-up-required")
    assert with_code.status_code == 204


def test_a_wrong_password_changes_nothing(each_world: World):
    """
    Who does not know the password does not change it, and ends nothing.
    """
    person = each_world.signed_in()
    before = person.kept()

    answer = change(person, current_password="a wrong one")

    problem_of(answer, "sign-in-failed")
    assert person.kept() == before
    assert alive(person, person.token)


def test_a_new_password_ends_what_was_begun_with_the_old(each_world: World):
    """
    A sign-in and a set-up that were begun before are dead (G6).
    """
    person = each_world.enrolled()
    token = person.sign_in_token()
    person.post("/setup", {"replace": True})

    change(person)

    problem_of(finish(person, token, code=person.next_code()), "sign-in-token-dead")
    assert person.row()["totp_pending_secret"] is None
    assert person.row()["twofa_enabled"]


@contextmanager
def at_the_first_change(world: World, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen between the first and the last thing that a change of the password does."""
    seen: list[Event] = []

    def on_event(told: Event) -> None:
        if told.kind == "password_changed" and not seen:
            seen.append(told)
            happens()

    world.auth.on_event = on_event
    yield
    world.auth.on_event = world.events.append
    assert len(seen) == 1


def test_a_session_that_starts_beside_a_change_of_the_password(each_world: World):
    """
    A session that the old password starts at the very moment of the change does not outlive it.
    """
    person, started = each_world.signed_in(), []

    with at_the_first_change(each_world, lambda: started.append(person.session())):
        change(person)

    assert not alive(person, started[0])
    assert sessions_of(person) == 0


def test_a_sign_in_that_begins_beside_a_change_of_the_password(each_world: World):
    """
    A sign-in that the old password begins at the very moment of the change is dead after it (G6).
    """
    person = each_world.enrolled()
    pending, token = User.metadata.tables["twofold_pending_sign_ins"], "a token that is as long as any other"
    row = {"token_hash": hashed(token), "user_id": person.id, "expires_at": each_world.clock.now() + 10 * STEP}

    def begin() -> None:
        each_world.execute(insert(pending).values(**row, epoch=person.row()["twofa_epoch"]))

    with at_the_first_change(each_world, begin):
        answer = change(person)

    assert answer.status_code == 204
    problem_of(finish(person, token, code=person.code()), "sign-in-token-dead")


def test_a_death_in_the_middle_of_a_change_of_the_password(each_world: World):
    """
    Where the application fails right after it has written the new password, no old session goes on (G8).
    """
    person, auth, clock = each_world.signed_in(), each_world.auth, each_world.clock
    engine = each_world.app.state.engine.sync_engine

    def fail_from_now_on(*arguments: Any) -> None:
        if arguments[2].startswith("UPDATE users SET hashed_password"):
            vars(auth).pop("clock")

    event.listen(engine, "before_cursor_execute", fail_from_now_on)
    answer = change(person)
    event.remove(engine, "before_cursor_execute", fail_from_now_on)
    auth.clock = clock

    assert answer.status_code == 500
    assert not alive(person, person.token)
    assert sessions_of(person) == 0
    new = each_world.post(LOGIN, json={"email": person.email, "password": NEW_PASSWORD})
    assert alive(person, new.json()["access_token"])


def test_leaving(each_world: World):
    """
    Who leaves leaves nothing behind that could be found by the user, and signs in nowhere.
    """
    person, neighbour = each_world.enrolled(), each_world.enrolled()
    neighbours = neighbour.kept()
    token = person.sign_in_token()
    person.post("/setup", {"replace": True})

    answer = leave(person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert {table: rows for table, rows in person.kept().items() if rows} == {}
    problem_of(each_world.get(SESSION, headers=person.bearer), "not-signed-in")
    problem_of(finish(person, token, code=person.code()), "sign-in-token-dead")
    problem_of(sign_in(person), "sign-in-failed")
    assert neighbour.kept() == neighbours


def test_leaving_while_requests_are_on_their_way(each_world: World):
    """
    Requests of a user's that run while the account is deleted leave no row behind, and none fails with a 500.
    """
    person = each_world.enrolled()
    token = person.sign_in_token()
    headers = [(b"Authorization", f"Bearer {person.token}".encode()), (b"Content-Type", b"application/json")]

    def asked(method: str, path: str, **body: Any) -> Asked:
        return Asked(path, headers, [json.dumps(body).encode()] if body else [b""], method)

    others = [
        asked("POST", LOGIN, **person.password),
        asked("POST", FINISH, sign_in_token=token, code=person.code()),
        asked("POST", STEP_UP, backup_code=person.backup_codes[0]),
        asked("POST", STEP_UP, code=person.wrong_code()),
        asked("POST", SETUP, replace=True),
        asked("GET", EVENTS),
        asked("GET", EXPORT),
        asked("POST", LOGIN, **person.password),
    ]
    answers = each_world.ask_side_by_side([*others, asked("DELETE", ACCOUNT, password=PASSWORD), *others])

    assert answers[len(others)].status_code == 204
    assert {table: rows for table, rows in person.kept().items() if rows} == {}
    assert [answer.status_code for answer in answers if answer.status_code == 500] == []


def test_leaving_asks_for_the_second_factor(each_world: World):
    """
    Where a second factor is on, neither a stale session nor a wrong password deletes the account.
    """
    person = each_world.enrolled()
    wrong = leave(person, "a wrong one")
    each_world.clock.forward(minutes=6)

    stale = leave(person)
    with_code = leave(person, code=person.code())

    problem_of(wrong, "sign-in-failed")
    problem_of(stale, "step-up-required")
    assert with_code.status_code == 204


def test_an_address_is_free_again(each_world: World):
    """
    After leaving, the address may be registered again, and begins anew.
    """
    person = each_world.enrolled()
    leave(person)

    each_world.post("/api/auth/register", json={"email": person.email, "password": NEW_PASSWORD})
    answer = each_world.post(LOGIN, json={"email": person.email, "password": NEW_PASSWORD})

    assert answer.json()["status"] == "signed_in"
    status = each_world.get("/api/auth/2fa/status", headers=as_bearer(answer.json()["access_token"]))
    assert status.json()["enabled"] is False


def test_hashes_are_salted(each_world: World):
    """
    Two people with one password have two hashes, by Argon2id.
    """
    people = [each_world.registered() for _ in range(2)]
    for person in people:
        person.token = person.session()
        change(person)

    hashes = [person.row()["hashed_password"] for person in people]

    assert hashes[0] != hashes[1]
    assert all(each.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for each in [*hashes, PASSWORD_HASH])
