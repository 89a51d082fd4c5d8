"""The database: engine, sessions, and the way to the newest tables."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from fastapi import Depends, FastAPI, Request
from sqlalchemy import Connection, Row, Select, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.util import greenlet_spawn

from twofold import ConfigurationError, Unavailable
from twofold.sqlalchemy.engines import reason_of

BACKEND = Path(__file__).parent.parent
DEFAULT_URL = f"sqlite+aiosqlite:///{BACKEND / 'var' / 'twofold.db'}"
CONNECTIONS = 15  # A worker's at most; all are kept, for to make one takes longer than most requests.
CONNECT_SECONDS = 5  # Some drivers would wait a minute or more.
MIGRATION_MILLISECONDS, LOCK_MILLISECONDS = 60_000, 5_000  # How long SQLite waits for a lock.
logger = logging.getLogger("app")


class OutOfReach(ConfigurationError):
    """The database cannot be used where it is said to be; whether the setting is wrong, or it, nobody here knows."""


class Base(DeclarativeBase):
    """All tables of the application, those of the second factor too."""


def make_engine(url: str) -> AsyncEngine:
    """An engine for *url*, or for a SQLite file of our own where it is empty."""
    if not url:
        (BACKEND / "var").mkdir(mode=0o700, exist_ok=True)
    # Errors of the database are logged; what was stored is not.
    options: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": 0}
    patience = "timeout" if "asyncpg" in url.partition(":")[0] else "connect_timeout"
    options["connect_args"] = {patience: CONNECT_SECONDS}
    if (url or DEFAULT_URL).startswith("sqlite"):
        options = {}
    engine = create_async_engine(url or DEFAULT_URL, hide_parameters=True, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _on_sqlite_connect)
    return engine


def _on_sqlite_connect(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
    cursor = connection.cursor()
    # Who starts while another one migrates waits for the file, however long that takes; later nobody waits so long.
    pragmas = [f"busy_timeout = {MIGRATION_MILLISECONDS}", "journal_mode = WAL", f"busy_timeout = {LOCK_MILLISECONDS}"]
    # Readers do not hold up the writer, a commit survives a power cut, and foreign keys hold.
    for pragma in (*pragmas, "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def get_db(request: Request) -> AsyncIterator[AsyncSession]:
    """
    The database session of one request.

    Raises:
        Unavailable: The database is out of reach, from wherever in the request it was asked.
    """
    async with opened(request.app) as db:
        yield db


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[AsyncSession]:
    """A database session, for whoever needs one only now and then; raises as `get_db`."""
    with _unavailable():
        async with AsyncSession(app.state.engine, expire_on_commit=False) as db:
            yield db


async def read_one(request: Request, query: Select[Any], **parameters: object) -> Row[Any] | None:
    """
    One row by one statement, with no transaction around it.

    Raises:
        Unavailable: The database is out of reach.
    """
    reader = request.app.state.reader.sync_engine

    def read() -> Row[Any] | None:
        with reader.connect() as connection:
            found: Row[Any] | None = connection.execute(query, parameters).first()
            return found

    with _unavailable():
        # In one greenlet; an `AsyncConnection` begins one for each of its steps, which takes longer than the query.
        return await greenlet_spawn(read)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        logger.error("The database could not be used (%s).", reason_of(error))  # noqa: TRY400 - no trace
        raise Unavailable from error


Db = Annotated[AsyncSession, Depends(get_db)]


async def migrate(engine: AsyncEngine) -> None:
    """
    Bring the tables to the newest revision; several starters at once do it one after the other.

    Raises:
        OutOfReach: The database is not there, or does not let us in.
        ConfigurationError: It is of no kind that is known here, or its tables are not ours to bring up to date.
    """
    with _told("the database is out of reach or does not let us in; name one that does", OutOfReach):
        if engine.dialect.name == "sqlite":
            # Tried without aiosqlite, whose thread outlives a failure and complains when the loop has gone.
            path = engine.url.database or ":memory:"
            sqlite3.connect(path, uri=path.startswith("file:")).close()
        connection = await engine.connect()
    try:
        with _told("the tables there cannot be brought up to date"):
            await connection.run_sync(_migrate)
    finally:
        await connection.close()


@contextmanager
def _told(what: str, away: type[ConfigurationError] = ConfigurationError) -> Iterator[None]:
    """Whatever a driver makes of a wrong URL or a strange database, by the error's name: its text may hold the URL."""
    try:
        yield
    except (SQLAlchemyError, CommandError, sqlite3.Error, OSError, ImportError, TypeError, ValueError) as error:
        kind = away if isinstance(error, OperationalError | sqlite3.OperationalError | OSError) else ConfigurationError
        cause: BaseException = error
        while cause.__cause__ is not None:  # the driver's own error says most
            cause = cause.__cause__
        raise kind(f"DATABASE_URL: {what} ({type(cause).__name__}).") from error


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(BACKEND / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
