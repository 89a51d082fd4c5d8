"""Rows per key are counted now and then, and nobody who scrapes waits for that."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from cryptography.fernet import Fernet

from tests.prometheus.told import Samples, samples_in, told
from tests.service.people import Person
from twofold import KeyRing, TwoFactorAuth
from twofold.errors import Unavailable
from twofold.prometheus import Metrics
from twofold.prometheus.key_rows import COUNT_EVERY
from twofold.service.ports import Transactions
from twofold.testing import MemoryStore, StoppedClock

T = TypeVar("T")


class Counting:
    """The store in memory, which counts how often it is asked by an event loop, and can be away, or not answer."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked = 0
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        self.asked += 1
        await self.answers.wait()
        if self.is_away:
            raise Unavailable
        return use_case(self._store)


@pytest.fixture
def counting(store: MemoryStore) -> Counting:
    return Counting(store)


@pytest.fixture
def watched(auth: TwoFactorAuth, counting: Counting, metrics: Metrics) -> TwoFactorAuth:
    auth.store = counting
    metrics.watch_keys(auth)
    return auth


async def scraped(metrics: Metrics) -> Samples:
    """What a scrape tells; what it has begun then comes to its end, if it does."""
    samples = samples_in(await metrics.scrape())
    for _ in range(20):
        await asyncio.sleep(0)
    return samples


def rows(samples: Samples) -> dict[tuple[str, str], float]:
    """What is there, by column and key."""
    return {
        (dict(labels)["column"], dict(labels)["key"]): value
        for (name, labels), value in samples.items()
        if name == "twofold_rows_per_key" and value
    }


def up(samples: Samples) -> float | None:
    return told(samples, "twofold_rows_per_key_up")


@pytest.mark.anyio
async def test_rows_are_told_by_column_and_key(
    person: Person, watched: TwoFactorAuth, metrics: Metrics, clock: StoppedClock
):
    """
    What stands under which key of the ring is told by column, with the moment of the count; before, that it is unknown.
    """
    first, then = await scraped(metrics), await scraped(metrics)

    [key_id] = watched.keys.key_ids
    assert (up(first), rows(first)) == (0, {})
    assert (up(then), rows(then)) == (1, {("totp_secret", key_id): 1, ("twofa_backup_codes", key_id): 1})
    assert told(then, "twofold_rows_per_key_timestamp_seconds") == clock.now().timestamp()


@pytest.mark.anyio
async def test_a_key_that_is_not_there_is_other(
    person: Person, watched: TwoFactorAuth, metrics: Metrics, clock: StoppedClock
):
    """
    Rows under a key that the ring has not are told as one, whatever stands there; and what has gone is told as none.
    """
    watched.keys = KeyRing([Fernet.generate_key().decode()])
    await scraped(metrics)
    found = await scraped(metrics)
    watched.users.reset(person.user_id, reason="gone", actor="desk")
    clock.moment += COUNT_EVERY
    await scraped(metrics)

    gone = await scraped(metrics)
    assert rows(found) == {("totp_secret", "other"): 1, ("twofa_backup_codes", "other"): 1}
    assert told(found, "twofold_rows_per_key", column="totp_secret", key=watched.keys.key_ids[0]) == 0
    assert rows(gone) == {}
    assert told(gone, "twofold_rows_per_key", column="totp_secret", key="other") == 0


@pytest.mark.anyio
async def test_rows_are_counted_every_five_minutes_at_most(
    person: Person, watched: TwoFactorAuth, metrics: Metrics, counting: Counting, clock: StoppedClock
):
    """
    However often somebody scrapes, rows are counted when the last count is five minutes old by the clock that was
    given, or from a future that never came.
    """
    asked = []
    for seconds in (0, 0, 1, 298, 1, 0, 299, 1, -4000, 1):
        clock.moment += timedelta(seconds=seconds)
        await scraped(metrics)
        asked.append(counting.asked)

    assert asked == [1, 1, 1, 1, 2, 2, 2, 3, 4, 4]


@pytest.mark.anyio
async def test_a_scrape_waits_for_no_database(
    person: Person, watched: TwoFactorAuth, metrics: Metrics, counting: Counting, clock: StoppedClock
):
    """
    While the database does not answer every scrape tells what is known, and no second count begins; what is as old as
    two counts is told as not up.
    """
    await scraped(metrics)
    before = await scraped(metrics)
    counting.answers.clear()
    clock.moment += COUNT_EVERY
    during = await scraped(metrics)
    clock.moment += COUNT_EVERY
    old = await scraped(metrics)

    assert [up(each) for each in (before, during, old)] == [1, 1, 0]
    assert rows(before) == rows(during) == rows(old) != {}
    assert counting.asked == 2
    await metrics.close()


@pytest.mark.anyio
async def test_a_database_that_is_away(
    person: Person, watched: TwoFactorAuth, metrics: Metrics, counting: Counting, clock: StoppedClock
):
    """
    A count that fails is told by the next scrape, which has the old numbers; it is tried again after five minutes, and
    told when it has come right.
    """
    await scraped(metrics)
    told_of = []
    for away in (False, True, True, False, False):
        counting.is_away = away
        clock.moment += COUNT_EVERY
        await scraped(metrics)
        told_of.append(up(await scraped(metrics)))

    assert told_of == [1, 0, 0, 1, 1]
    assert counting.asked == 6
    assert rows(await scraped(metrics)) != {}
