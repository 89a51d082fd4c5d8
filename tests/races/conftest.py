"""The databases, the crew that races on them, and people with a phone in hand."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from tests.races.crew import Crew
from tests.races.people import People
from tests.races.place import Place

SQLITE_HOST = ("PRAGMA busy_timeout = 2000", "PRAGMA journal_mode = WAL")


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


@pytest.fixture(scope="session")
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mariadb", "mariadb-snapshot-isolation"])
def place(request: pytest.FixtureRequest, key: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    kind, _, snapshot_isolation = request.param.partition("-")
    if kind == "sqlite":
        path = tmp_path_factory.mktemp("races") / "races.sqlite"
        place = Place(f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}", key, on_connect=SQLITE_HOST)
    else:
        database = request.getfixturevalue(kind).fresh_database()
        host = ("SET SESSION innodb_snapshot_isolation = ON",) if snapshot_isolation else ()
        place = Place(database.sync_url, database.async_url, key, on_connect=host)
    place.create_tables()
    replace(place, side_table=True).create_tables()
    return place


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
