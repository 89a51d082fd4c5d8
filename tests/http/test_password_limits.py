"""Wrong passwords are counted, per account and per client address, on every road and before they are looked at."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import pytest
from httpx2 import Response
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import text

from tests.http.asgi import Asked, Headers
from tests.http.problems import everything, problem_of, slug_of
from tests.http.structured_fields import parsed
from tests.http.victim import ACCOUNT, FINISH, LOGIN, PASSWORD_CHANGE, REGISTER, method_of
from tests.http.world import PASSWORD, Person, World
from tests.servers import free_port
from twofold.core.policy import AAL2, RECOMMENDED, Policy
from twofold.fastapi.password_limits import PasswordLimits

JSON = [(b"Content-Type", b"application/json")]
CHEAP_HASH = Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)
"""For those who try it by the hundred."""
WRONG = "a wrong one"
WINDOW = int(RECOMMENDED.password_window.total_seconds())


def asked(email: str, password: str = WRONG, *, client: str = "192.0.2.1", more: Headers = ()) -> Asked:
    body = json.dumps({"email": email, "password": password}).encode()
    return Asked(LOGIN, [*JSON, *more], [body], client=client)


def claiming(address: bytes) -> Headers:
    """All headers by which proxies say for whom they ask."""
    plain = (b"X-Forwarded-For", b"X-Real-IP", b"X-Client-IP", b"True-Client-IP", b"CF-Connecting-IP")
    return [(b"Forwarded", b"for=" + address), *((name, address) for name in plain)]


def told(world: World, all_asked: Iterable[Asked]) -> Counter[str]:
    """What these sign-ins are told, one after the other."""
    return Counter(slug(answer) for each in all_asked for answer in world.ask_side_by_side([each]))


def slug(answer: Response) -> str:
    return "signed in" if answer.status_code == 200 else slug_of(answer)


def owner(world: World) -> Person:
    person = world.signed_in()
    person.set(hashed_password=CHEAP_HASH)
    return person


def limited(world: World, email: str) -> None:
    """Ten wrong passwords, each from an address of its own."""
    answers = told(world, [asked(email, client=f"198.51.100.{number}") for number in range(10)])
    assert answers == {"sign-in-failed": 10}


def bodies(path: str, password: str) -> dict[str, str]:
    if path == PASSWORD_CHANGE:
        return {"current_password": password, "new_password": PASSWORD[::-1]}
    return {"password": password}


def test_ten_wrong_passwords_of_an_account(world: World):
    """
    After ten the next password is not looked at, be it wrong or right, whether there is such an account or not, and
    with one and the same answer, which says nothing of the account's own count.
    """
    answers = []
    for email in (owner(world).email, world.enrolled().email, world.stranger()):
        limited(world, email)
        answers += world.ask_side_by_side([asked(email)])
        answers += world.ask_side_by_side([asked(email, PASSWORD)])

    assert {slug_of(answer) for answer in answers} == {"rate-limited"}
    assert len({str(everything(answer)) for answer in answers}) == 1
    assert answers[0].headers["retry-after"] == str(WINDOW)


def test_the_limits_end(world: World):
    """
    What was counted is forgotten when its window has passed, and not a second before.
    """
    person = owner(world)
    limited(world, person.email)

    world.clock.forward(seconds=WINDOW - 1)
    before = told(world, [asked(person.email, PASSWORD)])
    world.clock.forward(seconds=1)

    assert before == {"rate-limited": 1}
    assert told(world, [asked(person.email, PASSWORD)]) == {"signed in": 1}


def test_one_count_for_all_roads(world: World):
    """
    Signing in, changing the password and leaving count together, by the address as it is stored.
    """
    person = owner(world)
    roads = [PASSWORD_CHANGE, ACCOUNT] * 3

    answers = [
        slug(world.request(method_of(path), path, json=bodies(path, WRONG), headers=person.bearer)) for path in roads
    ]
    answers += told(world, [asked(f" {person.email.upper()} ")] * 4).elements()
    limited_now = [
        slug(world.request(method_of(path), path, json=bodies(path, PASSWORD), headers=person.bearer))
        for path in (PASSWORD_CHANGE, ACCOUNT)
    ]

    assert answers == ["sign-in-failed"] * 10
    assert limited_now == ["rate-limited"] * 2
    assert told(world, [asked(person.email, PASSWORD)]) == {"rate-limited": 1}


def test_registering_is_not_limited(world: World):
    """
    Registering looks at no password of anybody's, counts none, and is open to whoever is limited.
    """
    person = owner(world)
    limited(world, person.email)

    answer = world.post(REGISTER, json={"email": person.email, "password": PASSWORD})

    assert answer.status_code == 201


def test_a_burst_of_guesses(world: World):
    """
    Of two hundred side by side at one account exactly ten are looked at, from however many addresses.
    """
    person = owner(world)

    answers = world.ask_side_by_side([asked(person.email, client=f"2001:db8:{number}::1") for number in range(200)])

    assert Counter(map(slug, answers)) == {"sign-in-failed": 10, "rate-limited": 190}


def test_a_burst_over_many_accounts(world: World):
    """
    Of side-by-side guesses from one address at as many accounts exactly sixty are looked at.
    """
    answers = world.ask_side_by_side([asked(f"{number}@example.com") for number in range(70)])

    assert Counter(map(slug, answers)) == {"sign-in-failed": 60, "rate-limited": 10}


def test_a_right_password_never_counts(world: World):
    """
    Sixty-one sign-ins from one address and to one account all pass, and the next wrong one is the first.
    """
    person = owner(world)

    assert told(world, [asked(person.email, PASSWORD)] * 61) == {"signed in": 61}
    [answer] = world.ask_side_by_side([asked(person.email)])
    assert parsed(answer.headers["ratelimit"])["address"]["r"] == 59


def test_a_right_password_clears_nothing(world: World):
    """
    A success forgets no failure: a guesser gets no fresh start by an account of their own, nor the owner's help.
    """
    person = owner(world)

    before = told(world, [asked(person.email)] * 9)
    right = told(world, [asked(person.email, PASSWORD)])
    after = told(world, [asked(person.email)] * 2)

    assert before == {"sign-in-failed": 9}
    assert right == {"signed in": 1}
    assert after == {"sign-in-failed": 1, "rate-limited": 1}


def test_an_ipv6_network_is_one_client(world: World):
    """
    All addresses of a /64 count together, and those of the next do not.
    """
    world.forget_wrong_passwords(address_failures=10)
    guesses = [asked(f"{number}@example.com", client=f"2001:db8::{number:x}") for number in range(10)]
    assert told(world, guesses) == {"sign-in-failed": 10}

    assert told(world, [asked("x@example.com", client="2001:db8::ffff:ffff:ffff:ffff")]) == {"rate-limited": 1}
    assert told(world, [asked("x@example.com", client="2001:db8:0:1::")]) == {"sign-in-failed": 1}


def test_what_the_headers_say(world: World):
    """
    A refused password tells by structured fields what its own address has left, until when, and nothing else.
    """
    world.forget_wrong_passwords(address_failures=12)
    world.clock.forward(seconds=100)
    refused = [world.ask_side_by_side([asked(f"{number}@example.com")])[0] for number in range(13)]
    fields = [{name: parsed(answer.headers[name]) for name in ("ratelimit-policy", "ratelimit")} for answer in refused]

    assert fields == [
        {
            "ratelimit-policy": {"address": {"q": 12, "w": WINDOW}},
            "ratelimit": {"address": {"r": left, "t": WINDOW - 100}},
        }
        for left in (*range(11, -1, -1), 0)
    ]
    problem_of(refused[-1], "rate-limited")
    assert refused[-1].headers["retry-after"] == str(WINDOW - 100)


def test_a_malformed_body_counts_nothing(world: World):
    """
    What is malformed is told as that, to whoever is limited too, and is no attempt.
    """
    person = owner(world)
    malformed = Asked(LOGIN, JSON, [json.dumps({"email": person.email}).encode()])

    told(world, [malformed] * 100)
    assert told(world, [asked(person.email, PASSWORD)]) == {"signed in": 1}
    limited(world, person.email)
    assert told(world, [malformed]) == {"invalid-request": 1}


def test_limits_leave_the_second_factor_alone(world: World):
    """
    Neither wrong passwords nor refused ones touch the second factor's counts, nor hold a pending sign-in back.
    """
    person = world.enrolled()
    token, before = person.sign_in_token(), person.kept()
    limited(world, person.email)
    told(world, [asked(person.email, PASSWORD, more=[(b"X-TOTP-Code", person.wrong_code().encode())])] * 20)

    assert person.kept() == before
    answer = world.post(FINISH, json={"sign_in_token": token, "code": person.code()})
    assert answer.json()["aal"] == 2


def test_who_is_limited_by_account_spends_no_address(world: World):
    """
    A password that was not looked at for its account's sake is not counted for the address either.
    """
    email = world.stranger()
    limited(world, email)

    told(world, [asked(email)] * 100)

    assert told(world, [asked("another@example.com")]) == {"sign-in-failed": 1}


def test_nobody_is_believed_unasked(world: World):
    """
    Without TRUSTED_PROXIES no header gives a client another address, in the count or in an event.
    """
    world.forget_wrong_passwords(address_failures=10)
    person = owner(world)
    claims = [(f"{number}@example.com", b"203.0.113.%d" % number) for number in range(11)]

    assert told(world, [asked(email, client="127.0.0.1", more=claiming(to_be)) for email, to_be in claims]) == {
        "sign-in-failed": 10,
        "rate-limited": 1,
    }
    assert told(world, [asked(person.email, PASSWORD, more=claiming(b"203.0.113.1"))]) == {"signed in": 1}
    assert {event["client_address"] for event in person.kept()["twofold_events"]} == {"192.0.2.1"}


def test_an_unreachable_database_is_nobodys_failure(world: World):
    """
    What ends an attempt otherwise than by a wrong password is not counted.
    """
    person = owner(world)

    world.execute(text("ALTER TABLE users RENAME TO elsewhere"))
    try:
        out_of_reach = told(world, [asked(person.email, PASSWORD)] * 70)
    finally:
        world.execute(text("ALTER TABLE elsewhere RENAME TO users"))

    assert out_of_reach == {"unavailable": 70}
    assert told(world, [asked(person.email, PASSWORD)]) == {"signed in": 1}


@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
def test_redis_that_was_never_there(world: World, policy: Policy):
    """
    Where Redis does not answer, a policy that fails closed looks at no password, and says so; with any other a worker
    counts alone.
    """
    person = owner(world)
    limits = PasswordLimits(policy, redis_url=f"redis://127.0.0.1:{free_port()}", clock=world.clock)
    world.app.state.password_limits = limits

    answers = told(world, [asked(person.email, PASSWORD), *[asked(person.email)] * 12, asked(person.email, PASSWORD)])

    alone = {"signed in": 1, "sign-in-failed": 10, "rate-limited": 3}
    assert answers == ({"unavailable": 14} if policy.limits_fail_closed else alone)


def test_the_border_of_two_windows(world: World):
    """
    Around the moment where one window ends and the next begins twice the limit is looked at, and not one more.
    """
    email = world.stranger()
    world.clock.forward(seconds=WINDOW - 1)
    first = told(world, [asked(email)] * 12)
    world.clock.moment += timedelta(seconds=1)

    assert first + told(world, [asked(email)] * 12) == {"sign-in-failed": 20, "rate-limited": 4}
