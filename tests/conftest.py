"""What all tests share: the database servers."""

from collections.abc import Iterator

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
