"""The reference backend on each database, in this process and behind real servers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from cryptography.fernet import Fernet

from tests.http.running import ServedWorld, served
from tests.http.world import Place, World, in_process, settings_for


@pytest.fixture(scope="session")
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def fresh_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Place]:
    """A new empty database of the kind that is named."""

    def fresh_place(kind: str) -> Place:
        if kind == "sqlite":
            path = tmp_path_factory.mktemp("http") / "http.sqlite"
            return Place(kind, f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
        database = request.getfixturevalue(kind).fresh_database()
        return Place(kind, database.sync_url, database.async_url)

    return fresh_place


@pytest.fixture(scope="session")
def world_on(fresh_place: Callable[[str], Place], key: str) -> Iterator[Callable[[str], World]]:
    """The backend on a database of the kind that is named; one for all tests."""
    worlds: dict[str, World] = {}
    with ExitStack() as stack:

        def world_on(kind: str) -> World:
            if kind not in worlds:
                place = fresh_place(kind)
                worlds[kind] = stack.enter_context(in_process(place, settings_for(place, key)))
            worlds[kind].begin()
            return worlds[kind]

        yield world_on


@pytest.fixture
def world(world_on: Callable[[str], World]) -> World:
    """The backend where the database does not matter."""
    return world_on("sqlite")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def each_world(request: pytest.FixtureRequest, world_on: Callable[[str], World]) -> World:
    """The backend on each database in turn."""
    return world_on(request.param)


@pytest.fixture(scope="session")
def served_on(fresh_place: Callable[[str], Place], key: str) -> Iterator[Callable[[str], ServedWorld]]:
    """The backend on SQLite behind a server that reads HTTP with what is named; one for all tests."""
    worlds: dict[str, ServedWorld] = {}
    with ExitStack() as stack:

        def served_on(http: str) -> ServedWorld:
            if http not in worlds:
                place, loop = fresh_place("sqlite"), {"h11": "asyncio", "httptools": "uvloop"}[http]
                worlds[http] = stack.enter_context(served(place, settings_for(place, key), http=http, loop=loop))
            worlds[http].begin()
            return worlds[http]

        yield served_on


@pytest.fixture(params=["h11", "httptools"])
def served_world(request: pytest.FixtureRequest, served_on: Callable[[str], ServedWorld]) -> ServedWorld:
    """The backend behind each server in turn."""
    return served_on(request.param)
