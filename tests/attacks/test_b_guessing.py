"""B: guessing without a limit, around the limit, or in order to lock somebody out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.attacks.acts import failures_of, finish, finishing, log_in, told
from tests.attacks.conftest import AT_ONCE
from tests.attacks.roads import Road, backup_code_roads, code_roads, on_the_way
from tests.attacks.workers import Workers
from tests.http.bodies import NO_CODES
from tests.http.world import Person, Place, World, in_process, settings_for
from twofold.core.policy import PCI_DSS, RECOMMENDED

FIVE_TOLD = ["invalid-code"] * 5
NO_BACKUP_CODE = "0123-4567-89AB-CDEF-GHJK-MNPQ"


def guesses(person: Person, number: int, **others: Any) -> Counter[str]:
    """What is told of so many wrong codes, typed for one sign-in."""
    token = person.sign_in_token()
    return Counter(told(finish(person, token, code=person.wrong_code(), **others)) for _ in range(number))


def test_b1_guesses_end(world: World):
    """
    Of a hundred wrong codes five are told so, and of fifteen wrong passwords ten are looked at; then not even the right
    one is, until the wait is over, and who asks is told how long it is. Wrong passwords are no failures of the second
    factor.
    """
    person, other = world.enrolled(), world.enrolled()

    codes = guesses(person, 100)
    passwords = Counter(told(log_in(other, password="a wrong one")) for _ in range(15))
    right = finish(person, code=person.code()), log_in(other, other.code())

    assert codes == {"invalid-code": 5, "locked": 95}
    assert passwords == {"sign-in-failed": 10, "rate-limited": 5}
    assert [told(answer) for answer in right] == ["locked", "rate-limited"]
    assert [answer.headers["retry-after"] for answer in right] == ["30", "900"]
    assert (failures_of(person), failures_of(other)) == ({"totp": 5}, {})


def test_b6_guesses_inside_a_session(world: World):
    """
    A session that is alive guesses no better: of sixty wrong codes for a set-up five are told so, as of those
    for a step-up.
    """
    newcomer, person = world.signed_in(), world.enrolled()
    newcomer.secret = newcomer.post("/setup").json()["secret"]

    first = Counter(told(newcomer.post("/verify", {"code": newcomer.wrong_code()})) for _ in range(60))
    second = Counter(told(person.post("/step-up", {"code": person.wrong_code()})) for _ in range(8))

    assert first == {"invalid-code": 5, "locked": 55}
    assert second == {"invalid-code": 5, "locked": 3}
    assert told(newcomer.post("/verify", {"code": newcomer.code()})) == "locked"


def test_b7_one_count_for_all_instances(two_worlds: tuple[World, World]):
    """
    Who guesses at two instances in turn has five guesses at both together.
    """
    one, other = two_worlds
    person = one.enrolled()

    answers = [guesses(person, 1, world=world).popitem()[0] for world in [one, other] * 4]

    assert answers == [*FIVE_TOLD, "locked", "locked", "locked"]


def test_b8_spaces_are_no_other_code(world: World):
    """
    However many of the forgiven spaces and hyphens stand in a wrong code, it counts once, and for the same person;
    with any other it is malformed and counts nothing.
    """
    person = world.enrolled()
    wrong = person.wrong_code()
    forgiven = [*(" " * number + wrong for number in range(3)), wrong + " " * 40, f"{wrong[:3]} {wrong[3:]}"]
    token = person.sign_in_token()
    malformed = ["\t{}", "{}\n", "\u00a0{}", "{}\u2003", "\u200b{}", "{}\x00", "\u3000{}", "\x0b{}", "{}\r\n"]

    refused = {told(finish(person, token, code=shape.format(wrong))) for shape in malformed}
    uncounted = failures_of(person)
    counted = [(told(finish(person, token, code=code)), failures_of(person)["totp"]) for code in forgiven]

    assert (refused, uncounted) == ({"invalid-request"}, {})
    assert counted == [("invalid-code", number) for number in range(1, 6)]
    assert told(finish(person, token, code=f"{wrong[:3]}-{wrong[3:]}")) == "locked"


def test_b11_no_door_overlooks_the_wait(world: World):
    """
    Whoever must wait is refused on every road that takes a code, with the right code too, and nothing changes.
    """
    person = on_the_way(world)
    guesses(person, 5)

    answers = {road.name: told(road.ask(person, person.code())) for road in code_roads(world)}

    assert answers == dict.fromkeys(answers, "locked")
    assert log_in(person).json()["locked_until"]
    assert failures_of(person) == {"totp": 5}


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"policy": PCI_DSS},
        {"policy": replace(RECOMMENDED, name="closed", limits_fail_closed=True)},
        {"policy": replace(RECOMMENDED, name="one count", one_count=True)},
        {"policy": replace(RECOMMENDED, name="no drift", drift=0, must_end_sessions=True)},
        {"cors_origins": ("https://app.example.com",)},
        {"production": True, "workers": 4},
    ],
    ids=["recommended", "pci-dss", "fails-closed", "one-count", "no-drift", "cors", "production"],
)
def test_b12_no_other_protection_takes_the_limit_away(
    fresh_place: Callable[[str], Place], key: str, others: dict[str, Any]
):
    """
    Whatever else is turned on, as many guesses are told so as the policy says, and the right code waits after them.
    """
    place = fresh_place("sqlite")
    with in_process(place, settings_for(place, key, **others)) as world:
        person, policy = world.signed_in(), world.auth.policy
        person.secret = person.post("/setup").json()["secret"]
        person.token = person.post("/verify", {"code": person.code()}).json()["access_token"]
        world.clock.forward(seconds=30)

        answers = guesses(person, 20)
        right = person.post("/step-up", {"code": person.code()})

    assert answers == {"invalid-code": policy.first_wait_at, "locked": 20 - policy.first_wait_at}
    assert told(right) == "locked"


def guessed_on(road: Road, world: World) -> list[str]:
    """What is told of the fifth wrong code in a row, of a sixth, and of the right one."""
    person = on_the_way(world)
    person.set(twofa_failures='{"totp": 4}')
    return [told(road.ask(person, code)) for code in (person.wrong_code(), person.wrong_code(), person.code())]


def burned_on(road: Road, world: World) -> list[str]:
    """The same of the hundredth wrong backup code and a right one; they set no wait."""
    person = on_the_way(world)
    person.set(twofa_failures='{"backup_code": 99}')
    return [told(road.ask(person, code)) for code in (NO_BACKUP_CODE, person.backup_codes[0])]


@pytest.mark.parametrize(
    ("roads", "guessed", "expected"),
    [
        (code_roads, guessed_on, ["invalid-code", "locked", "locked"]),
        (backup_code_roads, burned_on, ["invalid-code", "factor-disabled"]),
    ],
    ids=["codes", "backup-codes"],
)
def test_b13_no_road_is_without_the_limit(
    world: World,
    roads: Callable[[World], list[Road]],
    guessed: Callable[[Road, World], list[str]],
    expected: list[str],
):
    """
    On every road that takes a code the sixth wrong one in a row is not looked at, nor is the right one after it; on
    every road that takes a backup code the hundredth wrong one is the last.
    """
    answers = {road.name: guessed(road, world) for road in roads(world)}

    assert [road for road, heard in answers.items() if heard != expected] == []
    assert len(answers) >= 3


def test_b18_many_sign_ins_are_no_many_guesses(world: World):
    """
    Who begins thirty sign-ins, and types one wrong code for each, is told of five.
    """
    person = world.enrolled()
    tokens = [person.sign_in_token() for _ in range(30)]

    answers = [told(finish(person, token, code=person.wrong_code())) for token in tokens]

    assert Counter(answers) == {"invalid-code": 5, "locked": 25}


def test_b20_fifty_guesses_at_once(workers: Workers, served_world: World):
    """
    Of fifty wrong codes at one moment, over four workers and as many sign-ins, five are told so and counted.
    """
    person = served_world.enrolled()
    askings = [finishing(person.sign_in_token(), code=person.wrong_code()) for _ in range(AT_ONCE)]

    answers = workers.ask(askings)

    assert Counter(map(told, answers)) == {"invalid-code": 5, "locked": AT_ONCE - 5}
    assert failures_of(person) == {"totp": 5}


def test_b22_the_owner_gets_in_again(world: World):
    """
    Where somebody with the password has switched the app off by wrong codes, its owner signs in with a backup code and
    sets it up again, without an operator; guesses at that way out are counted for themselves, and end.
    """
    person = world.enrolled()
    person.set(twofa_failures='{"totp": 99}')
    off = [told(finish(person, code=person.wrong_code()))]
    world.clock.forward(minutes=31)
    off.append(told(finish(person, code=person.code())))
    guessed = told(finish(person, backup_code=NO_BACKUP_CODE))

    signed_in = finish(person, backup_code=person.backup_codes[0])
    person.token = signed_in.json()["access_token"]
    person.secret = person.post("/setup", {"replace": True}).json()["secret"]
    enabled = person.post("/verify", {"code": person.code()})

    assert off == ["invalid-code", "factor-disabled"]
    assert (guessed, told(signed_in), told(enabled)) == ("invalid-code", "success", "success")
    assert told(finish(person, code=person.next_code())) == "success"


def test_b23_a_code_of_any_length(world: World):
    """
    A code of nine, of 64 or of a million characters is malformed on every road: no fault, and nothing is counted.
    """
    person = on_the_way(world)
    before = person.kept()["users"]
    long = [*("1" * length for length in (9, 64, 10**6)), NO_CODES["arabic-indic"] * 9]

    answers = {
        (road.name, len(code)): road.ask(person, code).status_code
        for road in code_roads(world)
        for code in long
        if road.place == "code" or code.isascii()
    }

    assert set(answers.values()) == {413, 422}
    assert person.kept()["users"] == before
