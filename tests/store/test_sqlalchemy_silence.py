"""Connections on which nothing comes any more, while new ones work: a machine died, and another took its place."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Timer
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import greenlet_spawn

from tests.servers import POSTGRESQL, Server, run, start
from tests.silence import Line
from tests.store.hosts import SERVERS, Host, enrolled, host_on
from twofold import CodeAlreadyUsed, Unavailable
from twofold.sqlalchemy.silence import ANSWER_SECONDS, PATIENCE, cut_when_silent

AT_ONCE = 40
SLOW = {"postgresql": "SELECT pg_sleep(2)", "mariadb": "SELECT SLEEP(2)"}


@contextmanager
def host_by_line(server: Server, *, asynchronous: bool, **options: Any) -> Iterator[tuple[Host, Line]]:
    """A host whose store reaches its database by a line."""
    database, line = server.fresh_database(), Line(server.url.port or 0)
    try:
        url, async_url = line.through(database.sync_url), line.through(database.async_url)
        with host_on(url, async_url=async_url if asynchronous else None, **options) as host:
            yield host, line
    finally:
        line.close()


def outcomes(use: Callable[[], object]) -> list[str]:
    """What each of many at once is told."""

    def one(_: int) -> str:
        try:
            use()
        except Unavailable:
            return "unavailable"
        return "answered"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(one, range(AT_ONCE)))


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("database", SERVERS)
def test_a_store_comes_back(request: pytest.FixtureRequest, database: str, asynchronous: bool):
    """
    Where all connections of the store go silent, each who asks is answered over new ones, and nobody waits for ever;
    also where the host's pool asks each connection before it is used.
    """
    ping = {"pool_pre_ping": True}
    with host_by_line(
        request.getfixturevalue(database), asynchronous=asynchronous, engine_options=ping, async_options=ping
    ) as (host, line):
        person = enrolled(host)
        use = lambda: person.auth.enrollment.status(person.user_id)  # noqa: E731
        outcomes(use)
        silent, since = line.go_silent(), time.monotonic()
        giving_up = Timer(4 * ANSWER_SECONDS, line.close)
        giving_up.start()
        told = outcomes(use)
        giving_up.cancel()
        took = time.monotonic() - since

    assert silent >= 2
    assert told == ["answered"] * AT_ONCE
    assert ANSWER_SECONDS <= took < 4 * ANSWER_SECONDS


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("database", SERVERS)
def test_a_statement_that_may_take_longer(request: pytest.FixtureRequest, database: str, asynchronous: bool):
    """
    Who takes too long is cut off, and one that may take longer is not.
    """
    with host_by_line(request.getfixturevalue(database), asynchronous=asynchronous) as (host, _):
        engine = host.on.sync_engine if host.on else host.engine
        cut_when_silent(engine, seconds=1)

        def ask(**options: Any) -> None:
            with engine.connect() as connection:
                connection.execute(text(SLOW[database]).execution_options(**options))

        def wait(**options: Any) -> None:
            host.loop.run(greenlet_spawn(lambda: ask(**options))) if host.on and host.loop else ask(**options)

        with pytest.raises(DBAPIError) as cut:
            wait()
        wait(**{PATIENCE: 30})

    assert cut.value.connection_invalidated


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_commit_that_waits_for_a_standby(asynchronous: bool):
    """
    Where a standby is missing for which commits wait, a code is told as unavailable, nobody sees that it was used, and
    it is used as soon as the standby is back.
    """
    server = start(POSTGRESQL)
    try:
        with host_by_line(server, asynchronous=asynchronous) as (host, _):
            person = enrolled(host)
            before, code = person.row, person.code()
            wait_for_standby(server, "'nobody'")
            waiting_for_it = Timer(4 * ANSWER_SECONDS, wait_for_standby, (server, "''"))
            waiting_for_it.start()
            with pytest.raises(Unavailable):
                person.auth.totp.verify(person.user_id, code)
            waiting_for_it.cancel()
            meanwhile = person.row
            wait_for_standby(server, "''")
            with pytest.raises(CodeAlreadyUsed):
                person.auth.totp.verify(person.user_id, code)

            assert meanwhile == before
            assert person.row.last_step > before.last_step
    finally:
        server.close()


def wait_for_standby(server: Server, names: str) -> None:
    run(server.url, f"ALTER SYSTEM SET synchronous_standby_names = {names}")
    run(server.url, "SELECT pg_reload_conf()")
    time.sleep(0.5)  # until its processes have heard
