"""What all tests share: the database servers, the crew, and what is counted at the end."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import redis_server, servers
from tests.groups import ByGroup, place_of
from tests.races.crew import Crew
from tests.tallies import TALLIES


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.Server]:
    server = servers.postgresql()
    yield server
    server.close()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[servers.Server]:
    server = servers.mariadb()
    yield server
    server.close()


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


@pytest.fixture(scope="session")
def running_redis() -> Iterator[redis_server.RedisServer]:
    with redis_server.running() as server:
        yield server


@pytest.fixture
def redis(running_redis: redis_server.RedisServer) -> redis_server.RedisServer:
    """A Redis in which nothing is counted yet."""
    running_redis.forget()
    return running_redis


@pytest.fixture
def own_redis() -> Iterator[redis_server.RedisServer]:
    """A Redis that may be ill-treated."""
    with redis_server.running() as server:
        yield server


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """A group of tests stays on one worker."""
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first."""
    items.sort(key=lambda item: place_of(item.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each table of what was to be run, before pytest's own last line."""
    outcomes = {
        outcome: [report.nodeid for report in terminalreporter.stats.get(outcome, ())]
        for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    }
    for tally in TALLIES:
        if line := tally().line(outcomes):
            terminalreporter.write_line(line)
