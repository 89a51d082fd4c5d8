"""Somebody who came along with a weak secret: signs in once more, and enrolls anew; on each database."""

from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response

from tests.http.problems import problem_of
from tests.http.test_sign_in import finish, sign_in
from tests.http.victim import SESSION
from tests.http.world import Person, World
from twofold.core.imports import Brought, Outcome
from twofold.core.totp import TotpSecret, time_step_at
from twofold.service.imports import Found

WEAK = TotpSecret("JBSWY3DPEHPK3PXP", from_elsewhere=True)
OLDER = timedelta(minutes=50)
"""Far older than what is fresh, and still within the life of an idle session."""


def came_along(world: World) -> Person:
    """Somebody whose weak secret was imported two minutes ago, signed in before that."""
    person = world.signed_in()
    found = Found("line 1", lambda: Brought(WEAK, person.email))
    taken = world.use(lambda auth: auth.imports.take(found, origin="imported for a test", actor="tester"))
    assert taken.outcome is Outcome.IMPORTED
    world.clock.forward(minutes=2)
    return person


def shown(world: World, steps: int = 0) -> str:
    """What the old phone shows now, or so many time steps later."""
    return WEAK.code_at(time_step_at(world.clock.now(), WEAK.period) + steps)  # type: ignore[arg-type]


def in_session(person: Person, signed_in: Response) -> Person:
    person.token = signed_in.json()["access_token"]
    return person


def enroll_anew(person: Person) -> Any:
    """A new app, through the routes; what `/verify` answers."""
    set_up = person.post("/setup")
    assert set_up.status_code == 200, set_up.text
    person.secret = set_up.json()["secret"]
    verified = person.post("/verify", {"code": person.code()})
    person.token = verified.json()["access_token"]
    person.world.clock.forward(seconds=60)
    return verified.json()


def everything(world: World) -> str:
    return str(world.dump())


@pytest.mark.parametrize("in_one", [True, False])
def test_a_weak_secret_signs_in_once(each_world: World, in_one: bool):
    """
    The old app signs in to AAL2, in one step or in two. From then on the password alone still opens nothing, and no
    code of that app does: what is left is a sign-in that nobody can finish, and a user who is enabled.
    """
    person = came_along(each_world)

    if in_one:
        first = sign_in(person, shown(each_world))
    else:
        first = finish(person, sign_in(person).json()["sign_in_token"], code=shown(each_world))
    again = sign_in(person)
    token = again.json()["sign_in_token"]

    assert (first.json()["status"], first.json()["aal"]) == ("signed_in", 2)
    assert (again.json()["status"], again.json()["methods"]) == ("second_factor_required", [])
    for code in (shown(each_world), shown(each_world, 1)):
        problem_of(finish(person, token, code=code), "invalid-code")
        problem_of(sign_in(person, code), "invalid-code")
    assert person.row()["totp_secret"] is None
    assert in_session(person, first).get("/status").json()["enabled"]
    assert person.get("/status").json()["methods"] == []


@pytest.mark.parametrize("age", [timedelta(0), OLDER])
def test_it_enrolls_anew_in_that_session(each_world: World, age: timedelta):
    """
    However old that session is, it sets up a new app, which comes with backup codes; and from then on everything is as
    for anybody else.
    """
    person = came_along(each_world)
    in_session(person, sign_in(person, shown(each_world)))
    each_world.clock.moment += age

    verified = enroll_anew(person)

    assert len(verified["backup_codes"]) == 10
    assert sign_in(person, person.code()).json()["aal"] == 2
    assert person.get("/status").json()["methods"] == ["totp", "backup_code"]
    each_world.clock.moment += OLDER
    asked = problem_of(person.post("/setup", {"replace": True}), "step-up-required")
    assert asked["methods"] == ["totp", "backup_code"]


def test_only_that_session_may(each_world: World):
    """
    A session of the password alone, which the host may have started elsewhere, sets nothing up.
    """
    person = came_along(each_world)
    sign_in(person, shown(each_world))
    person.token = person.session()

    asked = problem_of(person.post("/setup"), "step-up-required")

    assert asked["methods"] == []


