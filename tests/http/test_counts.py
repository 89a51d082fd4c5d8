"""The counts before the password keep one contract, in the memory of a worker and in a Redis that workers share."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest
from fastapi import HTTPException

from tests.http.attempts import ANN, CLIENT, PATIENCE, Make, attempt, run, wrong
from tests.http.structured_fields import parsed
from twofold.core.policy import RECOMMENDED, Policy
from twofold.errors import ConfigurationError, Locked, RateLimited, SignInFailed, Unavailable
from twofold.fastapi.password_limits import PasswordLimits
from twofold.testing import StoppedClock
from twofold.testing.clock import NOON

WINDOW = RECOMMENDED.password_window


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest, clock: StoppedClock) -> Make:
    """Makes one worker's limits."""
    url = request.getfixturevalue("redis").url if request.param == "redis" else ""

    def make(policy: Policy = RECOMMENDED, kind: type[PasswordLimits] = PasswordLimits) -> PasswordLimits:
        return kind(policy, redis_url=url, redis_timeout=PATIENCE, clock=clock)

    return make


def test_a_burst(make: Make):
    """
    Of two hundred wrong passwords side by side exactly ten are looked at.
    """

    async def story(limits: PasswordLimits) -> Counter[str]:
        return await wrong(limits, 200)

    assert run(story, make()) == {"sign-in-failed": 10, "rate-limited": 190}


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (None, 10),
        (SignInFailed(), 9),
        (HTTPException(401), 9),
        (HTTPException(400), 9),
        (Locked(NOON, 1), 9),
        (asyncio.CancelledError(), 9),
        (Unavailable(), 10),
        (ConfigurationError(), 10),
        (HTTPException(503), 10),
        (OSError(), 10),
    ],
    ids=repr,
)
def test_what_is_given_back(make: Make, outcome: BaseException | None, left: int):
    """
    A refusal keeps the count, whichever words the host has for it, and a client that hangs up gets nothing back; a
    right password and whatever is nobody's fault cost nothing.
    """

    async def story(limits: PasswordLimits) -> int:
        with suppress(asyncio.CancelledError):
            await attempt(limits, outcome)
        return (await wrong(limits, 15))["sign-in-failed"]

    assert run(story, make()) == left


def test_right_passwords_side_by_side(make: Make):
    """
    Of right passwords side by side, more than the limits allow to be wrong, none is refused, and all are given back.
    """

    async def story(limits: PasswordLimits) -> Counter[str]:
        assert await wrong(limits, 8, account="another@example.com") == {"sign-in-failed": 8}
        assert Counter(await asyncio.gather(*(attempt(limits) for _ in range(200)))) == {"right": 200}
        return await wrong(limits, 15)

    assert run(story, make()) == {"sign-in-failed": 10, "rate-limited": 5}


def test_a_right_one_among_wrong_ones(make: Make):
    """
    Who is right is let in while there is room, however many wrong ones are being looked at; then nobody is.
    """

    async def story(limits: PasswordLimits) -> list[str]:
        outcomes = [SignInFailed(), SignInFailed(), None] * 20
        return await asyncio.gather(*(attempt(limits, outcome) for outcome in outcomes))

    told = Counter(run(story, make()))

    assert told.pop("right") >= 3
    assert told.pop("sign-in-failed") == 10
    assert told.keys() == {"rate-limited"}


def test_who_waits_and_hangs_up(make: Make):
    """
    Neither a client that hangs up while it waits for its turn, nor one that hangs up in its turn, holds up the others.
    """

    async def story(limits: PasswordLimits) -> Counter[str]:
        tasks = [asyncio.create_task(attempt(limits)) for _ in range(30)]
        await asyncio.sleep(0)
        for hung_up in (tasks[0], tasks[20]):
            hung_up.cancel()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        return Counter(each if isinstance(each, str) else "hung up" for each in told)

    assert run(story, make()) == {"right": 28, "hung up": 2}


def test_whose_count_it_is(make: Make):
    """
    Accounts are counted apart and so are clients; sixty wrong ones of a client end it for every account.
    """

    async def story(limits: PasswordLimits) -> list[Counter[str]]:
        return [
            *[await wrong(limits, 12, account=f"{number}@example.com") for number in range(6)],
            await wrong(limits, 1, account="7@example.com"),
            await wrong(limits, 1, account="7@example.com", client="192.0.2.2"),
        ]

    told = run(story, make())

    assert told[:6] == [{"sign-in-failed": 10, "rate-limited": 2}] * 6
    assert told[6:] == [{"rate-limited": 1}, {"sign-in-failed": 1}]


def test_a_way_back_after_the_window(make: Make, clock: StoppedClock):
    """
    What is given back after its window has ended gives nobody an attempt in the next.
    """

    async def story(limits: PasswordLimits) -> Counter[str]:
        async with limits.attempt(CLIENT, ANN):
            clock.moment += WINDOW
        return await wrong(limits, 15)

    assert run(story, make()) == {"sign-in-failed": 10, "rate-limited": 5}


def test_a_clock_that_jumps(make: Make, clock: StoppedClock):
    """
    A clock that was ahead and is right again breaks nothing, and gives nobody an attempt.
    """

    async def story(limits: PasswordLimits) -> Counter[str]:
        async with limits.attempt(CLIENT, ANN):
            clock.moment += 10 * WINDOW
            await attempt(limits)
            clock.moment = NOON
        return await wrong(limits, 15)

    assert run(story, make()) == {"sign-in-failed": 10, "rate-limited": 5}


def test_memory_is_given_back(clock: StoppedClock):
    """
    A worker keeps the counts of this window and its neighbor, none for who was right, and none that has ended.
    """
    limits = PasswordLimits(RECOMMENDED, clock=clock)

    async def story(limits: PasswordLimits) -> list[int]:
        sizes = []
        for number in range(5):
            await wrong(limits, 1, account=f"{number}@example.com")
            await attempt(limits, account="right@example.com")
            sizes.append(len(limits._counts))
            clock.moment += WINDOW
        return sizes

    assert run(story, limits) == [2, 4, 4, 4, 4]


def test_what_is_told(make: Make):
    """
    A host's own HTTP error bears the same headers as one of ours, beside its own.
    """

    async def story(limits: PasswordLimits) -> HTTPException:
        with pytest.raises(HTTPException) as raised:
            async with limits.attempt(CLIENT, ANN):
                raise HTTPException(401, headers={"WWW-Authenticate": "Acme"})
        return raised.value

    headers = dict(run(story, make()).headers)

    assert headers.pop("WWW-Authenticate") == "Acme"
    assert {name: parsed(value) for name, value in headers.items()} == {
        "RateLimit-Policy": {"address": {"q": 60, "w": 900}},
        "RateLimit": {"address": {"r": 59, "t": 900}},
    }


def test_a_refused_address_makes_no_count_of_accounts(make: Make):
    """
    Who is refused by address is refused first, is told how long the window still lasts, and fills no memory.
    """

    async def story(limits: PasswordLimits) -> RateLimited:
        await asyncio.gather(*(attempt(limits, SignInFailed(), account=f"{number}") for number in range(60)))
        before = len(limits._counts)
        with pytest.raises(RateLimited) as raised:
            async with limits.attempt(CLIENT, "another"):
                pytest.fail("It was looked at.")
        assert len(limits._counts) == before
        return raised.value

    refused = run(story, make(replace(RECOMMENDED, password_failures=60)))

    assert (refused.retry_after, refused.address_limit.remaining) == (900, 0)
