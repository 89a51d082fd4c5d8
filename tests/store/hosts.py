"""Hosts in small: an application's own users on its own engine, and our store beside them."""

import asyncio
import concurrent.futures
import contextlib
import secrets
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from sqlalchemy import Engine, String, Table, create_engine, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.service.people import Person
from twofold import KeyRing, TwoFactorAuth
from twofold.core.events import Event, EventKind
from twofold.core.factors import Factor
from twofold.service.ports import Store, Transaction, Transactions, UserId
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.sqlalchemy.statements import utc
from twofold.testing import StoppedClock

T = TypeVar("T")
KEYS = KeyRing([Fernet.generate_key().decode()])
SERVERS = ["postgresql", "mariadb"]
DATABASES = ["sqlite", *SERVERS]
OURS = [
    "twofold_challenges",
    "twofold_credentials",
    "twofold_events",
    "twofold_pending_sign_ins",
    "twofold_sessions",
]


def users_of(key: type, *, mixin: bool = True) -> Any:
    """A host's class of users, with a primary key of this type."""

    class Base(DeclarativeBase):
        type_annotation_map = {str: String(120)}  # noqa: RUF012 - SQLAlchemy's own way

    class User(*((TwoFactorMixin, Base) if mixin else (Base,))):  # type: ignore[misc]
        __tablename__ = "users"
        id: Mapped[key] = mapped_column(primary_key=True)  # type: ignore[valid-type]
        email: Mapped[str]

    return User


NEW_ID: dict[type, Callable[[], UserId]] = {
    int: lambda: secrets.randbelow(2**31),
    uuid.UUID: uuid.uuid4,
    str: lambda: f"user-{secrets.token_hex(8)}",
}


@dataclass
class Host:
    """
    One application.

    Args:
        engine: Its own engine, over which it writes its users.
        key: The type of their primary key.
        on: The engine that the store is given, where it is another.
    """

    engine: Engine
    key: type = int
    side_table: str | None = None
    on: AsyncEngine | None = None
    loop: "Loop | None" = None
    share_pool: bool = False
    users: Any = field(init=False)
    store: SqlAlchemyStore = field(init=False)

    def __post_init__(self) -> None:
        self.users = users_of(self.key, mixin=self.side_table is None)
        self.store = SqlAlchemyStore(
            self.on or self.engine, self.users, side_table=self.side_table, share_pool=self.share_pool
        )
        self.users.metadata.create_all(self.engine)

    @property
    def waiting(self) -> Store:
        """The store, as one that can be called synchronously."""
        return Waiting(self.store, self.loop) if self.on and self.loop else self.store

    def table(self, name: str) -> Table:
        table: Table = self.users.metadata.tables[name]
        return table

    def new_id(self) -> UserId:
        """An id that no user has yet."""
        return NEW_ID[self.key]()

    def add_user(self, account: str = "ann@example.com") -> UserId:
        user_id = self.new_id()
        with self.engine.begin() as connection:
            connection.execute(insert(self.users.__table__).values(id=user_id, email=account))
        return user_id

    def events_of(self, user_id: UserId) -> list[Event]:
        rows = self.table("twofold_events")
        statement = select(rows).where(rows.c.user_id == user_id).order_by(rows.c.id)
        with self.engine.connect() as connection:
            return [
                Event(
                    row.user_id,
                    EventKind(row.kind),
                    utc(row.moment),
                    row.outcome,
                    Factor(row.factor) if row.factor else None,
                    row.client_address,
                )
                for row in connection.execute(statement)
            ]


class Loop:
    """An event loop in a thread of its own, as a server has it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.begin(coroutine).result(timeout=30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Waiting:
    """A store on an `AsyncEngine` as one that can be called synchronously: it waits for the loop on which that runs."""

    def __init__(self, store: Store, loop: Loop) -> None:
        self._store = store
        self._loop = loop

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return self._loop.run(self._store.run(lambda transactions: transactions.transact(work)))

    def read(self, work: Callable[[Transaction], T]) -> T:
        return self._loop.run(self._store.run(lambda transactions: transactions.read(work)))

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        return await asyncio.wrap_future(self._loop.begin(self._store.run(use_case)))


@contextlib.contextmanager
def host_on(
    url: str,
    *,
    async_url: str | None = None,
    engine_options: Mapping[str, Any] = MappingProxyType({}),
    async_options: Mapping[str, Any] = MappingProxyType({}),
    prepare: Callable[[Engine], None] = lambda _: None,
    **options: Any,
) -> Iterator[Host]:
    """
    A host on a database.

    Args:
        async_url: Where given, the store stands on an `AsyncEngine`.
        prepare: What the host does to its engine before the store sees it.
    """
    engine, loop = create_engine(url, **engine_options), Loop()
    on = create_async_engine(async_url, **async_options) if async_url else None
    try:
        prepare(on.sync_engine if on else engine)
        host = Host(engine, on=on, loop=loop, **options)
        yield host
        loop.run(host.store.close())
        if on:
            loop.run(on.dispose())
    finally:
        engine.dispose()
        loop.close()


def auth_of(host: Host, **options: Any) -> TwoFactorAuth:
    """The library as the host puts it together."""
    return TwoFactorAuth(**{"issuer": "Acme", "keys": KEYS, "store": host.waiting, "clock": StoppedClock(), **options})


def enrolled(host: Host) -> Person:
    """Somebody enrolled, whose phone shows a code that nobody has used."""
    clock = StoppedClock()
    person = Person(auth_of(host, clock=clock), clock, host.add_user())
    person.enroll()
    return person


@contextlib.contextmanager
def held(host: Host, user_id: object) -> Iterator[None]:
    """The host has changed the user, and not yet committed."""
    users: Table = host.users.__table__
    with host.engine.begin() as connection:
        connection.execute(update(users).where(users.c.id == user_id).values(email="new@example.com"))
        yield
