"""A database out of reach, started anew or failing, and a request that ends in the middle."""

import asyncio
import logging
import re
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import await_only

from tests.servers import free_port
from tests.store.hosts import DATABASES, KEYS, SERVERS, Host, auth_of, enrolled, users_of
from twofold import InvalidCode, KeyRing, TwoFactorAuth, Unavailable
from twofold.core.enrollment import Enrollment
from twofold.core.totp import TotpSecret, time_step_at
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.sqlalchemy.engines import reason_of
from twofold.testing.clock import NOON

PATIENCE_SECONDS = 10


@pytest.mark.parametrize(
    ("driver", "asynchronous"),
    [
        ("postgresql+psycopg", False),
        ("mysql+pymysql", False),
        ("postgresql+asyncpg", True),
        ("mysql+asyncmy", True),
        ("sqlite", False),
    ],
)
def test_a_database_out_of_reach_is_unavailable(tmp_path, caplog, driver, asynchronous):
    """
    Where no server answers, or there is no folder for the file, every use case says that nothing could be done.
    """
    place = f"/{tmp_path}/nowhere/host.db" if driver.startswith("sqlite") else f"ann@127.0.0.1:{free_port()}/host"
    url = f"{driver}://{place}"
    engine = create_async_engine(url) if asynchronous else create_engine(url)
    store = SqlAlchemyStore(engine, users_of(int))
    auth = TwoFactorAuth(issuer="Acme", keys=KEYS, store=store)

    async def host() -> list[type]:
        errors = []
        for use_case in (
            lambda auth: auth.verify_totp_code(7, "123456"),
            lambda auth: auth.enrollment.status(7),
            lambda auth: auth.forget(7),
        ):
            with pytest.raises(Unavailable) as refusal:
                await auth.run(use_case)
            errors.append(type(refusal.value))
        await store.close()
        return errors

    assert asyncio.run(host()) == [Unavailable] * 3
    assert caplog.text.count("The database could not be used") == 3


KILLING = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT CONCAT('KILL ', id) FROM information_schema.processlist "
    "WHERE db = DATABASE() AND id <> CONNECTION_ID()",
}


def kill_all_others(host: Host) -> int:
    """End every connection to the database but one: the server was started anew, as far as they can tell."""
    killer = create_engine(host.engine.url, isolation_level="AUTOCOMMIT")
    with killer.connect() as connection:
        found = connection.exec_driver_sql(KILLING["postgresql" if "postgres" in killer.name else "mariadb"]).all()
        for (statement,) in found:
            if isinstance(statement, str):
                connection.exec_driver_sql(statement)
    killer.dispose()
    return len(found)


@pytest.mark.parametrize("share_pool", [False, True])
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("database", SERVERS)
def test_a_server_that_was_started_anew_is_met_again(make_host, database, asynchronous, share_pool):
    """
    Connections that died while they lay in the pool, ours or the host's, are replaced, without anybody noticing.
    """
    host = make_host(database, asynchronous=asynchronous, share_pool=share_pool)
    person = enrolled(host)
    killed = kill_all_others(host)
    step = person.auth.totp.verify(person.user_id, person.code())
    kill_all_others(host)
    status = person.auth.enrollment.status(person.user_id)

    assert killed >= 1
    assert person.row.last_step == step
    assert status.enabled


@pytest.mark.parametrize("database", SERVERS)
def test_an_error_of_the_database_shows_no_value(make_host, database, caplog):
    """
    What the operator reads of an error of the database holds no parameter: no sealed value, no hash (G9).
    """
    caplog.set_level(logging.DEBUG, "twofold")
    host = make_host(database)
    user_id = host.add_user()
    column = "ALTER totp_pending_secret TYPE" if database == "postgresql" else "MODIFY totp_pending_secret"
    with host.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE users {column} VARCHAR(10)")
    with pytest.raises(Unavailable) as refusal:
        auth_of(host).totp.set_up(user_id)

    assert "The database could not be used (DataError" in caplog.text
    assert "v1." not in caplog.text
    assert str(refusal.value) == Unavailable.detail


