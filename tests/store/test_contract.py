"""The store contract, over the store in memory and over every database, kind of key and kind of table."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pymysql
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from tests.store.hosts import Host, host_on
from twofold.service.ports import Store, UserId
from twofold.testing import MemoryStore
from twofold.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def add_user(self, store: MemoryStore) -> Callable[[str], UserId]:
        def add_user(account: str) -> UserId:
            user_id = uuid.uuid4()
            store.add_user(user_id, account)
            return user_id

        return add_user

    @pytest.fixture
    def unknown_user_id(self) -> UserId:
        return uuid.uuid4()

    @pytest.fixture
    def events_of(self, store: MemoryStore):
        return lambda user_id: [event for event in store.events if event.user_id == user_id]

    @pytest.fixture
    def conflict(self) -> None:
        return None


@dataclass(frozen=True)
class Place:
    """
    A database and how a host uses it.

    Args:
        snapshots: With MariaDB's snapshot isolation, which is the default from 11.6.2 on.
    """

    database: str
    key: type = int
    side_table: str | None = None
    asynchronous: bool = False
    snapshots: bool = False
    share_pool: bool = False

    def __str__(self) -> str:
        words = [self.database, self.key.__name__, "side table" if self.side_table else ""]
        words += [name for name in ("asynchronous", "snapshots", "share_pool") if getattr(self, name)]
        return "-".join(filter(None, words))


DATABASES = ("sqlite", "postgresql", "mariadb")
PLACES = [
    *(Place(name, key) for name in DATABASES for key in (int, str)),
    *(Place(name, key, "second_factors") for name in DATABASES for key in (int, uuid.UUID)),
    *(Place(name, uuid.UUID, asynchronous=True) for name in DATABASES),
    *(Place(name, share_pool=True) for name in DATABASES),
    Place("mariadb", snapshots=True),
    Place("mariadb", uuid.UUID, "second_factors", snapshots=True),
]
CONFLICTS = {
    "sqlite": None,
    "postgresql": psycopg.errors.DeadlockDetected("deadlock detected"),
    "mysql": pymysql.err.OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction"),
}


def with_snapshots(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection, _) -> None:
        cursor = connection.cursor()
        cursor.execute("SET SESSION innodb_snapshot_isolation = ON")
        cursor.close()


@pytest.fixture(scope="module", params=PLACES, ids=str)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    place: Place = request.param
    if place.database == "sqlite":
        path = tmp_path_factory.mktemp("contract") / "host.db"
        urls = (f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
    else:
        database = request.getfixturevalue(place.database).fresh_database()
        urls = (database.sync_url, database.async_url)
    with host_on(
        urls[0],
        async_url=urls[1] if place.asynchronous else None,
        prepare=with_snapshots if place.snapshots else lambda _: None,
        key=place.key,
        side_table=place.side_table,
        share_pool=place.share_pool,
    ) as host:
        yield host


class TestSqlAlchemyStore(StoreContract):
    @pytest.fixture
    def store(self, host: Host) -> Store:
        return host.waiting

    @pytest.fixture
    def add_user(self, host: Host) -> Callable[[str], UserId]:
        return host.add_user

    @pytest.fixture
    def unknown_user_id(self, host: Host) -> UserId:
        return host.new_id()

    @pytest.fixture
    def events_of(self, host: Host):
        return host.events_of

    @pytest.fixture
    def conflict(self, host: Host) -> Exception | None:
        cause = CONFLICTS[host.engine.dialect.name]
        return cause and OperationalError("UPDATE", {}, cause)
