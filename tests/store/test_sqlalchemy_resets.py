"""Connections that break where SQLAlchemy does not look: while they are made, and while their options are set."""

import asyncio
import socket
import struct
import threading
import time

import pytest
import uvloop
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.store.hosts import users_of
from twofold import Unavailable
from twofold.sqlalchemy import SqlAlchemyStore

RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def resetting():
    """The port of a server that takes a connection and resets it a moment later."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            time.sleep(0.001)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


async def keep_the_loop_busy():
    """So that the connection is made and reset within one turn of the loop."""
    while True:
        time.sleep(0.006)  # noqa: ASYNC251 - the very point
        await asyncio.sleep(0)


def test_a_reset_while_connecting_is_told_as_unavailable(resetting):
    """Our own connections and the host's fail as a database's do; asyncmy on uvloop raises RuntimeError."""

    async def connect():
        engine = create_async_engine(f"mysql+asyncmy://root@127.0.0.1:{resetting}/nothing")
        store = SqlAlchemyStore(engine, users_of(int))
        busy = asyncio.create_task(keep_the_loop_busy())
        for _ in range(5):
            with pytest.raises(Unavailable):
                await store.run(lambda transactions: transactions.read(lambda tx: tx.account(1)))
            with pytest.raises(DBAPIError):
                await engine.connect()
        busy.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(connect())
