"""Databases with tables that are not ours: the host's own, and others; and how what was deleted there is wiped."""

import asyncio
import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.util import greenlet_spawn

from twofold.errors import ConfigurationError, Unavailable
from twofold.service.ports import Transaction
from twofold.sqlalchemy.engines import READ_ONLY, own_engine, set_lock_timeout
from twofold.sqlalchemy.transaction import SqlTransaction

T = TypeVar("T")
Work = Callable[[Connection], T]

DRIVERS = {
    "sqlite": {"pysqlite": "sqlite3"},
    "postgresql": {"psycopg": "psycopg", "asyncpg": "asyncpg", "psycopg2": "psycopg2"},
    "mysql": {"pymysql": "pymysql", "asyncmy": "asyncmy", "mysqldb": "MySQLdb"},
}
"""The drivers of each database with their modules; of those that are installed the first is taken."""

OTHER_NAMES = {"postgres": "postgresql", "mariadb": "mysql"}

logger = logging.getLogger("twofold")


class Database(Protocol):
    """A database with tables that are not ours."""

    def read(self, work: Work[T]) -> T:
        """Run *work*, which only reads, in one transaction."""

    def write(self, work: Work[T]) -> T:
        """Run *work* in one transaction, and commit."""


class Transacting(Protocol):
    """What runs work in a transaction of the store."""

    def __call__(self, work: Callable[[Transaction], T], /) -> T:
        """Run *work*."""


class HostDatabase:
    """
    The database of the host itself, as its store reaches it.

    Args:
        read: Runs what only reads.
        write: Runs what writes.
    """

    def __init__(self, read: Transacting, write: Transacting) -> None:
        self.reading = read
        self._write = write

    def read(self, work: Work[T]) -> T:
        """See `Database`."""
        return self.reading(lambda tx: work(sql(tx).connection))

    def write(self, work: Work[T]) -> T:
        """See `Database`."""
        return self._write(lambda tx: work(sql(tx).connection))


class OtherDatabase:
    """
    Any other, by its URL; with a driver that understands an event loop, or one that does not.

    Raises:
        ConfigurationError: The URL leads to no database that is understood here, or no driver for it is installed.
    """

    def __init__(self, url: str) -> None:
        self._runner: asyncio.Runner | None = None
        self._engine = self._engine_of(url)

    def _engine_of(self, url: str) -> Engine:
        try:
            found = make_url(url)
            found = found.set(drivername=_with_driver(found.drivername))
            if found.get_backend_name() == "sqlite" and not Path(found.database or "").is_file():
                raise ConfigurationError("There is no file of this name, and SQLite would make an empty one.")
            if not found.get_dialect().is_async:
                return own_engine(create_engine(found, hide_parameters=True))
            self._runner = asyncio.Runner()
            return own_engine(create_async_engine(found, hide_parameters=True).sync_engine)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
            # Not with what was wrong: a password stands in it.
            raise ConfigurationError(
                "The URL of the database is not understood, or its driver is not installed: write "
                "postgresql://user:password@host/database, mysql:// alike, or sqlite:///file."
            ) from None

    def read(self, work: Work[T]) -> T:
        """See `Database`."""
        return self._run(lambda: self._transact(work, read_only=True))

    def write(self, work: Work[T]) -> T:
        """See `Database`."""
        return self._run(lambda: self._transact(work, read_only=False))

    def _transact(self, work: Work[T], *, read_only: bool) -> T:
        try:
            with self._engine.connect() as connection:
                connection.execution_options(**{READ_ONLY: read_only})
                with connection.begin():
                    set_lock_timeout(connection)
                    return work(connection)
        except (SQLAlchemyError, OSError) as error:
            # What the driver says may name the user and the address; no parameter stands in it.
            logger.error("The other database could not be used: %s.", type(error).__name__)  # noqa: TRY400
            raise Unavailable from error

    def _run(self, use: Callable[[], T]) -> T:
        if self._runner is None:
            return use()

        async def spawned() -> T:
            return await greenlet_spawn(use)

        return self._runner.run(spawned())

    def close(self) -> None:
        """Give the connections back."""
        self._run(self._engine.dispose)
        if self._runner is not None:
            self._runner.close()


def _with_driver(name: str) -> str:
    """A URL's scheme with a driver that is installed, where it names none."""
    kind = OTHER_NAMES.get(name, name)
    installed = (driver for driver, module in DRIVERS.get(kind, {}).items() if find_spec(module) is not None)
    driver = next(installed, None)
    return name if driver is None else f"{kind}+{driver}"


def sql(tx: Transaction) -> SqlTransaction:
    """
    A transaction of the store, as one with a connection.

    Raises:
        ConfigurationError: The store is none on a database.
    """
    if not isinstance(tx, SqlTransaction):
        raise ConfigurationError("This needs a store on a database: twofold.sqlalchemy.SqlAlchemyStore.")
    return tx


def column_of(connection: Connection, table: TableClause | Table, name: str) -> dict[str, Any]:
    """
    A column as the database describes it.

    Raises:
        ConfigurationError: There is no such table, or no such column.
    """
    if not inspect(connection).has_table(table.name, schema=table.schema):
        raise ConfigurationError(f"There is no table {table.name} in this database.")
    found = _columns_of(connection, table).get(name)
    if found is None:
        raise ConfigurationError(f"The table {table.name} has no column {name}.")
    return found


def has_column(connection: Connection, table: TableClause | Table, name: str) -> bool:
    """Whether a table has a column of this name in the database, whatever its class says."""
    return name in _columns_of(connection, table)


def _columns_of(connection: Connection, table: TableClause | Table) -> dict[str, dict[str, Any]]:
    found = inspect(connection).get_columns(table.name, schema=table.schema)
    return {described["name"]: dict(described) for described in found}


def wipe_what_goes(connection: Connection) -> None:
    """From now on what this connection deletes is overwritten, and no journal keeps it; where that can be asked for."""
    if connection.dialect.name == "sqlite":
        # The one guard of what SQLite would leave in the pages of the file.
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
        connection.exec_driver_sql("PRAGMA journal_size_limit = 0")


def empty_journal(connection: Connection) -> bool:
    """
    Empty SQLite's write-ahead log, in which older pages stand; whether there is nothing left in it.

    To be called in a transaction that has read nothing: the log is emptied by a connection beside it.
    """
    if connection.dialect.name != "sqlite":
        return True
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() != "wal":
        return True
    beside = connection.engine.raw_connection()
    try:
        cursor = beside.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        told = cursor.fetchone()
        cursor.close()
    finally:
        beside.close()
    return told is not None and not told[0]  # whether it was busy
