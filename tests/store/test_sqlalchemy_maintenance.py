"""Maintenance on the servers: it waits for nobody, and nobody who is busy loses anything to it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert

from tests.store.hosts import SERVERS, Host, auth_of, held
from twofold.core.events import Event, EventKind
from twofold.core.maintenance import Kind
from twofold.service.ports import Transaction, UserId
from twofold.testing.clock import NOON

PATIENCE_SECONDS = 10
OLD = NOON - timedelta(days=400)


def with_events(host: Host, *moments: object) -> UserId:
    """A user with an event at each of these moments."""
    user_id = host.add_user()
    rows = [{"user_id": user_id, "kind": "signed_in", "moment": each, "outcome": "success"} for each in moments]
    with host.engine.begin() as connection:
        connection.execute(insert(host.table("twofold_events")), rows)
    return user_id


@pytest.mark.parametrize("database", SERVERS)
def test_who_is_busy_is_left_for_the_next_time(make_host, database):
    """
    Of a user whose row somebody holds nothing is deleted, and nobody is waited for; the others' goes, and the next run
    does the rest.
    """
    host = make_host(database)
    busy, idle, auth = with_events(host, OLD), with_events(host, OLD), auth_of(host)
    with_events(host, NOON)
    with held(host, busy):
        first = auth.maintenance().events
    left = [len(host.events_of(one)) for one in (busy, idle)]

    assert (first, left) == (1, [1, 0])
    assert auth.maintenance().events == 1


@pytest.mark.parametrize("side_table", [None, "user_two_factor"])
@pytest.mark.parametrize("database", SERVERS)
def test_no_deadlock_with_who_forgets(make_host, database, side_table):
    """
    While maintenance holds a batch, forgetting one of its users waits for it, and both happen: neither is a victim.
    """
    host = make_host(database, side_table=side_table)
    users = [host.add_user() for _ in range(3)]
    for user_id in users:
        host.store.transact(lambda tx, user_id=user_id: _recorded(tx, user_id))
    found = host.store.read(lambda tx: tx.overdue(Kind.EVENT, NOON, after=None, at_most=10))
    cleared, forgetting, runs = threading.Event(), threading.Event(), []

    def clear(tx: Transaction) -> int:
        runs.append("clear")
        count = tx.clear(Kind.EVENT, found[:1], NOON)
        cleared.set()
        forgetting.wait(PATIENCE_SECONDS)
        return count + tx.clear(Kind.EVENT, found[1:], NOON)

    def forget(tx: Transaction) -> None:
        runs.append("forget")
        forgetting.set()
        tx.forget(users[0])

    with ThreadPoolExecutor(2) as threads:
        clearing = threads.submit(host.store.transact, clear)
        cleared.wait(PATIENCE_SECONDS)
        threads.submit(host.store.transact, forget).result(PATIENCE_SECONDS)
        count = clearing.result(PATIENCE_SECONDS)

    assert (count, sorted(runs)) == (3, ["clear", "forget"])
    assert [len(host.events_of(user_id)) for user_id in users] == [0] * 3


def _recorded(tx: Transaction, user_id: UserId) -> None:
    tx.lock(user_id)
    tx.record(Event(user_id, EventKind.SIGNED_IN, OLD))


def test_what_belongs_to_nobody_goes(make_host):
    """
    Where nobody kept foreign keys, old events of users who are gone are deleted, too.
    """
    host = make_host("sqlite")
    user_id = with_events(host, OLD)
    with_events(host, NOON)
    with host.engine.begin() as connection:
        connection.execute(delete(host.users).where(host.users.id == user_id))
    left = len(host.events_of(user_id))

    assert left == 1
    assert auth_of(host).maintenance().events == 1


@pytest.mark.parametrize("database", SERVERS)
def test_runs_side_by_side_do_no_harm(make_host, database):
    """
    Several runs at one moment delete each thing once, and together all of it.
    """
    host = make_host(database)
    for _ in range(20):
        with_events(host, *[OLD] * 100)
    with_events(host, NOON)
    runs = 4
    together = threading.Barrier(runs)

    def run(_: int) -> int:
        together.wait(PATIENCE_SECONDS)
        return auth_of(host).maintenance().events

    with ThreadPoolExecutor(runs) as threads:
        counts = list(threads.map(run, range(runs)))

    assert sum(counts) + auth_of(host).maintenance().events == 2000


def test_an_event_that_has_just_been_deleted_stops_nothing(make_host):
    """
    An event that another run deletes, after its number was read, has no moment, and is no error.
    """
    host = make_host("sqlite")
    moments = [host.store.read(lambda tx, number=number: tx._event(number).moment) for number in (1, 2)]

    assert moments == [None, None]
