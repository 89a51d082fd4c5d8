"""One deployment for all of these tests; each finds it with both nodes serving, and leaves it so."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from tests.nodes.deployment import Deployment
from tests.redis_server import RedisServer
from tests.servers import Server


@pytest.fixture(scope="session")
def place(postgresql: Server, running_redis: RedisServer) -> Iterator[Deployment]:
    with Deployment(postgresql.fresh_database(), running_redis.url, Fernet.generate_key().decode()) as place:
        yield place
