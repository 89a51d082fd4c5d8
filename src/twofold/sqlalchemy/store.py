"""The store on the host's own database."""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import SingletonThreadPool
from sqlalchemy.util import greenlet_spawn

from twofold.errors import ConfigurationError, TwofoldError, Unavailable
from twofold.service.ports import Transaction, Transactions
from twofold.sqlalchemy.engines import (
    LOCK_TIMEOUT_SECONDS,
    OWN_CONNECTIONS,
    READ_ONLY,
    may_retry,
    must_share,
    own_engine,
    reason_of,
    set_lock_timeout,
    shared_engine,
)
from twofold.sqlalchemy.silence import cut_when_silent
from twofold.sqlalchemy.statements import Statements
from twofold.sqlalchemy.tables import tables_of
from twofold.sqlalchemy.transaction import SqlTransaction

T = TypeVar("T")
Connect = Callable[[], AbstractContextManager[Connection]]

RETRIES = 3
"""How often a transaction is begun again that the database could not bring in line with others."""

logger = logging.getLogger("twofold")


class SqlAlchemyStore:
    """
    Enrollments on the host's database, in short transactions of our own.

    Args:
        engine: The host's engine.
        users: The mapped class, or SQLModel, of the host's users; its one primary key may be of any type.
        account: Its column with the name people see in their authenticator.
        side_table: Keep our columns in a table of this name, not on *users*.
        share_pool: Take connections from the host's pool; otherwise from a small pool of our own on the same database.
            SQLite in memory is always shared.

    Raises:
        ConfigurationError: *users* cannot carry a second factor as it is; the text says what to write.
    """

    def __init__(
        self,
        engine: Engine | AsyncEngine,
        users: type,
        *,
        account: str = "email",
        side_table: str | None = None,
        share_pool: bool = False,
    ) -> None:
        host = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        shares = share_pool or must_share(host)
        own = shared_engine(host) if shares else own_engine(host)
        cut_when_silent(own)
        self._statements = Statements(tables_of(users, account=account, side_table=side_table))
        self._engine = own
        self._shares = shares
        self._async_engine = AsyncEngine(own) if isinstance(engine, AsyncEngine) else None
        # A database in memory is one connection, on which only one transaction at a time can be.
        self._turn = Lock() if must_share(host) else nullcontext()
        self._at_once = 1 if must_share(host) else OWN_CONNECTIONS
        self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="twofold")
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* in one transaction and commit; see the port."""
        with self._turn:
            return self._synchronous().transact(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work*, which only reads; see the port."""
        with self._turn:
            return self._synchronous().read(work)

    def _synchronous(self) -> "_SqlTransactions":
        if self._async_engine is not None:
            raise ConfigurationError("This store stands on an AsyncEngine: write await auth.run(lambda auth: ...).")
        return _SqlTransactions(self._engine.connect, self._statements)

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        """
        From an event loop: in a thread over an Engine, in a greenlet over an AsyncEngine.

        Raises:
            ConfigurationError: The engine has another database in memory for each thread.
        """
        if isinstance(self._engine.pool, SingletonThreadPool):
            raise ConfigurationError(
                "SQLite in memory is another database in each thread. Write create_engine('sqlite://', "
                "poolclass=StaticPool, connect_args={'check_same_thread': False})."
            )
        loop = asyncio.get_running_loop()
        # Here, and not in the pool, is where requests queue up: a pool's queue gives up, and a thread's costs one.
        async with self._gates.setdefault(loop, asyncio.Semaphore(self._at_once)):
            if self._async_engine is None:
                call, transactions = contextvars.copy_context().run, _UntilGivenUp(self)
                try:
                    return await loop.run_in_executor(self._threads, call, use_case, transactions)
                except asyncio.CancelledError:
                    transactions.given_up = True
                    raise
            # One greenlet for the whole use case; `AsyncConnection` would begin one for each of its own steps.
            return await greenlet_spawn(use_case, _SqlTransactions(self._engine.connect, self._statements))

    async def close(self) -> None:
        """Give our connections back; those of the host's pool stay."""
        self._threads.shutdown(wait=False)
        if self._shares:
            return
        if self._async_engine is None:
            self._engine.dispose()
        else:
            await self._async_engine.dispose()


class _UntilGivenUp:
    """The transactions of a use case in a thread: none begins once it is cancelled, as in a greenlet none would."""

    def __init__(self, store: SqlAlchemyStore) -> None:
        self._store = store
        self.given_up = False

    def transact(self, work: Callable[[Transaction], T]) -> T:
        self._go_on()
        return self._store.transact(work)

    def read(self, work: Callable[[Transaction], T]) -> T:
        self._go_on()
        return self._store.read(work)

    def _go_on(self) -> None:
        if self.given_up:
            raise asyncio.CancelledError


class _SqlTransactions:
    """Transactions over connections that *connect* gives."""

    def __init__(self, connect: Connect, statements: Statements) -> None:
        self._connect = connect
        self._statements = statements

    def transact(self, work: Callable[[Transaction], T]) -> T:
        for remaining in reversed(range(RETRIES + 1)):
            try:
                return self._once(work)
            except _Again as again:
                if not remaining:
                    raise _unavailable(again.error) from again.error
        raise AssertionError  # the loop returns or raises

    def _once(self, work: Callable[[Transaction], T]) -> T:
        """
        One try.

        Raises:
            _Again: It certainly did not happen, and may go better.
            Unavailable: The database is out of reach, or a lock was not to be had in time.
        """
        committing = False
        try:
            with self._connect() as connection:
                # Said each time: options stay on a connection that serves a whole use case.
                connection.execution_options(**{READ_ONLY: False})
                with connection.begin() as transaction:
                    set_lock_timeout(connection)
                    result = work(SqlTransaction(connection, self._statements))
                    committing = True
                    transaction.commit()
                    return result
        except DBAPIError as error:
            # Whether a commit happened whose connection broke nobody knows, so it is not done again.
            if may_retry(error) or (error.connection_invalidated and not committing):
                raise _Again(error) from error
            raise _unavailable(error) from error
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error

    def read(self, work: Callable[[Transaction], T]) -> T:
        for remaining in reversed(range(RETRIES + 1)):
            try:
                with self._connect() as connection:
                    connection.execution_options(**{READ_ONLY: True})
                    with connection.begin():
                        return work(SqlTransaction(connection, self._statements))
            except DBAPIError as error:
                if not remaining or not (may_retry(error) or error.connection_invalidated):
                    raise _unavailable(error) from error
            except (SQLAlchemyError, OSError) as error:
                raise _unavailable(error) from error
        raise AssertionError  # the loop returns or raises


class _Again(Exception):
    def __init__(self, error: DBAPIError) -> None:
        super().__init__()
        self.error = error


def _unavailable(error: Exception) -> TwofoldError:
    """What to tell; the operator is told more. Parameters are hidden, so the text holds no value."""
    logger.error(
        "The database could not be used (%s). Where this is a lock that was not to be had within %s s, commit or "
        "roll back the request's own changes to the user before the second factor, or use side_table=.",
        reason_of(error),
        LOCK_TIMEOUT_SECONDS,
    )
    return Unavailable()
