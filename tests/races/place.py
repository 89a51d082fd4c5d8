"""Where a race is run: a database, the host's engine on it, and the store over that engine."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, String, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry

from tests.races.naive import NaiveStore
from twofold import RECOMMENDED, KeyRing, Policy, TwoFactorAuth
from twofold.sqlalchemy import SqlAlchemyStore, TwoFactorMixin
from twofold.testing import StoppedClock
from twofold.testing.clock import NOON
from twofold.webauthn import RelyingParty

ORIGIN = "https://accounts.example.com"


class Base(DeclarativeBase): ...


class User(TwoFactorMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(100))


class BareBase(DeclarativeBase): ...


class BareUser(BareBase):
    """A user whose second factor is kept in a side table."""

    __tablename__ = "bare_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(100))


@dataclass(frozen=True)
class Place:
    """
    Everything that a process must know to take part; it travels to each of them.

    Args:
        kind: The kind of database.
        key: An entry of the key ring.
        settings: What the host gives to `create_engine`.
        on_connect: What the host says on each new connection.
        host_begins: On SQLite the host begins its transactions itself, as SQLAlchemy's documentation advises.
        side_table: Keep the second factor in a side table.
        share_pool: Run on the host's own connections.
        naive: Over the store that the races must catch.
    """

    kind: str
    sync_url: str
    async_url: str
    key: str = field(repr=False)
    settings: tuple[tuple[str, Any], ...] = ()
    on_connect: tuple[str, ...] = ()
    host_begins: bool = False
    side_table: bool = False
    share_pool: bool = False
    naive: bool = False

    @property
    def user(self) -> type[User | BareUser]:
        return BareUser if self.side_table else User

    def engine(self, **settings: Any) -> Engine:
        """The host's engine."""
        engine = create_engine(self.sync_url, **dict(self.settings) | settings)
        event.listen(engine, "connect", self._listener())
        if self.host_begins:
            event.listen(engine, "connect", _python_does_not_begin)
            event.listen(engine, "begin", _the_host_begins)
        return engine

    def async_engine(self, **settings: Any) -> AsyncEngine:
        """The host's engine, where the host is asynchronous."""
        engine = create_async_engine(self.async_url, **dict(self.settings) | settings)
        event.listen(engine.sync_engine, "connect", self._listener())
        return engine

    def _listener(self) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
        def listener(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
            cursor = connection.cursor()
            for statement in self.on_connect:
                cursor.execute(statement)
            cursor.close()

        return listener

    def store(self, engine: Engine | AsyncEngine) -> SqlAlchemyStore:
        store = NaiveStore if self.naive else SqlAlchemyStore
        side_table = "user_two_factor" if self.side_table else None
        return store(engine, self.user, side_table=side_table, share_pool=self.share_pool)

    def create_tables(self) -> None:
        engine = self.engine()
        self.store(engine)  # Lays our own tables beside the users.
        self.user.metadata.create_all(engine)
        engine.dispose()

    def auth(self, store: SqlAlchemyStore, *, at: datetime = NOON, policy: Policy = RECOMMENDED) -> TwoFactorAuth:
        """The use cases at a moment at which the clock stands still."""
        clock = StoppedClock(at)
        return TwoFactorAuth(
            issuer="Acme",
            keys=KeyRing([self.key]),
            store=store,
            policy=policy,
            clock=clock,
            webauthn=RelyingParty(ORIGIN),
        )


def _python_does_not_begin(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None


def _the_host_begins(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def be_patient(store: SqlAlchemyStore) -> None:
    """Where the machine is loaded, the last of a crowd waits longer than 2 s for its turn; no race is about that."""
    if store._engine.dialect.name == "mysql":
        event.listen(store._engine, "connect", _wait_long)


def _wait_long(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 40")
