"""The store on a host's database, beside the host: its own pool, which is not the host's, and nothing of it changed."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, StaticPool, create_engine, event, func, select, text, update
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.store.hosts import DATABASES, KEYS, enrolled, users_of
from twofold import ConfigurationError, TwoFactorAuth, Unavailable
from twofold.core.totp import time_step_at
from twofold.errors import CannotOpen
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.testing import StoppedClock
from twofold.testing.clock import NOON


def after_connect(engine: Engine, statement: str) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection, _) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()


SETTINGS = {
    "sqlite": ("PRAGMA cache_size = -4321", "PRAGMA cache_size", -4321),
    "postgresql": ("SET application_name = 'the host'", "SHOW application_name", "the host"),
    "mariadb": ("SET @host = 'the host'", "SELECT @host", "the host"),
}


@pytest.mark.parametrize("database", DATABASES)
def test_the_hosts_listeners_are_kept_on_our_pool(make_host, database):
    """
    What the host sets on each of its connections is set on ours too: role, schema, encryption of the file.
    """
    set_it, ask, expected = SETTINGS[database]
    host = make_host(database, prepare=lambda engine: after_connect(engine, set_it))
    with host.store._engine.connect() as connection:
        found = connection.execute(text(ask)).scalar()

    assert expected == found


QUESTIONS = {
    "sqlite": ["PRAGMA busy_timeout", "PRAGMA foreign_keys"],
    "postgresql": ["SHOW lock_timeout", "SHOW transaction_isolation"],
    "mariadb": ["SELECT @@innodb_lock_wait_timeout", "SELECT @@tx_isolation", "SELECT @@autocommit"],
}


@pytest.mark.parametrize("share_pool", [False, True])
@pytest.mark.parametrize("database", DATABASES)
def test_the_hosts_connections_stay_as_they_were(make_host, database, share_pool):
    """
    What we set on our connections, for the time that we need them, is not set on the host's.
    """

    def settings(engine: Engine) -> list[Any]:
        with engine.connect() as connection:
            return [connection.exec_driver_sql(question).scalar() for question in QUESTIONS[database]]

    host = make_host(database, share_pool=share_pool, engine_options={"pool_size": 1, "max_overflow": 0})
    untouched = create_engine(host.engine.url)
    before = settings(untouched)
    untouched.dispose()
    enrolled(host)

    assert before == settings(host.engine)


@pytest.mark.parametrize("database", DATABASES)
def test_our_pool_is_not_the_hosts(make_host, database):
    """
    While the host's only connection is in use, by the request itself perhaps, ours is there: no deadlock under load.
    """
    host = make_host(database, engine_options={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1})
    person = enrolled(host)
    with host.engine.connect() as connection:
        connection.execute(select(1))
        step = person.auth.totp.verify(person.user_id, person.code())

    assert person.row.last_step == step


@pytest.mark.parametrize("database", DATABASES)
def test_a_shared_pool_is_the_hosts(make_host, database, caplog):
    """
    With `share_pool=True` we take the host's connections, wait for them as anybody, and give up as anybody.
    """
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
    host = make_host(database, engine_options=options, share_pool=True)
    person = enrolled(host)
    with host.engine.connect(), pytest.raises(Unavailable):
        person.auth.totp.verify(person.user_id, person.code())
    step = person.auth.totp.verify(person.user_id, person.code())

    assert "TimeoutError" in caplog.text
    assert person.row.last_step == step


@pytest.mark.parametrize("share_pool", [False, True])
def test_closing_leaves_the_hosts_pool(make_host, share_pool):
    """
    When the store is closed the host works on.
    """
    host = make_host("sqlite", share_pool=share_pool)
    person = enrolled(host)
    with host.engine.connect() as connection:
        asyncio.run(host.store.close())
        found = connection.execute(select(func.count()).select_from(host.users.__table__)).scalar()

    assert found == 1
    assert person.row.enabled


def test_a_database_in_memory_for_each_thread_is_refused_on_an_event_loop():
    """
    An engine that has another database in memory in each thread is told what to write instead.
    """
    engine = create_engine("sqlite://")
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=SqlAlchemyStore(engine, users_of(int)), clock=StoppedClock())

    with pytest.raises(ConfigurationError, match="StaticPool"):
        asyncio.run(auth.run(lambda auth: auth.enrollment.status(7)))
    engine.dispose()


def test_a_user_without_a_name_is_shown_by_the_id():
    """
    Where the host lets the account's column be empty, the authenticator app shows the user's id.
    """

    class Base(DeclarativeBase):
        pass

    class Nameless(TwoFactorMixin, Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str | None]

    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    store = SqlAlchemyStore(engine, Nameless)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(Nameless.__table__.insert().values(id=7))
    found = store.read(lambda tx: tx.account(7))
    engine.dispose()

    assert found == "7"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_sqlite_in_memory_is_shared(asynchronous):
    """
    A database in memory is one connection: ours is the host's, or it would be another database.
    """
    url = "sqlite+aiosqlite://" if asynchronous else "sqlite://"
    options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    engine = create_async_engine(url, **options) if asynchronous else create_engine(url, **options)
    users = users_of(int)
    store = SqlAlchemyStore(engine, users)
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=store, clock=StoppedClock())

    async def host():
        statement = users.__table__.insert().values(id=7, email="ann@example.com")
        if asynchronous:
            async with engine.begin() as connection:
                await connection.run_sync(users.metadata.create_all)
                await connection.execute(statement)
        else:
            with engine.begin() as connection:
                users.metadata.create_all(connection)
                connection.execute(statement)
        set_up = await auth.run(lambda auth: auth.totp.set_up(7))
        typed = auth.typed(set_up.secret.code_at(time_step_at(NOON, 30)))
        await auth.run(lambda auth: auth.totp.confirm(7, typed))
        row = await auth.store.run(lambda transactions: transactions.read(lambda tx: tx.enrollment(7)))
        await store.close()
        if asynchronous:
            await engine.dispose()
        else:
            engine.dispose()
        return row

    assert asyncio.run(host()).enabled


def test_an_async_engine_needs_run():
    """
    Calling a use case synchronously over an `AsyncEngine` says what to write instead.
    """
    store = SqlAlchemyStore(create_async_engine("sqlite+aiosqlite:///never-opened.db"), users_of(int))
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=store)
    with pytest.raises(ConfigurationError) as of_a_check:
        auth.verify_totp_code(7, "123456")
    with pytest.raises(ConfigurationError) as of_a_read:
        auth.enrollment.status(7)

    assert str(of_a_check.value) == ("This store stands on an AsyncEngine: write await auth.run(lambda auth: ...).")
    assert str(of_a_read.value) == str(of_a_check.value)


@pytest.mark.parametrize("step", ["read", "transact"])
def test_a_use_case_that_is_cancelled_ends_where_it_is(make_host, step):
    """
    When the event loop ends, as at Ctrl-C, a use case in a thread begins no transaction any more.
    """
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=make_host("sqlite").store)
    begun, given_up, ended = threading.Event(), threading.Event(), threading.Event()
    steps: list[str] = []

    def use_case(auth: TwoFactorAuth) -> None:
        take = getattr(auth.imports, {"read": "read", "transact": "write"}[step])
        try:
            take(lambda _: steps.append("first"))
            begun.set()
            given_up.wait(10)
            take(lambda _: steps.append("second"))
        finally:
            ended.set()

    async def started() -> None:
        running.append(asyncio.ensure_future(auth.run(use_case)))
        await asyncio.to_thread(begun.wait, 10)

    running: list[asyncio.Future[None]] = []
    asyncio.run(started())
    given_up.set()

    assert ended.wait(10)
    assert steps == ["first"]


def test_a_use_case_in_a_thread_keeps_the_context(make_host):
    """
    Over an `Engine` a use case runs in a thread, with the context variables of who waits for it.
    """
    host = make_host("sqlite")
    request_id = contextvars.ContextVar("request_id")

    async def request():
        request_id.set("of this request")
        return await host.store.run(lambda _: (request_id.get(), threading.current_thread() is threading.main_thread()))

    assert asyncio.run(request()) == ("of this request", False)


LEVELS = {
    ("postgresql", "SERIALIZABLE", "own"): ("SHOW transaction_isolation", "read committed"),
    ("postgresql", "SERIALIZABLE", "shared"): ("SHOW transaction_isolation", "read committed"),
    ("mariadb", "SERIALIZABLE", "own"): ("SELECT @@tx_isolation", "READ-COMMITTED"),
    ("mariadb", "AUTOCOMMIT", "own"): ("SELECT @@autocommit", 0),
    ("mariadb", "SERIALIZABLE", "shared"): (
        "SELECT trx_isolation_level FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()",
        "READ COMMITTED",
    ),
    ("mariadb", "AUTOCOMMIT", "shared"): ("SELECT @@in_transaction", 1),
}


@pytest.mark.parametrize("said", ["argument", "option"])
@pytest.mark.parametrize(("database", "level", "pool"), LEVELS)
def test_our_transactions_are_at_our_level(make_host, database, level, pool, said):
    """
    Whatever isolation level the host's engine is set to, and however, ours read what is committed, and commit as one.
    """
    given = {"isolation_level": level}
    options = given if said == "argument" else {"execution_options": given}
    host = make_host(database, engine_options=options, share_pool=pool == "shared")
    question, expected = LEVELS[database, level, pool]
    with host.store._engine.connect() as connection:
        connection.execute(select(host.users.__table__))  # Before it reads, InnoDB knows of no transaction.
        found = connection.exec_driver_sql(question).scalar_one()

    assert expected == found


@pytest.mark.parametrize("stored", ["{", "7", "[5]", '{"totp": "many"}', '{"totp": Infinity}'])
def test_damaged_counts_are_not_taken_for_none(make_host, stored, caplog):
    """
    Where the counts in a row cannot be read no code is looked at, and the operator learns which column it is (G14).
    """
    host = make_host("sqlite")
    person = enrolled(host)
    with host.engine.begin() as connection:
        connection.execute(update(host.users.__table__).values(twofa_failures=stored))
    with pytest.raises(CannotOpen):
        person.auth.totp.verify(person.user_id, person.code())

    assert "twofa_failures: not a JSON object of counts" in caplog.text
