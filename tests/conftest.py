"""What all tests share: the database servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers


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
        item.add_marker(pytest.mark.xdist_group(folder if folder in {"races", "storms"} else "/".join([folder, *rest])))
