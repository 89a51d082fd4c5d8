"""A clock that jumps a day ahead and comes back: told as what it is, mended by the person, and never a replay (G17)."""

from datetime import timedelta

import pytest

from tests.http.problems import problem_of, slug_of
from tests.http.victim import FINISH, LOGIN, SESSION
from tests.http.world import Person, World

DAY = timedelta(days=1)


def signed_in_a_day_ahead(world: World) -> Person:
    """Somebody whose newest accepted code is of tomorrow, signed in by it while the clock was ahead."""
    person = world.enrolled()
    world.clock.moment += DAY
    token = person.sign_in_token()
    answer = world.post(FINISH, json={"sign_in_token": token, "code": person.code()})
    assert answer.status_code == 200
    person.token = answer.json()["access_token"]
    return person


def back(world: World, person: Person) -> str:
    """The clock is right again; a new sign-in, as far as the password."""
    world.clock.moment -= DAY
    person.token = person.session()
    return person.sign_in_token()


def finish(world: World, token: str, **proof: str) -> str:
    answer = world.post(FINISH, json={"sign_in_token": token, **proof})
    return "signed in" if answer.status_code == 200 else slug_of(answer)


def test_the_person_learns_what_happened_and_what_to_do(each_world: World, caplog: pytest.LogCaptureFixture):
    """
    The right code is refused as used, the text says that the clock was ahead and what to do; nothing is counted, and
    the operator is told the user's id, by how much, and what to do.
    """
    person = signed_in_a_day_ahead(each_world)
    token = back(each_world, person)

    answer = each_world.post(FINISH, json={"sign_in_token": token, "code": person.next_code()})

    detail = problem_of(answer, "code-already-used")["detail"]
    assert "clock was ahead" in detail
    assert "backup code" in detail
    assert person.row()["twofa_failures"] is None
    assert f"user {person.id}" in caplog.text
    assert "by 86370 s" in caplog.text


def test_a_stranger_learns_nothing(world: World):
    """
    Who does not have the right code is told that it is wrong, and while locked not even that.
    """
    person = signed_in_a_day_ahead(world)
    token = back(world, person)

    told = [finish(world, token, code=person.wrong_code()) for _ in range(6)]
    told.append(finish(world, token, code=person.code()))

    assert told == ["invalid-code"] * 5 + ["locked"] * 2


def test_no_code_of_either_day_is_accepted_twice(world: World):
    """
    Neither the code of tomorrow is accepted again, today or tomorrow, nor any code of today.
    """
    person = signed_in_a_day_ahead(world)
    tomorrow = person.code()
    token = back(world, person)
    today = [finish(world, token, code=person.next_code()) for _ in range(3)]
    today.append(finish(world, token, code=tomorrow))
    world.clock.moment = person.world.clock.moment.replace(hour=12, minute=0, second=0) + DAY
    token = person.sign_in_token()

    tomorrows = [finish(world, token, code=tomorrow), finish(world, token, code=person.next_code())]

    assert today == ["code-already-used"] * 3 + ["invalid-code"]
    assert tomorrows == ["code-already-used", "signed in"]


@pytest.mark.parametrize("road", ["replace", "disable"])
def test_enrolling_anew_mends_it(world: World, road: str):
    """
    By a backup code one gets in; a new phone, in place of the old one or after turning the factor off, works at once.
    """
    person = signed_in_a_day_ahead(world)
    token = back(world, person)
    answer = world.post(FINISH, json={"sign_in_token": token, "backup_code": person.backup_codes[0]})
    person.token = answer.json()["access_token"]
    if road == "disable":
        answer = person.post("/disable", {"backup_code": person.backup_codes[1]})
        person.token = answer.json()["access_token"]
    begun = person.post("/setup", {"replace": True} if road == "replace" else {}).json()
    person.secret = begun["secret"]

    answer = person.post("/verify", {"code": person.code()})

    assert answer.status_code == 200
    assert finish(world, person.sign_in_token(), code=person.code()) == "code-already-used"
    assert finish(world, person.sign_in_token(), code=person.next_code()) == "signed in"


def test_a_wait_of_tomorrow_holds_nobody_today(world: World):
    """
    A wait that the wrong clock set is over when the clock is right, and the count goes on where it was.
    """
    person = world.enrolled()
    world.clock.moment += DAY
    token = person.sign_in_token()
    assert [finish(world, token, code=person.wrong_code()) for _ in range(6)] == ["invalid-code"] * 5 + ["locked"]
    token = back(world, person)

    told = [finish(world, token, code=person.wrong_code()) for _ in range(2)]

    assert told == ["invalid-code", "locked"]
    world.clock.forward(seconds=60)
    assert finish(world, token, code=person.code()) == "signed in"


def test_nothing_that_began_tomorrow_outlives_today(each_world: World):
    """
    A sign-in, a set-up and a session that began while the clock was ahead are dead once it is right, not a day later.
    """
    person = each_world.enrolled()
    code = person.code()
    each_world.clock.moment += DAY
    sign_in_token, session = person.sign_in_token(), person.session()
    begun = each_world.use(lambda auth: auth.totp.set_up(person.id, replace=True))
    back(each_world, person)
    old, person.secret = person.secret, begun.secret.base32

    verified = person.post("/verify", {"code": person.code()})

    person.secret = old
    assert slug_of(verified) == "no-setup-pending"
    assert finish(each_world, sign_in_token, code=code) == "sign-in-token-dead"
    asked = each_world.get(SESSION, headers={"Authorization": f"Bearer {session}"})
    assert slug_of(asked) == "not-signed-in"
    assert finish(each_world, person.sign_in_token(), code=code) == "signed in"


def test_sessions_of_before_survive_both_jumps_or_end(world: World):
    """
    A session of before is over by the clock that was ahead, or goes on when the clock is right; it gains nothing by it.
    """
    person = world.enrolled()
    proved_at = world.get(SESSION, headers=person.bearer).json()["second_factor_at"]
    world.clock.moment += DAY
    ahead = world.get(SESSION, headers=person.bearer)
    world.clock.moment -= DAY

    again = world.get(SESSION, headers=person.bearer).json()

    assert slug_of(ahead) == "not-signed-in"
    assert again["second_factor_at"] == proved_at


def test_a_code_beside_the_password_says_it_too(world: World):
    """
    The refusal is the same where password and code come together.
    """
    person = signed_in_a_day_ahead(world)
    back(world, person)

    answer = world.post(LOGIN, json=person.password, headers={"X-TOTP-Code": person.next_code()})

    assert "clock was ahead" in problem_of(answer, "code-already-used")["detail"]
