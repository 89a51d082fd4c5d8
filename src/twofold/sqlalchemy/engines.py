"""An engine of our own on the host's database, and what each database needs for our transactions."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry, Pool, SingletonThreadPool, StaticPool

from twofold.errors import ConfigurationError

LOCK_TIMEOUT_SECONDS = 2
"""How long a transaction waits for a lock; longer, and the request waits for itself."""

SQLITE_TRY_MILLISECONDS = 20
"""How long one of the many tries on SQLite waits for the lock."""

OWN_CONNECTIONS = 5
"""Connections of our own at most: a check holds one for some milliseconds."""

CONNECTION_LOST = 2013
"""MariaDB's number for a connection that was lost."""

READ_ONLY = "twofold_read_only"
"""The execution option of a connection that only reads."""

_RETRYABLE = {
    "40001": "PostgreSQL: serialization failure",
    "40P01": "PostgreSQL: deadlock detected",
    1213: "MariaDB: deadlock found",
    1305: "MariaDB: the savepoint is gone, with the whole transaction, after a deadlock",
    1020: "MariaDB: record has changed since last read",
}


def must_share(engine: Engine) -> bool:
    """Whether another pool would be another database: SQLite in memory."""
    return isinstance(engine.pool, StaticPool | SingletonThreadPool)


def own_engine(engine: Engine) -> Engine:
    """
    An engine on the same database with a pool of its own; the host's listeners on connections go along.

    A second connection out of the host's own pool, while the request holds the first, is a deadlock under load.
    """
    pool = engine.pool.recreate()
    # To ask each connection before it is used would be one more wait for a server that says nothing; one that broke is
    # replaced anyway.
    pool._pre_ping = False  # noqa: SLF001 - said nowhere else
    own = _engine_on(pool, engine)
    match engine.dialect.name:
        case "sqlite":
            event.listen(own, "connect", _on_sqlite_connect)
            event.listen(own, "begin", _on_sqlite_begin)
        case "mysql" | "mariadb":
            event.listen(own, "connect", _on_mariadb_connect)
            # Of the dialect, and so for the host's connections too.
            event.listen(own, "do_connect", _on_mariadb_dial)
        case "postgresql":
            # Once a connection: as an option of the engine it is set, and set back, around each transaction.
            event.listen(own, "connect", lambda new, _: own.dialect.set_isolation_level(new, "READ COMMITTED"))
        case other:
            raise ConfigurationError(f"SqlAlchemyStore: {other} is not SQLite, PostgreSQL or MariaDB.")
    return own


def shared_engine(engine: Engine) -> Engine:
    """The host's own pool, with what our transactions need beside it."""
    if must_share(engine):
        return engine
    shared = _engine_on(engine.pool, engine)
    match engine.dialect.name:
        case "sqlite":
            event.listen(shared, "begin", _on_sqlite_begin)
        case "mysql" | "mariadb":
            event.listen(shared, "begin", _on_shared_mariadb_begin)
        case _:
            return shared.execution_options(isolation_level="READ COMMITTED")
    return shared


def _engine_on(pool: Pool, host: Engine) -> Engine:
    # A new engine, and not an option of the host's: on SQLite the host's listeners may say BEGIN, and so do we.
    options = {name: value for name, value in host.get_execution_options().items() if name != "isolation_level"}
    return Engine(pool, host.dialect, host.url, hide_parameters=True, execution_options=options)


def _on_sqlite_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # Python's own transactions would let a SELECT run outside of them, unseen.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(_busy_timeout(LOCK_TIMEOUT_SECONDS * 1000))
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _busy_timeout(milliseconds: int) -> str:
    return f"PRAGMA busy_timeout = {milliseconds}"


def _on_sqlite_begin(connection: Connection) -> None:
    if connection.get_execution_options().get(READ_ONLY):
        connection.exec_driver_sql("BEGIN")
        return
    # Left alone, all that wait soon sleep in step, a tenth of a second each time, and one gets in at each awakening:
    # of forty at once the last waited 2 s. Many short waits let in the same forty within 0.04 s.
    patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(_busy_timeout(SQLITE_TRY_MILLISECONDS))
    try:
        _begin_immediate(connection)
    finally:
        connection.exec_driver_sql(_busy_timeout(patience))


def _begin_immediate(connection: Connection) -> None:
    """The one guard of G2 on SQLite, which has no row locks: one writer from its first read on."""
    for remaining in reversed(range(LOCK_TIMEOUT_SECONDS * 1000 // SQLITE_TRY_MILLISECONDS)):
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            if not remaining or "locked" not in str(error.orig):
                raise


def _on_mariadb_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    # A host may commit each statement by itself, and our lock with it.
    cursor.execute(f"SET SESSION autocommit = 0, innodb_lock_wait_timeout = {LOCK_TIMEOUT_SECONDS}")
    cursor.close()


def _on_shared_mariadb_begin(connection: Connection) -> None:
    # Not by the option `isolation_level`: on a connection that broke in the pool it fails before SQLAlchemy knows the
    # error for one of the database's. Said out loud, because the host may commit each statement by itself.
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    connection.exec_driver_sql("START TRANSACTION")


def _on_mariadb_dial(dialect: Dialect, _: object, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the driver's own
    try:
        return dialect.connect(*arguments, **options)
    except RuntimeError as error:
        # asyncmy on uvloop says so of a connection that is reset while it is made; no host takes it for what it is.
        raise dialect.loaded_dbapi.OperationalError(CONNECTION_LOST, str(error)) from error


def set_lock_timeout(connection: Connection) -> None:
    """The first statement of a transaction that locks; the other databases know it from the connection."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")


def reason_of(error: Exception) -> str:
    """What the log says of an error: mostly its kinds alone, for drivers show the value, or an address."""
    cause = getattr(error, "orig", None) or error
    # asyncpg's own errors arrive as nothing but errors: what they are called is said, and not what they say.
    kinds = dict.fromkeys(type(each).__name__ for each in (error, cause, cause.__cause__) if each is not None)
    # The one guard of G9 here: the rest of a driver's text, where PostgreSQL shows the row, is left too.
    telling = not isinstance(error, StatementError) or isinstance(error, OperationalError | ProgrammingError)
    return ", ".join(kinds) + (f": {str(cause).partition(chr(10))[0]}" if telling else "")


def may_retry(error: DBAPIError) -> bool:
    """Whether the transaction certainly did not happen, and may go better from its beginning."""
    cause: Any = error.orig
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    arguments: tuple[Any, ...] = getattr(cause, "args", ())
    return code in _RETRYABLE or any(argument in _RETRYABLE for argument in arguments[:1])
