"""The reference backend, alone, as two instances over one database, and as several workers of one server."""

from collections.abc import Callable, Iterator

import pytest

from tests.attacks.workers import Workers
from tests.http.conftest import fresh_place, key, world, world_on
from tests.http.world import Place, World, in_process, settings_for
from tests.races.conftest import SQLITE_HOST
from tests.races.crew import Crew
from tests.races.place import Place as RacesPlace

__all__ = ["fresh_place", "key", "world", "world_on"]

AT_ONCE = 50
"""Requests in a burst."""


@pytest.fixture(scope="module")
def shared_place(fresh_place: Callable[[str], Place]) -> Place:
    """One database for several instances."""
    return fresh_place("sqlite")


@pytest.fixture(scope="module")
def worlds_started(shared_place: Place, key: str) -> Iterator[tuple[World, World]]:
    settings = settings_for(shared_place, key)
    with in_process(shared_place, settings) as one, in_process(shared_place, settings) as other:
        yield one, other


@pytest.fixture
def two_worlds(worlds_started: tuple[World, World]) -> tuple[World, World]:
    """Two instances of the backend over one database, whose clocks stand at noon."""
    for each in worlds_started:
        each.begin()
    return worlds_started


@pytest.fixture(scope="module")
def crew_place(fresh_place: Callable[[str], Place], key: str) -> RacesPlace:
    """Where the crew stands."""
    own = fresh_place("sqlite")
    place = RacesPlace(own.kind, own.sync_url, own.async_url, key, on_connect=SQLITE_HOST)
    place.create_tables()
    return place


@pytest.fixture(scope="module")
def workers_started(crew: Crew, crew_place: RacesPlace, world_on: Callable[[str], World]) -> Iterator[Workers]:
    workers = Workers(crew, crew_place, world_on("postgresql").app.state.settings)
    workers.start(AT_ONCE)
    yield workers
    workers.close()


@pytest.fixture
def workers(workers_started: Workers, world_on: Callable[[str], World]) -> Workers:
    """Four workers on PostgreSQL, each with its connections made."""
    world_on("postgresql")
    return workers_started


@pytest.fixture
def served_world(world_on: Callable[[str], World]) -> World:
    """The database of the workers, as one more of them sees it."""
    return world_on("postgresql")
