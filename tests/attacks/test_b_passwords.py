"""B: guessing passwords, with or without a code beside them, from wherever one says to come."""

import json
from collections import Counter

from pwdlib.hashers.argon2 import Argon2Hasher

from tests.attacks.acts import finish, told
from tests.http.bodies import JSON
from tests.http.victim import LOGIN
from tests.http.world import PASSWORD, Person, World

CHEAP_HASH = Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
"""For those who try it often."""
HERE = "192.0.2.1"
WRONG = "a wrong one"
CLAIMS = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP")


def owner(world: World) -> Person:
    """Somebody with a second factor, and with a password that costs little to check."""
    person = world.enrolled()
    person.set(hashed_password=CHEAP_HASH)
    return person


def log_in(
    world: World, email: str, password: str = WRONG, *, client: str = HERE, claims: str = "", code: str = ""
) -> str:
    """What a sign-in is told that comes from *client* and, by every header of proxies, claims to come from *claims*."""
    given = {name: claims for name in CLAIMS if claims} | ({"Forwarded": f"for={claims}"} if claims else {})
    headers = JSON | given | ({"X-TOTP-Code": code} if code else {})
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    body = json.dumps({"email": email, "password": password}).encode()
    return told(world.ask(LOGIN, raw, chunks=[body], client=client))


def test_b15_what_a_client_says_of_its_address_counts_nothing(world: World):
    """
    With no trusted proxy named, a new address in every forwarding header of every request opens no new count: from one
    connection as many wrong passwords are looked at as without, a loopback address claimed or not; and the audit rows
    name the connection.
    """
    world.forget_wrong_passwords(address_failures=10)
    person = owner(world)
    claims = ["127.0.0.1", "::1", *(f"203.0.113.{number}" for number in range(13))]

    answers = Counter(log_in(world, world.stranger(), claims=claim) for claim in claims)
    believed = log_in(world, person.email, PASSWORD, claims="203.0.113.99")
    elsewhere = log_in(world, person.email, PASSWORD, client="198.51.100.7", claims=HERE)

    assert answers == {"sign-in-failed": 10, "rate-limited": 5}
    assert (believed, elsewhere) == ("rate-limited", "success")
    assert {row["client_address"] for row in person.kept()["twofold_events"]} == {None, "198.51.100.7"}


def test_b17_one_code_over_many_users(world: World):
    """
    Who tries one password and one code over many users from one address is stopped at the address: after as many as it
    may fail nobody's password is looked at from there, so no code beside one either.

    A code is looked at only after the right password, and then counts against its user; so the limit per address is
    that of the passwords.
    """
    world.forget_wrong_passwords(address_failures=10)
    last = owner(world)

    answers = Counter(log_in(world, f"{number}-{world.stranger()}", code="123456") for number in range(30))
    unlooked = log_in(world, last.email, PASSWORD, code=last.code())

    assert answers == {"sign-in-failed": 10, "rate-limited": 20}
    assert unlooked == "rate-limited"
    assert log_in(world, last.email, PASSWORD, code=last.code(), client="198.51.100.7") == "success"


def test_b21_nobody_is_locked_out_by_a_stranger(world: World):
    """
    Without the password nobody can spend the owner's attempts at the second factor, from whatever address: not by
    sign-ins with a code, not at the second step. The password may be held back for a window; a session that is alive
    goes on meanwhile, and after the window the owner signs in as ever.
    """
    person = owner(world)
    before = person.kept()
    guesses = [f"198.51.100.{number}" for number in range(100)]

    at_the_door = Counter(log_in(world, person.email, client=client, code="123456") for client in guesses)
    at_the_step = {told(finish(person, f"{number}", code=person.wrong_code())) for number in range(100)}
    untouched = person.kept()
    meanwhile = told(person.post("/step-up", {"code": person.code()}))
    world.clock.moment += world.auth.policy.password_window

    assert at_the_door == {"sign-in-failed": 10, "rate-limited": 90}
    assert at_the_step == {"sign-in-token-dead"}
    assert untouched == before
    assert meanwhile == "success"
    assert log_in(world, person.email, PASSWORD, code=person.code()) == "success"
