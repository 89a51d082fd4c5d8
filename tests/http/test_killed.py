"""A backend that is killed where sessions were to end, and started again: no session of before goes on (G8)."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from httpx2 import Client
from sqlalchemy import func, select

from app.models.user import UserSession
from tests.http.paused import Lives, Request
from tests.http.test_sessions import BEHIND_A_SESSION
from tests.http.test_sign_in import as_bearer
from tests.http.victim import DISABLE, LOGIN, PASSWORD_CHANGE, SESSION, VERIFY
from tests.http.world import PASSWORD, STEP, Person, Place, World, in_process, settings_for
from twofold.testing.clock import NOON

NEW_PASSWORD = "another horse battery staple"
LATER = NOON + STEP
"""When the phones show the next code."""
KINDS = [("postgresql", 2), *([("sqlite", 1), ("mariadb", 1)] if os.environ.get("TWOFOLD_TEST_LONG") == "1" else [])]
REFUSED = dict.fromkeys(BEHIND_A_SESSION, 401)


class Changing:
    """Somebody in the middle of a change, with an old session for every route, the first of which asks for it."""

    def __init__(self, person: Person, path: str, body: dict[str, str], password: str = PASSWORD) -> None:
        self.person = person
        self.path, self.body, self.password = path, body, password
        self.old = [person.token, *(person.session() for _ in BEHIND_A_SESSION)]

    @property
    def change(self) -> Request:
        return "POST", self.path, {"json": self.body, "headers": as_bearer(self.old[0])}

    @property
    def look(self) -> Request:
        """What an old session asks without knowing of anything."""
        return "GET", SESSION, {"headers": as_bearer(self.old[0])}

    @property
    def owed(self) -> tuple[bool, int]:
        """Whether the end of the sessions is owed, and how many there are, as it stands in the database."""
        counted = select(func.count()).select_from(UserSession).filter_by(user_id=self.person.id)
        [(number,)] = self.person.world.execute(counted)
        row = self.person.row()
        assert row["twofa_end_sessions"] in {0, row["twofa_epoch"]}
        return bool(row["twofa_end_sessions"]), int(number)

    def ask(self, client: Client) -> dict[tuple[str, str], int]:
        """What every route behind a session tells an old one of its own, beside a right code."""
        code = {"X-TOTP-Code": self.person.code(1)}
        return {
            route: client.request(*route, json={}, headers=as_bearer(token) | code).status_code
            for route, token in zip(BEHIND_A_SESSION, self.old[1:], strict=True)
        }

    def look_at_once(self, client: Client) -> list[int]:
        """What all old sessions are told that look side by side."""

        def look(token: str) -> int:
            return client.get(SESSION, headers=as_bearer(token)).status_code

        with ThreadPoolExecutor(len(self.old)) as threads:
            return list(threads.map(look, self.old))

    def sign_in(self, client: Client) -> str:
        """As one does after the change, with the next code of the phone; the new session."""
        credentials = {"email": self.person.email, "password": self.password}
        code = {"X-TOTP-Code": self.person.code(1)}
        answer = client.post(LOGIN, json=credentials, headers=code)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


def first_code(person: Person, *, replace: bool) -> Changing:
    person.secret = person.world.use(lambda auth: auth.totp.set_up(person.id, replace=replace)).secret.base32
    return Changing(person, VERIFY, {"code": person.code()})


def disabling(world: World) -> Changing:
    person = world.enrolled()
    return Changing(person, DISABLE, {"code": person.code()})


def changing_the_password(world: World) -> Changing:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return Changing(world.enrolled(), PASSWORD_CHANGE, body, NEW_PASSWORD)


CHANGES: dict[str, Callable[[World], Changing]] = {
    "enable": lambda world: first_code(world.signed_in(), replace=False),
    "replace": lambda world: first_code(world.enrolled(), replace=True),
    "disable": disabling,
    "password": changing_the_password,
}


@pytest.fixture
def begun_on(
    fresh_place: Callable[[str], Place], key: str, tmp_path: Path
) -> Iterator[Callable[[str], tuple[World, Lives]]]:
    """The backend put together, to lay out what the killed one finds and to look in from outside; and its lives."""
    with ExitStack() as stack:

        @contextmanager
        def closed(place: Place) -> Iterator[World]:
            with in_process(place, settings_for(place, key)) as world:
                yield world
            world.engine.dispose()

        def begun_on(kind: str) -> tuple[World, Lives]:
            place = fresh_place(kind)
            return stack.enter_context(closed(place)), Lives(place, key, tmp_path)

        yield begun_on


def alive(client: Client, token: str) -> bool:
    return client.get(SESSION, headers=as_bearer(token)).status_code == 200


# Three lives of the backend on each database: they take their time, so the others come with the soak.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "workers"), KINDS)
def test_killed_between_a_change_and_the_end_of_the_sessions(
    begun_on: Callable[[str], tuple[World, Lives]], kind: str, workers: int
):
    """
    Where the process is killed after the commit of a change, of whichever kind, all old sessions are there after the
    restart and open no route, also where it is killed once more while they end; a new session stays, and others' too.
    """
    world, lives = begun_on(kind)
    people = {name: begin(world) for name, begin in CHANGES.items()}
    enabled, replaced, disabled, renewed = people.values()
    neighbour = world.signed_in().token

    lives.killed(NOON, "before", {each.person.id: each.change for each in people.values()})
    after_the_first = [each.owed for each in people.values()]
    lives.killed(NOON, "after", {each.person.id: each.look for each in (replaced, disabled)})
    after_the_second = [each.owed for each in (replaced, disabled)]
    with lives.life(LATER, workers=workers) as backend:
        at_once = renewed.look_at_once(backend.client)
        told = {name: each.ask(backend.client) for name, each in people.items()}
        new = [each.sign_in(backend.client) for each in people.values()]
        told_again = {name: each.ask(backend.client) for name, each in people.items()}
        stays = [alive(backend.client, token) for token in (*new, neighbour)]

    assert after_the_first == [(True, len(enabled.old))] * 4
    assert after_the_second == [(True, 0)] * 2
    assert set(at_once) == {401}
    assert told == told_again == dict.fromkeys(people, REFUSED)
    assert stays == [True] * 5
    assert [each.owed for each in people.values()] == [(False, 1)] * 4
