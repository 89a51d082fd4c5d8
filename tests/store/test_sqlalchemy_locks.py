"""Locks: how long one waits, and what happens when the database cannot bring two transactions in line."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import OperationalError

from tests.store.hosts import DATABASES, SERVERS, enrolled, held
from twofold import Unavailable
from twofold.core.enrollment import Enrollment
from twofold.core.events import Event, EventKind
from twofold.testing.clock import NOON

PATIENCE_SECONDS = 10


@pytest.mark.parametrize(
    ("database", "asynchronous"),
    [("sqlite", False), ("postgresql", False), ("mariadb", False), ("postgresql", True)],
)
def test_a_lock_that_is_not_to_be_had_gives_up_after_two_seconds(make_host, database, asynchronous, caplog):
    """
    Where the request itself, or anybody, holds the user's row, a check gives up within about 2 s, changes nothing, and
    tells the operator why and what to write; when the row is free the same code is accepted.
    """
    host = make_host(database, asynchronous=asynchronous)
    person = enrolled(host)
    before, begun = person.row, time.monotonic()
    with held(host, person.user_id), pytest.raises(Unavailable):
        person.auth.totp.verify(person.user_id, person.code())
    waited = time.monotonic() - begun
    unchanged = person.row
    step = person.auth.totp.verify(person.user_id, person.code())

    assert 1 < waited < 6
    assert before == unchanged
    assert "a lock that was not to be had within 2 s" in caplog.text
    assert "or use side_table=" in caplog.text
    assert person.row.last_step == step


@pytest.mark.parametrize("database", SERVERS)
def test_with_a_side_table_no_lock_is_shared_with_the_host(make_host, database):
    """
    With our columns in a table of their own, a check passes while the host holds its row.
    """
    host = make_host(database, side_table="user_two_factor")
    person = enrolled(host)
    with held(host, person.user_id):
        step = person.auth.totp.verify(person.user_id, person.code())
        proved = person.auth.step_up.prove(person.user_id, "a session", person.next_code())

    assert step < person.row.last_step
    assert proved.assurance.aal == 2


@pytest.mark.parametrize("database", ["postgresql"])
def test_rows_of_the_host_that_refer_to_the_user_are_not_held_up(make_host, database):
    """
    While a check holds the user's row, the host writes rows that refer to the user, whose key does not change.
    """
    host = make_host(database)
    user_id, events = host.add_user(), host.table("twofold_events")
    row = {"user_id": user_id, "kind": "signed_in", "moment": NOON, "outcome": "success"}

    def work(tx: Any) -> None:
        tx.lock(user_id)
        with host.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            connection.execute(insert(events).values(**row))

    host.store.transact(work)

    assert len(host.events_of(user_id)) == 1


@pytest.mark.parametrize("database", DATABASES)
def test_two_transactions_that_lock_crosswise_both_succeed(make_host, database):
    """
    Where the database ends one of two transactions that wait for each other, that one runs again from its beginning:
    both have their effect, once.
    """
    host = make_host(database)
    one, other = host.add_user(), host.add_user()
    both_hold = threading.Barrier(2)

    def change(order: list[Any]) -> int:
        runs = []

        def work(tx: Any) -> None:
            runs.append(order)
            rows = [tx.lock(order[0])]
            # On SQLite the second cannot hold anything before the first has ended.
            if len(runs) == 1 and database != "sqlite":
                both_hold.wait(PATIENCE_SECONDS)
            rows.append(tx.lock(order[1]))
            for row in rows:
                tx.save(replace(row, epoch=row.epoch + 1))
                tx.record(Event(row.user_id, EventKind.PASSWORD_CHANGED, NOON))

        host.store.transact(work)
        return len(runs)

    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(change, order) for order in ([one, other], [other, one])]
        times = [run.result(PATIENCE_SECONDS) for run in runs]

    # Who runs again may come first once more, and has to run a third time.
    assert (sum(times) > 2) == (database != "sqlite")
    assert [host.store.read(lambda tx, one=one: tx.enrollment(one)).epoch for one in (one, other)] == [2, 2]
    assert [len(host.events_of(one)) for one in (one, other)] == [2, 2]


CONFLICTS = {
    "40001": psycopg.errors.SerializationFailure("could not serialize access due to concurrent update"),
    "40P01": psycopg.errors.DeadlockDetected("deadlock detected"),
    "1305": pymysql.err.OperationalError(1305, "SAVEPOINT sa_savepoint_1 does not exist"),
    "1213": pymysql.err.OperationalError(1213, "Deadlock found when trying to get lock"),
    "1020": pymysql.err.OperationalError(1020, "Record has changed since last read in table 'users'"),
}


@pytest.mark.parametrize("code", CONFLICTS)
def test_a_conflict_is_tried_three_times_more(make_host, caplog, code):
    """
    Work that meets a conflict each time runs four times in all, then nothing was done, and the operator is told.
    """
    host, runs = make_host("sqlite"), []
    user_id = host.add_user()

    def work(tx: Any) -> None:
        runs.append(tx.lock(user_id))
        tx.save(replace(runs[-1], epoch=1))
        raise OperationalError("UPDATE", {}, CONFLICTS[code])

    with pytest.raises(Unavailable):
        host.store.transact(work)

    assert [Enrollment(user_id=user_id)] * 4 == runs
    assert host.store.read(lambda tx: tx.enrollment(user_id)).epoch == 0
    assert caplog.text.count("The database could not be used") == 1


def test_another_error_is_not_tried_again(make_host, caplog):
    """
    What is no conflict happens once, and the operator is told.
    """
    host, runs = make_host("sqlite"), []

    def work(tx: Any) -> None:
        runs.append(1)
        raise OperationalError("UPDATE", {}, pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"))

    with pytest.raises(Unavailable):
        host.store.transact(work)

    assert runs == [1]
    assert "Lock wait timeout exceeded" in caplog.text


def test_a_commit_of_which_nobody_knows_is_not_done_again(make_host):
    """
    Where the connection breaks during the commit, the work is not run again: it may have happened.
    """
    host, runs = make_host("sqlite"), []

    @event.listens_for(host.store._engine, "commit")
    def on_commit(connection) -> None:
        connection.invalidate()
        raise OperationalError("COMMIT", {}, OSError("gone"), connection_invalidated=True)

    with pytest.raises(Unavailable):
        host.store.transact(lambda _: runs.append(1))

    assert runs == [1]
