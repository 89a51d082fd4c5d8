"""Before the password is right nobody learns whether an address exists, or whether it has a second factor (G12)."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from pwdlib.hashers.argon2 import Argon2Hasher

from app.models.user import PASSWORDS
from tests.http.problems import everything, slug_of
from tests.http.victim import LOGIN, REGISTER
from tests.http.world import PASSWORD, Person, World

WRONG = "a wrong one"


def locked(world: World) -> Person:
    person = world.enrolled()
    for _ in range(5):
        person.post("/step-up", {"code": person.wrong_code()})
    return person


def capped(world: World) -> Person:
    person = world.enrolled()
    person.set(twofa_failures='{"totp": 100}')
    return person


def setting_up(world: World) -> Person:
    person = world.signed_in()
    person.post("/setup")
    return person


def unreadable(world: World) -> Person:
    person = world.enrolled()
    person.set(totp_secret="v1.x.x", twofa_backup_codes="v1.x.x")
    return person


PEOPLE: dict[str, Callable[[World], Person]] = {
    "without a second factor": World.registered,
    "setting one up": setting_up,
    "with one": World.enrolled,
    "locked": locked,
    "switched off": capped,
    "unreadable": unreadable,
}


def login(world: World, email: str, password: str = WRONG, **options: Any) -> Response:
    """Sign in as the first of all who do."""
    world.forget_wrong_passwords()
    return world.post(LOGIN, json={"email": email, "password": password}, **options)


def test_a_wrong_password(each_world: World):
    """
    An unknown address and a wrong password for anybody have one answer to the last byte.
    """
    addresses = [each_world.stranger(), *(person(each_world).email for person in PEOPLE.values())]

    answers = [login(each_world, address) for address in addresses]

    assert slug_of(answers[0]) == "sign-in-failed"
    assert len({str(everything(answer)) for answer in answers}) == 1


def test_a_limited_account(world: World):
    """
    Where no more passwords are looked at, a wrong one and the right one have one answer to the last byte, for unknown
    addresses and for everybody else.
    """
    answers: list[Response] = []
    for address in [world.stranger(), *(person(world).email for person in PEOPLE.values())]:
        world.forget_wrong_passwords(password_failures=1)
        given = [{"email": address, "password": password} for password in (WRONG, WRONG, PASSWORD)]
        answers += [world.post(LOGIN, json=each) for each in given]

    assert [slug_of(answer) for answer in answers[:3]] == ["sign-in-failed", "rate-limited", "rate-limited"]
    assert len({str(everything(answer)) for answer in answers}) == 2


@pytest.mark.parametrize("header", ["123456", "12345", "nonsense", ""])
def test_a_wrong_password_with_a_code(world: World, header: str):
    """
    A code beside a wrong password, right in form or not, changes nothing about the one answer.
    """
    addresses = [world.stranger(), world.enrolled().email, locked(world).email]

    without = login(world, addresses[0])
    answers = [login(world, address, headers={"X-TOTP-Code": header}) for address in addresses]

    assert [everything(answer) for answer in answers] == [everything(without)] * 3


class CountingHasher(Argon2Hasher):
    """As the application's own, and counts how often it is at work."""

    def __init__(self) -> None:
        super().__init__(memory_cost=8, time_cost=1, parallelism=1)
        self.works = 0

    def hash(self, *arguments: Any, **others: Any) -> str:
        self.works += 1
        return super().hash(*arguments, **others)

    def verify(self, *arguments: Any) -> bool:
        self.works += 1
        return super().verify(*arguments)


@pytest.mark.parametrize("path", [LOGIN, REGISTER])
def test_as_many_hashes_for_a_stranger(world: World, monkeypatch: pytest.MonkeyPatch, path: str):
    """
    A password is hashed once whoever it is said to be of, for an unknown address too: it takes the same time.
    """
    hasher = CountingHasher()
    monkeypatch.setattr(PASSWORDS, "hashers", [hasher])
    monkeypatch.setattr(PASSWORDS, "current_hasher", hasher)
    other_kind = world.registered()
    other_kind.set(hashed_password="$2b$12$of.another.kind")
    everybody = [world.stranger(), other_kind.email, *(person(world).email for person in PEOPLE.values())]

    works = []
    for email in everybody:
        hasher.works = 0
        world.post(path, json={"email": email, "password": "a wrong one"})
        works.append(hasher.works)

    assert works == [1] * len(everybody)


def test_the_right_code_with_a_wrong_password(each_world: World):
    """
    The right code beside a wrong password opens nothing, is not spent, and shows nothing.
    """
    person = each_world.enrolled()
    before = person.kept()

    right = login(each_world, person.email, headers={"X-TOTP-Code": person.code()})
    stranger = login(each_world, each_world.stranger(), PASSWORD, headers={"X-TOTP-Code": person.code()})

    assert everything(right) == everything(stranger)
    assert person.kept() == before


def test_nobody_without_the_password_locks_anybody_out(each_world: World):
    """
    Whoever does not know the password cannot spend the attempts of somebody who does (G4).
    """
    person = each_world.enrolled()
    for _ in range(6):
        each_world.post(
            LOGIN, json={"email": person.email, "password": "a wrong one"}, headers={"X-TOTP-Code": person.wrong_code()}
        )

    answer = each_world.post(LOGIN, json=person.password, headers={"X-TOTP-Code": person.code()})

    assert answer.json()["aal"] == 2


def test_registering_an_address_in_use(each_world: World):
    """
    Registering answers the same for a free address and for anybody's, and changes nobody's password.
    """
    people = [person(each_world) for person in PEOPLE.values()]
    before = [person.kept() for person in people]

    answers = [
        each_world.post(REGISTER, json={"email": email, "password": "another one entirely"})
        for email in [each_world.stranger(), *(person.email for person in people)]
    ]

    assert {answer.status_code for answer in answers} == {201}
    assert {frozenset(answer.json()) for answer in answers} == {frozenset({"email"})}
    assert {frozenset(answer.headers) for answer in answers} == {frozenset(answers[0].headers)}
    assert [person.kept() for person in people] == before


@pytest.mark.parametrize("email", ["", "nobody", "a\x00b@example.com", "\ufeff@example.com", "x" * 1024])
def test_what_is_no_address(each_world: World, email: str):
    """
    What cannot be an address fails to sign in exactly as an unknown one does.
    """
    answers = [login(each_world, given, PASSWORD) for given in (email, each_world.stranger())]

    assert everything(answers[0]) == everything(answers[1])
    assert slug_of(answers[0]) == "sign-in-failed"


def test_what_the_log_says_of_passwords(world: World, caplog: pytest.LogCaptureFixture):
    """
    Each password that is refused is a line of the log with the address it came from (OWASP ASVS 5.0, 16.3.1), the same
    for known and unknown, and neither name nor password stands in it.
    """
    known, unknown = world.registered().email, world.stranger()
    world.forget_wrong_passwords()
    with caplog.at_level(logging.INFO, "twofold"):
        for email in [known, unknown, *[unknown] * 10]:
            world.post(LOGIN, json={"email": email, "password": WRONG})

    lines = [record.getMessage() for record in caplog.records if record.name == "twofold"]
    assert lines[:11] == ["A password was refused; from 192.0.2.1."] * 11
    assert lines[11:] == ["A password was not looked at, after too many wrong ones; from 192.0.2.1."]
