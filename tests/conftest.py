"""What all tests share: the database servers, the crew, and what is counted at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import redis_server, servers
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


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own, which would come before.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    A file stays on one worker; and so do all races, for a crew takes most of a server's connections, and all storms,
    which share their worlds.
    """
    if not config.pluginmanager.hasplugin("xdist"):
        return
    here = Path(__file__).parent
    for item in items:
        folder, *rest = item.path.relative_to(here).parts
        group = folder if folder in {"nodes", "races", "storms"} else "/".join([folder, *rest])
        item.add_marker(pytest.mark.xdist_group("races" if "crew" in _fixtures_of(item) else group))


def _fixtures_of(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each table of what was to be run, before pytest's own last line."""
    outcomes = {
        outcome: [report.nodeid for report in terminalreporter.stats.get(outcome, ())]
        for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    }
    for tally in TALLIES:
        if line := tally().line(outcomes):
            terminalreporter.write_line(line)
