"""The counts in a Redis that workers share: exact for all together, unreadable, and out of reach without harm."""

import asyncio
import logging
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.http.attempts import ANN, CLIENT, PATIENCE, Make, attempt, run, wrong
from tests.http.naive_limits import NaiveLimits
from tests.redis_server import RedisServer
from twofold.core.policy import AAL2, RECOMMENDED, Policy
from twofold.errors import ConfigurationError
from twofold.fastapi.password_limits import PasswordLimits
from twofold.testing import StoppedClock

WINDOW = RECOMMENDED.password_window


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def make_shared(redis: RedisServer, clock: StoppedClock) -> Make:
    """Makes one of several workers' limits."""

    def make(policy: Policy = RECOMMENDED, kind: type[PasswordLimits] = PasswordLimits) -> PasswordLimits:
        return kind(policy, redis_url=redis.url, redis_timeout=PATIENCE, clock=clock)

    return make


def test_a_burst_at_two_workers(make_shared: Make):
    """
    Of wrong passwords side by side at two workers with one Redis exactly ten are looked at, all together.
    """

    async def story(one: PasswordLimits, two: PasswordLimits) -> Counter[str]:
        one_told, two_told = await asyncio.gather(wrong(one, 100), wrong(two, 100))
        return one_told + two_told

    assert run(story, make_shared(), make_shared()) == {"sign-in-failed": 10, "rate-limited": 190}


def test_a_naive_burst(make_shared: Make):
    """
    Who looks whether there is room and counts afterwards lets a burst through: the tests above would see it.
    """

    async def story(limits: PasswordLimits) -> Counter[str]:
        return await wrong(limits, 100)

    assert run(story, make_shared(kind=NaiveLimits))["sign-in-failed"] > 10


def test_what_stands_in_redis(make_shared: Make, redis: RedisServer):
    """
    Redis holds numbers under a prefix and a digest, each with an end: no address, neither of a person nor of a client.
    """

    async def story(limits: PasswordLimits) -> None:
        await wrong(limits, 3)
        await attempt(limits, account="right@example.com")

    run(story, make_shared())
    found = {str(key): int(redis.client.get(key) or 0) for key in redis.client.scan_iter()}

    assert sorted(found.values()) == [0, 3, 3]
    assert all(re.fullmatch("twofold-passwords:[0-9a-f]{64}", key) for key in found)
    assert all(0 < redis.client.ttl(key) <= 2 * WINDOW.total_seconds() for key in found)


def test_a_redis_that_lost_the_count(make_shared: Make, redis: RedisServer):
    """
    What is given back to a Redis that has lost the count, once and again, gives nobody an attempt, and has an end.
    """

    async def story(one: PasswordLimits, two: PasswordLimits, three: PasswordLimits) -> Counter[str]:
        async with one.attempt(CLIENT, ANN), one.attempt(CLIENT, ANN), one.attempt(CLIENT, ANN):
            redis.forget()
        assert all(redis.client.ttl(key) > 0 for key in redis.client.scan_iter())
        # By two that have memories of their own, none of which could stop the other.
        return await wrong(two, 1) + await wrong(two, 8) + await wrong(three, 6)

    assert run(story, make_shared(), make_shared(), make_shared()) == {"sign-in-failed": 10, "rate-limited": 5}


OUTAGES = {"killed": signal.SIGKILL, "a black hole": signal.SIGSTOP}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("policy", [RECOMMENDED, AAL2], ids=lambda policy: policy.name)
def test_redis_out_of_reach(
    own_redis: RedisServer, clock: StoppedClock, caplog: pytest.LogCaptureFixture, policy: Policy, outage: str
):
    """
    While Redis is gone a worker counts on alone, or looks at no password, as the policy says; each answer is quick. It
    comes back by itself, and both are logged once, without the address of Redis.
    """
    caplog.set_level(logging.INFO)
    limits = PasswordLimits(policy, redis_url=own_redis.url.replace("redis://", "redis://:@"), clock=clock)

    async def story(limits: PasswordLimits) -> list[Counter[str]]:
        seen = [await wrong(limits, 3)]
        async with limits.attempt(CLIENT, ANN):  # in the middle of a sign-in
            own_redis.send(OUTAGES[outage])
        seen.append(await timed(limits, 40))
        clock.forward(seconds=2)
        seen.append(await timed(limits, 40))
        back(own_redis, outage)
        clock.forward(seconds=2)
        seen.append(await wrong(limits, 1, account="another@example.com"))
        return seen

    alone, again = {"sign-in-failed": 7, "rate-limited": 33}, {"rate-limited": 40}
    if policy.limits_fail_closed:
        alone = again = {"unavailable": 40}

    assert run(story, limits) == [{"sign-in-failed": 3}, alone, again, {"sign-in-failed": 1}]
    messages = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [message.split(" (")[0] for message in messages] == [
        "The counts of wrong passwords in Redis are out of reach",
        "Redis answers again: wrong passwords are counted for all workers together.",
    ]
    assert str(own_redis.port) not in caplog.text


async def timed(limits: PasswordLimits, times: int) -> Counter[str]:
    """Wrong passwords side by side, all of which are answered within the two seconds of a few time-outs."""
    begun = time.monotonic()
    told = await wrong(limits, times)
    assert time.monotonic() - begun < 2
    return told


def back(redis: RedisServer, outage: str) -> None:
    if outage == "killed":
        redis.kill()  # it is dead; this buries it
        redis.start()
    else:
        redis.send(signal.SIGCONT)
        while not redis.client.ping():
            pass


WITHOUT_THE_EXTRA = """
import sys
from twofold import RECOMMENDED, ConfigurationError
from twofold.fastapi.password_limits import PasswordLimits

PasswordLimits(RECOMMENDED)
print({"limits", "redis"} & set(sys.modules))
sys.modules["limits"] = sys.modules["redis"] = None
try:
    PasswordLimits(RECOMMENDED, redis_url="redis://localhost")
except ConfigurationError as error:
    print(error)
"""


def test_redis_is_an_extra():
    """
    Limits in memory load no library of their own, and those in Redis say which extra brings it.
    """
    done = subprocess.run([sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, check=True, text=True)

    assert done.stdout.splitlines() == [
        "set()",
        "redis_url: counts in Redis need limits and redis: pip install 'twofold[redis]'.",
    ]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:port/0", "http://127.0.0.1", "redis://127.0.0.1:port-9/0"])
def test_a_malformed_address_of_redis(url: str):
    """
    What is no address of a Redis is refused when it is given, without being told.
    """
    with pytest.raises(ConfigurationError, match="redis_url: write redis://") as raised:
        PasswordLimits(RECOMMENDED, redis_url=url)

    assert "127.0.0.1" not in str(raised.value)
