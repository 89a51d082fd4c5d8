"""Connections that went silent: a server whose machine died says nothing, and who waits for it waits for ever."""

import os
import socket
import time
from contextlib import suppress
from threading import Thread
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

ANSWER_SECONDS = 5
"""How long a database may take for one answer; a lock it waits for 2 s at most."""

PATIENCE = "twofold_patience"
"""The execution option of a statement that may take longer: in how many seconds."""

PATIENT = {PATIENCE: 600}
"""Of statements that read a whole table, and keep nobody waiting who signs in."""

LOOK_SECONDS = 0.5
"""How often it is looked for connections that are overdue."""


def cut_when_silent(engine: Engine, seconds: float = ANSWER_SECONDS) -> None:
    """
    Cut each connection of *engine* on which an answer is overdue; to whoever waits it then is one that broke.

    So it is thrown away, with all others of its age, and a commit that was under way is told as one of which nobody
    knows. The server is not asked to give up: PostgreSQL would take a commit that waits for its standby as done.

    Args:
        seconds: How long an answer may take.
    """
    if engine.dialect.name == "sqlite":
        return  # A file, which nobody waits for.

    def expect(connection: Connection, *_: object) -> None:
        _watch.expect(_driver_of(connection), seconds)

    def ask(connection: Connection, _cursor: object, _text: object, _values: object, context: Any, _: object) -> None:  # noqa: ANN401 - SQLAlchemy's own
        patience = context.execution_options.get(PATIENCE, seconds) if context else seconds
        _watch.expect(_driver_of(connection), patience)

    def expect_end(_: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        _watch.expect(entry.driver_connection, seconds)

    def expect_reset(_: DBAPIConnection, entry: ConnectionPoolEntry, _state: object) -> None:
        _watch.expect(entry.driver_connection, seconds)

    event.listen(engine, "before_cursor_execute", ask)
    event.listen(engine, "after_cursor_execute", _answered)
    event.listen(engine, "handle_error", _failed)
    event.listen(engine, "commit", expect)
    event.listen(engine, "rollback", expect)
    event.listen(engine, "reset", expect_reset)
    event.listen(engine, "checkin", _given_back)
    event.listen(engine, "close", expect_end)


def _driver_of(connection: Connection) -> object | None:
    """The driver's connection, where there still is one."""
    return None if connection.closed or connection.invalidated else connection.connection.driver_connection


def _answered(connection: Connection, *_: object) -> None:
    _watch.settle(_driver_of(connection))


def _failed(context: ExceptionContext) -> None:
    if context.connection is not None:
        _answered(context.connection)


def _given_back(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    _watch.settle(entry.driver_connection)


class _Watch:
    """Knows until when each connection has to have answered; one thread of each process looks."""

    def __init__(self) -> None:
        self._due: dict[Any, float] = {}
        self._thread: Thread | None = None
        if hasattr(os, "register_at_fork"):
            # What its parent waits for is not a child's to cut.
            os.register_at_fork(after_in_child=self._forget)

    def expect(self, driver: object | None, seconds: float) -> None:
        if driver is None:
            return
        self._due[driver] = time.monotonic() + seconds
        if self._thread is None:
            self._thread = Thread(target=self._look, name="twofold-silence", daemon=True)
            self._thread.start()

    def _forget(self) -> None:
        self._due, self._thread = {}, None

    def settle(self, driver: object | None) -> None:
        self._due.pop(driver, None)

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            for driver, due in tuple(self._due.items()):
                if due <= now and self._due.pop(driver, None) is not None:
                    with suppress(Exception):  # It is closed, and each driver says so in its way.
                        _cut(driver)


_watch = _Watch()


def _cut(driver: Any) -> None:  # noqa: ANN401 - any driver's own
    """From another thread, and for any driver: both ends of its socket are shut, so that it reads the end."""
    with socket.socket(fileno=os.dup(_socket_of(driver).fileno())) as line:
        # The one guard against waiting for ever (G14).
        line.shutdown(socket.SHUT_RDWR)


def _socket_of(driver: Any) -> Any:  # noqa: ANN401 - any driver's own
    if hasattr(driver, "fileno"):  # psycopg, mysqlclient
        return driver
    for name in ("_transport", "_writer"):  # asyncpg and asyncmy; aiomysql
        if hasattr(driver, name):
            return getattr(driver, name).get_extra_info("socket")
    return driver._sock  # noqa: SLF001 - PyMySQL says it nowhere else
