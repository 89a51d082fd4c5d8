"""The databases that the crew races on, and people with a phone in hand."""

from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet

from tests.races.people import People
from tests.races.place import Place

SQLITE_HOST: tuple[str, ...] = ("PRAGMA busy_timeout = 2000", "PRAGMA journal_mode = WAL")
SNAPSHOT_HOST: tuple[str, ...] = ("SET SESSION innodb_snapshot_isolation = ON",)


@pytest.fixture(scope="session")
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def fresh_place(
    request: pytest.FixtureRequest, key: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Place]:
    """An empty database with our tables, of the kind that is asked for."""

    def fresh_place(kind: str, *, side_table: bool = False) -> Place:
        server, _, snapshot_isolation = kind.partition("-")
        on_connect = SNAPSHOT_HOST if snapshot_isolation else ()
        if server == "sqlite":
            path = tmp_path_factory.mktemp("races") / "races.sqlite"
            urls, on_connect = (f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}"), SQLITE_HOST
        else:
            database = request.getfixturevalue(server).fresh_database()
            urls = (database.sync_url, database.async_url)
        place = Place(kind, *urls, key, on_connect=on_connect, side_table=side_table)
        place.create_tables()
        return place

    return fresh_place


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mariadb", "mariadb-snapshot-isolation"])
def place(request: pytest.FixtureRequest, fresh_place: Callable[..., Place]) -> Place:
    """The columns of the second factor on the host's users."""
    return fresh_place(request.param)


@pytest.fixture(scope="session")
def aside(place: Place, fresh_place: Callable[..., Place]) -> Place:
    """The same columns in a side table, on a database of the same kind."""
    return fresh_place(place.kind, side_table=True)


@pytest.fixture(scope="session")
def people_of() -> Iterator[Callable[[Place], People]]:
    known: dict[Place, People] = {}

    def people_of(place: Place) -> People:
        if place not in known:
            known[place] = People(place)
        return known[place]

    yield people_of
    for people in known.values():
        people.close()


@pytest.fixture
def people(place: Place, people_of: Callable[[Place], People]) -> People:
    return people_of(place)
