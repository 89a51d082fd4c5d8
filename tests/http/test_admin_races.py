"""A reset through the backend at the moment of its user's sign-ins, and one that is cut short by a kill."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http.administration import ADMIN, REASON
from tests.http.asgi import Asked
from tests.http.bodies import JSON
from tests.http.paused import Lives
from tests.http.test_sessions import BEHIND_A_SESSION
from tests.http.test_sign_in import as_bearer
from tests.http.victim import FINISH, LOGIN, SESSION, STEP_UP, VERIFY
from tests.http.world import Person, Place, World, in_process, settings_for
from twofold.testing.clock import NOON

KINDS = [("postgresql", 2), *([("sqlite", 1), ("mariadb", 1)] if os.environ.get("TWOFOLD_TEST_LONG") == "1" else [])]


def asked(path: str, body: dict[str, str], bearer: dict[str, str] | None = None) -> Asked:
    headers = [(name.encode(), value.encode()) for name, value in ((bearer or {}) | JSON).items()]
    return Asked(path, headers, [json.dumps(body).encode()])


def reset_by(admin: Person, user: Person) -> Asked:
    return asked(f"{ADMIN}/users/{user.id}/reset", {"reason": REASON}, admin.bearer)


@pytest.mark.parametrize("first", [0, 6, 12])
def test_a_reset_beside_sign_ins(each_world: World, first: int):
    """
    Two admins reset somebody while that one signs in by code and by backup codes, steps up and confirms a new phone:
    one reset happens, and no session, no factor and no proof of before outlives it.
    """
    admins, user = [each_world.admin(), each_world.admin()], each_world.enrolled()
    tokens = [user.sign_in_token() for _ in range(10)]
    user.secret, old = each_world.use(lambda auth: auth.totp.set_up(user.id, replace=True)).secret.base32, user.code()
    requests = [
        *(
            asked(FINISH, {"sign_in_token": token, "backup_code": code})
            for token, code in zip(tokens[:8], user.backup_codes[:8], strict=True)
        ),
        *(asked(FINISH, {"sign_in_token": token, "code": old}) for token in tokens[8:]),
        asked(STEP_UP, {"backup_code": user.backup_codes[8]}, user.bearer),
        asked(VERIFY, {"code": user.code()}, user.bearer),
    ]
    requests[first:first] = [reset_by(admin, user) for admin in admins]

    answers = each_world.ask_side_by_side(requests)

    kept, row = user.kept(), user.row()
    resets = Counter(answer.status_code for answer in answers[first : first + 2])
    assert resets == {200: 1, 409: 1}
    assert {answer.status_code for answer in answers} <= {200, 400, 401, 409}
    assert [one["kind"] for one in kept["twofold_events"]].count("second_factor_reset") == 1
    assert (kept["user_sessions"], kept["twofold_sessions"], kept["twofold_pending_sign_ins"]) == ([], [], [])
    assert (row["twofa_enabled"], row["twofa_end_sessions"]) == (False, 0)
    assert {row[name] for name in ("totp_secret", "totp_pending_secret", "twofa_backup_codes")} == {None}
    assert each_world.post(LOGIN, json=user.password).json()["aal"] == 1


def test_two_admins_reset_each_other(each_world: World):
    """
    Two admins who reset each other at one moment both are reset, or one is and the other's session has ended: nobody
    waits for ever, and nobody keeps a session of before.
    """
    one, other = each_world.admin(), each_world.admin()

    answers = each_world.ask_side_by_side([reset_by(one, other), reset_by(other, one)])

    reset = [person for person in (one, other) if not person.row()["twofa_enabled"]]
    assert {answer.status_code for answer in answers} <= {200, 401, 403}
    assert len(reset) == [answer.status_code for answer in answers].count(200) >= 1
    assert [each_world.get(SESSION, headers=person.bearer).status_code for person in reset] == [401] * len(reset)


@pytest.fixture
def begun_on(
    fresh_place: Callable[[str], Place], key: str, tmp_path: Path
) -> Iterator[Callable[[str], tuple[World, Lives]]]:
    """The backend put together, to lay out what the killed one finds and to look in from outside; and its lives."""
    with ExitStack() as stack:

        def begun_on(kind: str) -> tuple[World, Lives]:
            place = fresh_place(kind)
            world = stack.enter_context(in_process(place, settings_for(place, key)))
            stack.callback(world.engine.dispose)
            return world, Lives(place, key, tmp_path)

        yield begun_on


# Three lives of the backend on each database: they take their time, so the others come with the soak.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "workers"), KINDS)
def test_killed_between_a_reset_and_the_end_of_the_sessions(
    begun_on: Callable[[str], tuple[World, Lives]], kind: str, workers: int
):
    """
    Where the process is killed after the commit of a reset, before the sessions end or after, all old sessions are
    there after the restart, or are not, and open no route; the user signs in anew, and the admin goes on.
    """
    world, lives = begun_on(kind)
    admin, before, after = world.admin(), world.enrolled(), world.enrolled()
    old = {person: [person.token, *(person.session() for _ in BEHIND_A_SESSION)] for person in (before, after)}
    reset = {"json": {"reason": REASON}, "headers": admin.bearer}

    lives.killed(NOON, "before", {before.id: ("POST", f"{ADMIN}/users/{before.id}/reset", reset)})
    lives.killed(NOON, "after", {after.id: ("POST", f"{ADMIN}/users/{after.id}/reset", reset)})
    rows = [(person.row()["twofa_enabled"], bool(person.row()["twofa_end_sessions"])) for person in old]
    there = [len(person.kept()["user_sessions"]) for person in old]
    with lives.life(NOON, workers=workers) as backend:
        told = {
            backend.client.request(*route, json={}, headers=as_bearer(token)).status_code
            for person in old
            for route, token in zip([("GET", SESSION), *BEHIND_A_SESSION], old[person], strict=True)
        }
        new = [backend.client.post(LOGIN, json=person.password).json() for person in old]
        shown = backend.client.get(f"{ADMIN}/users/{before.id}", headers=admin.bearer)

    assert rows == [(False, True), (False, True)]
    assert there == [len(old[before]), 0]
    assert told == {401}
    assert [(one["status"], one["aal"]) for one in new] == [("signed_in", 1)] * 2
    assert shown.status_code == 200
    assert [len(person.kept()["user_sessions"]) for person in old] == [1, 1]