@pytest.mark.parametrize("database", ["sqlite", *SERVERS])
def test_an_error_of_the_database_shows_no_address(make_host, database):
    """
    What the log says of a value that is there already, or does not fit, holds neither it nor the row (G9).
    """
    host, address = make_host(database), "ann.of.ours@example.com"
    host.add_user()
    with host.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (name VARCHAR(40) PRIMARY KEY, number INTEGER NOT NULL)")
    reasons = []
    for values in ("(:address, 1), (:address, 2)", "(:address, NULL)"):
        with pytest.raises(IntegrityError) as refused, host.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO things VALUES {values}"), {"address": address})
        reasons.append((str(refused.value.orig), reason_of(refused.value)))

    assert all(re.fullmatch(r"IntegrityError(, \w+)*", reason) for _, reason in reasons)
    assert any(address in told for told, _ in reasons) == (database != "sqlite")


def test_an_error_of_a_driver_shows_no_value(postgresql):
    """
    What asyncpg itself will not send is named in its error, and not in the log (G9).
    """
    engine, code = create_async_engine(postgresql.fresh_database().async_url), "the code of ann"

    async def host() -> DBAPIError:
        with pytest.raises(DBAPIError) as refused:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT CAST(:number AS INTEGER)"), {"number": code})
        await engine.dispose()
        return refused.value

    error = asyncio.run(host())

    assert code in str(error.orig)
    assert reason_of(error) == "DBAPIError, Error, DataError"


class HeldKeys(KeyRing):
    """A key ring that, over an `AsyncEngine`, waits while it opens a value: the row is locked, nothing decided yet."""

    def __init__(self) -> None:
        super().__init__([Fernet.generate_key().decode()])
        self.opening, self.let_go, self.holds = asyncio.Event(), asyncio.Event(), False

    def open_sealed(self, *arguments: Any) -> bytes:
        if self.holds:
            self.opening.set()
            await_only(self.let_go.wait())
        return super().open_sealed(*arguments)


@pytest.mark.parametrize("database", DATABASES)
def test_a_failure_is_counted_although_the_client_hung_up(make_host, database):
    """
    A request that is cancelled in the middle of its check, holding the row, leaves a counted failure (G3).
    """
    host = make_host(database, asynchronous=True)
    user_id = host.add_user()

    async def server() -> tuple[bool, Enrollment]:
        keys, told = HeldKeys(), asyncio.Event()
        auth = auth_of(host, store=host.store, keys=keys, on_event=lambda _: told.set())
        secret: TotpSecret = (await auth.run(lambda auth: auth.totp.set_up(user_id))).secret
        right = secret.code_at(time_step_at(NOON, 30))
        await auth.run(lambda auth: auth.totp.confirm(user_id, auth.typed(right)))
        told.clear()
        keys.holds = True
        wrong = auth.typed(f"{(int(right) + 1) % 10**6:06d}")
        request = asyncio.create_task(auth.run(lambda auth: auth.totp.verify(user_id, wrong)))
        await keys.opening.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        keys.let_go.set()
        await asyncio.wait_for(told.wait(), PATIENCE_SECONDS)
        row = await host.store.run(lambda transactions: transactions.read(lambda tx: tx.enrollment(user_id)))
        return request.cancelled(), row

    cancelled, row = host.loop.run(server())

    assert cancelled
    assert row.attempts.failures == {"totp": 1}


def test_a_failure_is_counted_although_the_host_rolled_back(make_host):
    """
    A wrong code stays counted when the host's own transaction, in which it was checked, is rolled back (G3).
    """
    host = make_host("postgresql")
    person = enrolled(host)
    with host.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(select(host.users.__table__))
        with pytest.raises(InvalidCode):
            person.auth.totp.verify(person.user_id, person.wrong_code())
        transaction.rollback()

    assert person.row.attempts.failures == {"totp": 1}
