"""What `compose.yaml` describes, on loopback: two nodes on one database and one Redis, and the proxy before them."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from soak.front import Front
from tests.nodes.node import Node
from tests.servers import Database

NODES = 2
ADMINS_ADDRESS = "127.0.0.9"
"""From where administrators may come."""
DRAIN_SECONDS = "2"
"""Eight times as long as the proxy takes to notice."""


@dataclass(frozen=True)
class Stop:
    """
    One node that was asked to stop.

    Args:
        told: What the monotonic clock showed when it was.
        ended: And when its process had ended.
    """

    told: float
    ended: float
    code: int | None


class Deployment:
    """
    Two nodes behind the proxy; a context manager that ends all it started.

    Args:
        keys: The entries of `ENCRYPTION_KEY`, of both nodes.
    """

    def __init__(self, database: Database, redis_url: str, *keys: str) -> None:
        self.keys = keys
        self.stops: list[Stop] = []
        self.nodes: list[Node] = []
        self.front: Front | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="twofold-nodes-"))
        self.folder.chmod(0o755)  # For the proxy, which is somebody else.
        self._sync_url = database.sync_url
        self._told = {
            "DATABASE_URL": database.plain_url,
            "REDIS_URL": redis_url,
            "TRUSTED_PROXIES": "127.0.0.1",
            "ADMIN_ALLOWED_IPS": ADMINS_ADDRESS,
            "DRAIN_SECONDS": DRAIN_SECONDS,
            "ENCRYPTION_KEY": ",".join(keys),
        }
        try:
            for number in range(NODES):
                self.nodes.append(Node(self._told, self.folder / f"node-{number}.log"))
            for node in self.nodes:
                node.wait_until(200)
            self.front = Front([node.port for node in self.nodes], self.folder)
            self.front.wait_until_it_serves()
            self.wait_until_all_serve()
        except BaseException:
            self.close()
            raise

    @property
    def proxy(self) -> Front:
        """What stands before the nodes."""
        assert self.front is not None
        return self.front

    @property
    def address(self) -> str:
        """The one address that clients know."""
        return f"http://127.0.0.1:{self.proxy.port}"

    def wait_until_all_serve(self) -> None:
        """Wait until every node is ready, and the proxy has noticed."""
        for node in self.nodes:
            node.wait_until(200)
            self.proxy.wait_until_it_sees(node.port, ready=True)

    def engine(self) -> Engine:
        """Looks into the database from outside."""
        return create_engine(self._sync_url, poolclass=NullPool, hide_parameters=True)

    def restart(self, node: Node, *keys: str) -> None:
        """Stop one node in good order, and start it with these keys."""
        told = time.monotonic()
        code = node.stop()
        self.stops.append(Stop(told, time.monotonic(), code))
        node.start(ENCRYPTION_KEY=",".join(keys))

    def replace(self, node: Node, *keys: str) -> None:
        """End one node as a crash does, and start it with these keys."""
        node.kill()
        node.start(ENCRYPTION_KEY=",".join(keys))

    def deploy(self, *keys: str) -> None:
        """Give all nodes these keys, one after the other: the next, when the proxy has the one before."""
        for node in self.nodes:
            self.restart(node, *keys)
            node.wait_until(200)
            self.proxy.wait_until_it_sees(node.port, ready=True)
        self.keys = keys

    def logs(self) -> str:
        """All that nodes and proxy have printed."""
        return "".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End all that was started here."""
        if self.front is not None:
            self.front.close()
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
