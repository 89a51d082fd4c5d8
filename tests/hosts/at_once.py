"""Requests at one moment, and requests that are given up in the middle."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import Connection, event, select

from tests.hosts.running import Headers, Host, Person

PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Headers = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def _client(host: Host) -> AsyncClient:
    # What an application raises is told as 500, as a server does.
    transport = ASGITransport(host.app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="https://testserver")


def at_once(host: Host, all_asked: Sequence[Asked]) -> list[Response]:
    """Ask all of it at one moment."""

    async def ask() -> list[Response]:
        async with _client(host) as client, asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.gather(
                *(client.post(asked.path, headers=asked.headers, **asked.options) for asked in all_asked)
            )

    answers: list[Response] = host.call(ask)
    return answers


def given_up(host: Host, asked: Asked, reached: Callable[[], bool]) -> None:
    """Ask, and cancel the request as soon as it has *reached* the middle, as a time-out in the application does."""

    async def ask() -> None:
        async with _client(host) as client, asyncio.timeout(PATIENCE_SECONDS):
            request = asyncio.ensure_future(client.post(asked.path, headers=asked.headers, **asked.options))
            while not reached():
                assert not request.done()
                await asyncio.sleep(0.01)
            request.cancel()
            with suppress(asyncio.CancelledError):
                await request
            assert request.cancelled()

    host.call(ask)


@contextmanager
def held(host: Host, person: Person) -> Iterator[Callable[[], bool]]:
    """The row in which the failures of a person are counted, held by somebody else; whether we have come to it."""
    store: Any = host.auth.store
    tables, seen = store._statements.tables, list[str]()
    row = select(tables.key).where(tables.key == person.id).with_for_update()

    def note(_: Connection, __: object, statement: str, *___: object) -> None:
        if statement.endswith("UPDATE") or statement == "BEGIN IMMEDIATE":
            seen.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    with host.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if host.engine.dialect.name == "sqlite" else "BEGIN")
        connection.execute(row)
        try:
            yield lambda: bool(seen)
        finally:
            connection.exec_driver_sql("ROLLBACK")
            event.remove(store._engine, "before_cursor_execute", note)
