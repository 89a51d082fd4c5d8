"""What a profile means on the wire: one count for everything in PCI DSS, the cap and the way out of it, lives."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from tests.http.problems import problem_of, slug_of
from tests.http.test_account import change, leave
from tests.http.test_sessions import alive
from tests.http.test_sign_in import finish, sign_in
from tests.http.victim import LOGIN
from tests.http.world import Person, World, in_process, settings_for
from twofold import TwoFactorAuth
from twofold.core.policy import PCI_DSS, RECOMMENDED
from twofold.errors import SignInFailed

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def strict(fresh_place, key) -> Iterator[World]:
    """The backend with the profile of PCI DSS."""
    place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key, policy=PCI_DSS)) as world:
        world.begin()
        yield world


def wrong_password(person: Person) -> str:
    return slug_of(person.world.post(LOGIN, json=person.password | {"password": "wrong horse"}))


def wrong_on_every_road(person: Person) -> list[str]:
    """Ten failures: of passwords on three roads, and of codes."""
    told = [wrong_password(person) for _ in range(3)]
    told.append(slug_of(change(person, current_password="wrong horse")))
    told.append(slug_of(leave(person, "wrong horse")))
    told += [slug_of(person.post("/step-up", {"code": person.wrong_code()})) for _ in range(5)]
    return told


def test_passwords_and_codes_lock_the_user(strict: World):
    """
    PCI DSS 4.0.1, 8.3.4: after ten failures, of passwords on any road and of codes together, nothing of this user is
    looked at for 30 minutes, and then one signs in.
    """
    person = strict.enrolled()
    told = wrong_on_every_road(person)

    locked = [sign_in(person), sign_in(person, person.code()), change(person), leave(person)]
    step_up = person.post("/step-up", {"code": person.code()})
    strict.clock.moment += HALF_AN_HOUR
    after = sign_in(person, person.code())

    assert told == ["sign-in-failed"] * 5 + ["invalid-code"] * 5
    assert [slug_of(answer) for answer in locked] == ["sign-in-failed"] * 4
    assert problem_of(step_up, "locked")["methods"] == []
    assert after.json()["aal"] == 2


def test_a_locked_user_looks_like_nobody(strict: World):
    """
    The right password of a locked user is told what the password of nobody is told (G12), and the session that the
    owner has stays alive.
    """
    person = strict.enrolled()
    wrong_on_every_road(person)

    locked = sign_in(person)
    unknown = strict.post(LOGIN, json=person.password | {"email": strict.stranger()})

    assert locked.json() == unknown.json()
    assert sorted(locked.headers) == sorted(unknown.headers)
    assert alive(person, person.token)


def refuse(user_id: object, auth: TwoFactorAuth) -> None:
    auth.sign_in.password_checked(user_id, right=False)


def test_without_a_second_factor_too(strict: World):
    """
    Ten wrong passwords in a row, however they are spread, lock a user who has no second factor; for somebody who has
    signed in between, they are not in a row.
    """
    person, other = strict.registered(), strict.registered()
    for somebody in (person, other):
        assert [wrong_password(somebody) for _ in range(5)] == ["sign-in-failed"] * 5
        strict.clock.moment += HALF_AN_HOUR
    strict.use(lambda auth: auth.sign_in.begin(other.id))
    for user_id in [person.id] * 5 + [other.id] * 5:
        with pytest.raises(SignInFailed):
            strict.use(partial(refuse, user_id))

    assert person.row()["twofa_locked_until"] is not None
    assert other.row()["twofa_locked_until"] is None


def test_elsewhere_a_wrong_password_touches_nothing(world: World):
    """
    In the recommended profile nobody without the password can spend a user's attempts (G4).
    """
    person = world.enrolled()
    for _ in range(5):
        wrong_password(person)

    assert (person.row()["twofa_failures"], person.row()["twofa_locked_until"]) == (None, None)


def test_a_hundred_failures_over_weeks(world: World):
    """
    NIST SP 800-63B-4, 3.2.2: failures in a row count over all waits, however long ago; the hundredth kills the app, and
    its owner, with a backup code, sets up a new one that has failed at nothing.
    """
    person = world.enrolled()
    told = []
    for _ in range(100):
        told.append(slug_of(person.post("/step-up", {"code": person.wrong_code()})))
        world.clock.forward(minutes=24 * 60)
        person.token = person.session()
    pending = sign_in(person).json()
    dead = finish(person, pending["sign_in_token"], code=person.code())
    inside = finish(person, pending["sign_in_token"], backup_code=person.backup_codes[0])
    person.token = inside.json()["access_token"]
    person.secret = person.post("/setup", {"replace": True}).json()["secret"]
    person.token = person.post("/verify", {"code": person.code()}).json()["access_token"]

    assert told == ["invalid-code"] * 100
    assert (pending["methods"], slug_of(dead)) == (["backup_code"], "factor-disabled")
    assert person.row()["twofa_failures"] is None
    assert sign_in(person, person.next_code()).json()["aal"] == 2


def test_a_day_with_requests(world: World):
    """
    NIST SP 800-63B-4, 2.2.3: a session ends after 24 hours, however busy it was.
    """
    person, kept = world.signed_in(), []
    for _ in range(48):
        kept.append(alive(person, person.token))
        world.clock.forward(minutes=30)

    assert kept == [True] * 48
    assert not alive(person, person.token)
    assert timedelta(hours=24) == RECOMMENDED.session_life