def test_it_opens_no_other_door_for_longer(each_world: World):
    """
    Whatever else asks for a fresh second factor asks this session too, once it is not fresh any more.
    """
    person = came_along(each_world)
    in_session(person, sign_in(person, shown(each_world)))
    each_world.clock.moment += OLDER

    changed = each_world.post(
        "/api/auth/password",
        json={"current_password": person.password["password"], "new_password": "another one entirely"},
        headers=person.bearer,
    )

    assert problem_of(changed, "step-up-required")["methods"] == []


def test_a_set_up_looks_at_no_header_it_does_not_need(each_world: World):
    """
    Whoever may set up without a code is not refused for one that is sent along.
    """
    person = came_along(each_world)
    in_session(person, sign_in(person, shown(each_world)))
    each_world.clock.moment += OLDER

    answer = person.post("/setup", code=shown(each_world))

    assert answer.status_code == 200


def test_an_unfinished_set_up_is_begun_again(each_world: World):
    """
    A set-up that has expired is no lock-out: the same session begins another.
    """
    person = came_along(each_world)
    in_session(person, sign_in(person, shown(each_world)))
    person.post("/setup")
    each_world.clock.forward(minutes=11)

    enroll_anew(person)

    assert sign_in(person, person.code()).json()["aal"] == 2


def test_stepping_up_with_a_weak_secret(each_world: World):
    """
    A session of the password alone that steps up with it is AAL2, and then sets up the new app.
    """
    person = came_along(each_world)
    person.token = person.session()
    each_world.use(lambda auth: auth.sessions.paid(person.id, person.row()["twofa_end_sessions"]))

    answer = person.post("/step-up", {"code": shown(each_world)})
    each_world.clock.moment += OLDER
    enroll_anew(person)

    assert answer.json()["aal"] == 2
    assert sign_in(person, person.code()).json()["aal"] == 2


def test_backup_codes_with_a_weak_secret(each_world: World):
    """
    `/backup-codes` takes its one code; the new backup codes are then the way in, and to a new app.
    """
    person = came_along(each_world)
    person.token = person.session()
    each_world.use(lambda auth: auth.sessions.paid(person.id, person.row()["twofa_end_sessions"]))

    codes = person.post("/backup-codes", {"code": shown(each_world)}).json()["backup_codes"]
    pending = sign_in(person).json()
    in_session(person, finish(person, pending["sign_in_token"], backup_code=codes[0]))

    assert pending["methods"] == ["backup_code"]
    assert enroll_anew(person)["backup_codes"] is None


def test_disabling_with_a_weak_secret(each_world: World):
    """
    `/disable` takes its one code too: no second factor is left, and the password suffices.
    """
    person = came_along(each_world)
    in_session(person, sign_in(person, shown(each_world)))
    problem_of(person.post("/disable", {"code": shown(each_world, 1)}), "invalid-code")
    other = came_along(each_world)
    other.token = other.session()
    each_world.use(lambda auth: auth.sessions.paid(other.id, other.row()["twofa_end_sessions"]))

    disabled = other.post("/disable", {"code": shown(each_world)})

    assert disabled.json()["enabled"] is False
    assert sign_in(other).json()["status"] == "signed_in"


def test_the_import_ends_sessions(each_world: World):
    """
    A session from before the import passes no route any more (G8).
    """
    person = came_along(each_world)

    problem_of(person.get("/status"), "not-signed-in")
    assert each_world.get(SESSION, headers=person.bearer).status_code == 401


def test_nothing_weak_is_left(each_world: World):
    """
    After the one sign-in neither the secret nor what it was sealed as stands anywhere in the database.
    """
    person = came_along(each_world)
    sealed = person.row()["totp_secret"]

    sign_in(person, shown(each_world))

    dumped = everything(each_world)
    assert sealed not in dumped
    assert WEAK.base32 not in dumped
