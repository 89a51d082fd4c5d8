"""Where a database cannot bring transactions in line, ours begin again, and nobody hears of it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event, update

from tests.races.people import People
from tests.races.place import Place
from twofold.errors import Unavailable
from twofold.service.ports import Transaction
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.sqlalchemy.store import RETRIES

PATIENCE_SECONDS = 10

servers = pytest.mark.parametrize("place", ["postgresql", "mariadb", "mariadb-snapshot-isolation"], indirect=True)
# MariaDB without snapshot isolation never says that a row has changed.
servers_with_snapshots = pytest.mark.parametrize("place", ["postgresql", "mariadb-snapshot-isolation"], indirect=True)


@pytest.fixture
def store(place: Place, people: People) -> Iterator[SqlAlchemyStore]:
    store = place.store(people.engine)
    yield store
    store._engine.dispose()


def synchronously(people: People, work: "Work") -> None:
    people.store.transact(work)


def asynchronously(people: People, work: "Work") -> None:
    async def run() -> None:
        engine = people.place.async_engine()
        store = people.place.store(engine)
        await store.run(lambda transactions: transactions.transact(work))
        await store.close()
        await engine.dispose()

    asyncio.run(run())


@servers
@pytest.mark.parametrize("transact", [synchronously, asynchronously])
def test_a_deadlock_is_not_heard_of(place: Place, people: People, transact: Callable[[People, "Work"], None]):
    """
    A transaction of ours that a deadlock with the host's ends begins again, and happens once.
    """
    ours, hosts, *others = [people.somebody() for _ in range(12)]
    we_hold, the_host_holds = threading.Event(), threading.Event()
    tries = []

    def host() -> None:
        with people.engine.begin() as connection:
            _touch(place, connection, hosts, *others)  # MariaDB ends the one that has changed less: us.
            the_host_holds.set()
            assert we_hold.wait(PATIENCE_SECONDS)
            _let_us_wait_first(connection)
            _touch(place, connection, ours)

    def work(tx: Transaction) -> None:
        tries.append("one")
        tx.lock(ours)
        we_hold.set()
        assert the_host_holds.wait(PATIENCE_SECONDS)
        tx.save(tx.lock(hosts).outlived())

    with ThreadPoolExecutor() as threads:
        other = threads.submit(host)
        transact(people, work)
        other.result()

    assert tries == ["one"] * 2
    assert people.enrollment(hosts).epoch == 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_who_waits_for_the_one_writer_asks_often(people: People, store: SqlAlchemyStore):
    """
    A transaction of ours that waits for SQLite's one writer asks again all the time, for those who wait long in silence
    starve in a crowd.
    """
    user_id, asked = people.somebody(), list[str]()
    event.listen(store._engine, "before_cursor_execute", lambda _, __, statement, *___: asked.append(statement))

    with ThreadPoolExecutor() as threads, people.engine.connect() as writer:
        writer.exec_driver_sql("BEGIN IMMEDIATE")
        waiting = threads.submit(store.transact, lambda tx: tx.save(tx.lock(user_id).outlived()))
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
        writer.rollback()
        waiting.result()

    assert asked.count("BEGIN IMMEDIATE") > 5
    assert people.enrollment(user_id).epoch == 1


@servers_with_snapshots
def test_a_changed_row_is_not_heard_of(place: Place, people: People):
    """
    A transaction of ours whose snapshot is older than the row it locks begins again, and happens once.
    """
    user_id = people.somebody()
    work, tries = _work_beside_the_host(place, people, user_id, times=1)

    _at_repeatable_read(people)(work)

    assert tries == ["one"] * 2
    assert people.enrollment(user_id).epoch == 1


@servers_with_snapshots
def test_what_never_goes_well_is_told(place: Place, people: People):
    """
    A transaction of ours that the host thwarts each time is given up after three more tries, and did not happen.
    """
    user_id = people.somebody()
    work, tries = _work_beside_the_host(place, people, user_id, times=RETRIES + 1)

    with pytest.raises(Unavailable):
        _at_repeatable_read(people)(work)

    assert tries == ["one"] * (1 + RETRIES)
    assert people.enrollment(user_id).epoch == 0


@servers
def test_a_lost_connection_is_not_heard_of(people: People, store: SqlAlchemyStore):
    """
    A transaction of ours whose connection was lost before it, with the server's restart, begins again on a new one.
    """
    user_id = people.somebody()
    with store._engine.connect() as connection:
        number = _number_of(connection)
    _end(people, number)

    store.transact(lambda tx: tx.save(tx.lock(user_id).outlived()))

    assert people.enrollment(user_id).epoch == 1


@servers
def test_a_connection_lost_in_the_commit_is_told(people: People, store: SqlAlchemyStore):
    """
    A transaction of ours whose connection is lost while it commits is not done again: it may have happened.
    """
    user_id, tries = people.somebody(), []

    def work(tx: Transaction) -> None:
        tries.append("one")
        tx.save(tx.lock(user_id).outlived())

    event.listen(store._engine, "commit", lambda connection: _end(people, _number_of(connection)))

    with pytest.raises(Unavailable):
        store.transact(work)

    assert tries == ["one"]


Work = Callable[[Transaction], None]


def _work_beside_the_host(place: Place, people: People, user_id: int, *, times: int) -> tuple[Work, list[str]]:
    """Our transaction, and in its midst, some times, one of the host's on the same row; and our tries."""
    bystander, tries = people.somebody(), list[str]()

    def work(tx: Transaction) -> None:
        tries.append("one")
        tx.enrollment(bystander)  # From here on it sees the database as it was now.
        if len(tries) <= times:
            with people.engine.begin() as connection:
                _touch(place, connection, user_id)
        tx.save(tx.lock(user_id).outlived())

    return work, tries


def _at_repeatable_read(people: People) -> Callable[[Work], None]:
    """A store whose transactions are at an isolation level that ours never have, for only there rows change so."""
    store = people.place.store(people.engine)
    store._engine = people.engine.execution_options(isolation_level="REPEATABLE READ")
    return store.transact


def _touch(place: Place, connection: Connection, *user_ids: int) -> None:
    for user_id in user_ids:
        email = f"{time.monotonic_ns()}@example.com"
        connection.execute(update(place.user).where(place.user.id == user_id).values(email=email))


def _let_us_wait_first(connection: Connection) -> None:
    """PostgreSQL ends whoever is the first to have waited for a second; so the host gives us a start of half of one."""
    if connection.dialect.name != "postgresql":
        return
    waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = %s"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not connection.exec_driver_sql(waiting, (connection.engine.url.database,)).scalar_one():
        assert time.monotonic() < deadline
    connection.exec_driver_sql("SELECT pg_sleep(0.5)")


def _number_of(connection: Connection) -> int:
    """What the server calls *connection*."""
    name = "pg_backend_pid" if connection.dialect.name == "postgresql" else "CONNECTION_ID"
    return int(connection.exec_driver_sql(f"SELECT {name}()").scalar_one())


def _end(people: People, number: int) -> None:
    """End a connection from the server's side."""
    with people.engine.connect() as other:
        postgresql = other.dialect.name == "postgresql"
        other.exec_driver_sql(f"SELECT pg_terminate_backend({number})" if postgresql else f"KILL {number}")
