"""The hosts on each database."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.hosts.running import KINDS, Host, Kind, Person, Place, edited, running


@pytest.fixture(scope="session")
def key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def place_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Place]:
    """The database of a host, by its letter and the kind of the database: one for all tests, which share no people."""

    @functools.cache
    def place_of(letter: str, kind: str) -> Place:
        if kind == "sqlite":
            path = tmp_path_factory.mktemp("hosts") / f"{letter}.sqlite"
            return Place(kind, f"sqlite:///{path}", f"sqlite+aiosqlite:///{path}")
        database = request.getfixturevalue(kind).fresh_database()
        return Place(kind, database.sync_url, database.async_url)

    return place_of


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=KINDS)
def letter(request: pytest.FixtureRequest) -> str:
    """Each host in turn, by its letter."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def running_host(letter: str, database: str, place_of: Callable[[str, str], Place], key: str) -> Iterator[Host]:
    with running(KINDS[letter], place_of(letter, database), key) as host:
        yield host


@pytest.fixture
def host(running_host: Host) -> Host:
    """Each host on each database in turn."""
    running_host.begin()
    return running_host


@pytest.fixture
def ann(host: Host) -> Person:
    """Somebody with a password."""
    return host.somebody()


@pytest.fixture
def variant(place_of: Callable[[str, str], Place], key: str, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Hosts in which their author did a few things otherwise."""
    with ExitStack() as stack:

        def variant(letter: str, edits: Mapping[str, str], database: str = "sqlite", kind: Kind | None = None) -> Host:
            path = edited(KINDS[letter].file, edits, tmp_path)
            return stack.enter_context(running(kind or KINDS[letter], place_of(letter, database), key, path))

        yield variant
