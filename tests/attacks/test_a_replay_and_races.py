"""A: one code, or one backup code, that works more than once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.attacks.acts import enroll, events_of, finish, finishing, log_in, told
from tests.attacks.conftest import AT_ONCE
from tests.attacks.workers import Workers
from tests.http.world import Place, World, in_process, settings_for
from twofold.core.policy import RECOMMENDED
from twofold.core.sealing import Purpose

ONE_OF_ALL = Counter({"success": 1, "code-already-used": AT_ONCE - 1})


def test_a1_a_code_signs_in_once(world: World):
    """
    A code that has signed somebody in is refused within its own step, and the refusal is an audit row.
    """
    person = world.enrolled()
    code = person.code()

    answers = [told(log_in(person, code)) for _ in range(2)]

    assert answers == ["success", "code-already-used"]
    assert events_of(person)[-2:] == [("signed_in", "success"), ("code_refused", "code-already-used")]


def test_a2_nor_while_the_drift_would_still_take_it(world: World):
    """
    Half a minute later, when the code is one step old and would still be in time, it is as used as before.
    """
    person = world.enrolled()
    code = person.code()
    log_in(person, code)
    world.clock.forward(seconds=31)

    answer = log_in(person, code)

    assert told(answer) == "code-already-used"


def test_a3_the_second_step_remembers_too(world: World):
    """
    The second step of a sign-in refuses a used code, leaves the sign-in open for the next one, and counts nothing.
    """
    person = world.enrolled()
    token, code = person.sign_in_token(), person.code()
    finish(person, code=code)

    replayed = finish(person, token, code=code)
    next_one = finish(person, token, code=person.next_code())

    assert [told(replayed), told(next_one)] == ["code-already-used", "success"]


def test_a4_two_clients_with_a_sign_in_each(world: World):
    """
    Of two clients who both came as far as the second step before the code was typed, one gets in with it.
    """
    person = world.enrolled()
    tokens, code = [person.sign_in_token(), person.sign_in_token()], person.code()

    answers = [told(finish(person, token, code=code)) for token in tokens]

    assert answers == ["success", "code-already-used"]


def test_a9_one_users_use_does_not_block_another(world: World):
    """
    Two users whose phones happen to show the same code both get in with it.
    """
    one, other = world.enrolled(), world.enrolled()
    keys = world.auth.keys
    secret = keys.open_sealed(one.row()["totp_secret"], Purpose.TOTP_SECRET, one.id)
    other.set(totp_secret=keys.seal(secret, Purpose.TOTP_SECRET, other.id))

    answers = [told(finish(person, code=one.code())) for person in (one, other)]

    assert answers == ["success", "success"]


def test_a10_fifty_at_once_with_one_code(workers: Workers, served_world: World):
    """
    Of fifty sign-ins that are finished with one code at one moment, over four workers, exactly one succeeds.
    """
    person = served_world.enrolled()
    code = person.code()

    answers = workers.ask([finishing(person.sign_in_token(), code=code) for _ in range(AT_ONCE)])

    assert Counter(map(told, answers)) == ONE_OF_ALL


def test_a11_fifty_at_once_with_one_backup_code(workers: Workers, served_world: World):
    """
    Of fifty sign-ins that are finished with one backup code at one moment exactly one succeeds, and one code is gone.
    """
    person = served_world.enrolled()
    burned = person.backup_codes[0]

    answers = workers.ask([finishing(person.sign_in_token(), backup_code=burned) for _ in range(AT_ONCE)])

    assert Counter(map(told, answers)) == ONE_OF_ALL
    assert [answer.json()["backup_codes_remaining"] for answer in answers if answer.is_success] == [9]
    assert person.get("/status").json()["backup_codes_remaining"] == 9


def test_a12_a_backup_code_works_once(world: World):
    """
    A backup code that was used is refused, in any spelling, and the others still work.
    """
    person = world.enrolled()
    first, second, *_ = person.backup_codes

    answers = [
        told(finish(person, backup_code=code)) for code in (first, first, first.replace("-", "").lower(), second)
    ]

    assert answers == ["success", "code-already-used", "code-already-used", "success"]


def test_a14_a_code_is_right_for_a_step_to_each_side(world: World):
    """
    Codes of two and three steps ago or ahead are wrong; those of one step to each side and of now are right.
    """
    steps = range(-3, 4)
    people = {step: world.enrolled() for step in steps}
    world.clock.forward(minutes=5)

    answers = {step: told(finish(people[step], code=people[step].code(step))) for step in steps}

    right, wrong = dict.fromkeys(range(-1, 2), "success"), dict.fromkeys((-3, -2, 2, 3), "invalid-code")
    assert answers == right | wrong


def test_a15_an_api_session_is_no_other_road(world: World):
    """
    A code that was used in one session opens nothing in another: no step-up, no guarded route, no change of factor.
    """
    person = world.enrolled()
    code = person.code()
    person.post("/step-up", {"code": code})
    person.token = person.session()

    answers = [
        person.post("/step-up", {"code": code}),
        person.post("/step-up", code=code),
        person.post("/disable", {"code": code}),
        person.post("/backup-codes", {"code": code}),
        person.post("/setup", {"replace": True}, code=code),
        finish(person, code=code),
        log_in(person, code),
    ]

    assert {told(answer) for answer in answers} == {"code-already-used"}
    assert person.get("/status").json()["enabled"]


def test_a16_what_one_worker_took_the_other_refuses(two_worlds: tuple[World, World]):
    """
    A code, and a backup code, that one instance took is used for the other: what was used stands in the database.
    """
    one, other = two_worlds
    person = one.enrolled()
    code, backup_code = person.code(), person.backup_codes[0]

    by_code = [told(finish(person, world=world, code=code)) for world in (one, other, one)]
    by_backup_code = [told(finish(person, world=world, backup_code=backup_code)) for world in (other, one, other)]

    assert by_code == by_backup_code == ["success", "code-already-used", "code-already-used"]


@pytest.mark.parametrize("drift", [0, 1, 2])
def test_a17_used_for_as_long_as_it_would_be_in_time(fresh_place: Callable[[str], Place], key: str, drift: int):
    """
    Whatever drift is allowed, a code typed as early as can be is refused in each later step, to the end of its time.
    """
    place, policy = fresh_place("sqlite"), replace(RECOMMENDED, name="drifting", drift=drift)
    with in_process(place, settings_for(place, key, policy=policy)) as world:
        person = enroll(world)
        world.clock.forward(minutes=5)
        code = person.code(drift)

        answers = []
        for _ in range(2 * drift + 2):
            answers.append(told(finish(person, code=code)))
            world.clock.forward(seconds=30)

    assert answers == ["success", *["code-already-used"] * (2 * drift), "invalid-code"]


def test_a18_a_clock_that_is_set_back(world: World):
    """
    With the clock set back five minutes neither the used code nor the one of that moment opens anything; the answer
    says why, and once the clock has caught up the next code is right again.
    """
    person = world.enrolled()
    used = person.code()
    finish(person, code=used)

    world.clock.forward(minutes=-5)
    again, then = finish(person, code=used), finish(person, code=person.code())
    world.clock.forward(minutes=5, seconds=30)
    healed = finish(person, code=person.code())

    assert [told(answer) for answer in (again, then, healed)] == ["invalid-code", "code-already-used", "success"]
    assert "clock was ahead" in then.json()["detail"]
