"""A database, a proxy before it, and workers of the reference backend."""

import secrets
import shutil
import tempfile
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from soak.clock import FastClock
from soak.front import Front
from soak.proxy import FAIR, Proxy
from soak.servers import KINDS, come_back
from soak.workers import Worker
from tests import servers
from tests.servers import Database, Server
from twofold.core.sealing import KeyRing

OWNER = "backend_of_the_storm"
"""The workers' role on PostgreSQL: a limit of connections does not hold back a superuser."""
WORKERS = 2
DRAIN_SECONDS = 2
"""Eight times as long as the proxy takes to notice that a worker is about to stop."""


def new_entry() -> str:
    """A new entry of `ENCRYPTION_KEY`."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


class World:
    """
    Everything but the clients; a context manager that ends all it started.

    Args:
        kind: `sqlite`, `postgresql` or `mariadb`.
        speed: How fast the workers' clock is.
        variant: A fault that is planted in the workers.
        server: A server to use; otherwise one is started.
        front: Put a proxy before the workers, which is all that clients know.
        drain: For how many seconds workers serve on there once asked to stop.
    """

    def __init__(
        self,
        kind: str,
        *,
        speed: float,
        variant: str = "",
        workers: int = WORKERS,
        server: Server | None = None,
        began: float | None = None,
        front: bool = False,
        drain: int = DRAIN_SECONDS,
    ) -> None:
        self.kind = kind
        self.folder = Path(tempfile.mkdtemp(prefix="twofold-storm-"))
        self.clock = FastClock(time.monotonic() if began is None else began, speed)
        self.entries: tuple[str, ...] = (new_entry(),)
        self._owns_server = server is None
        self.server, self.proxy, self.front, self.workers = server, None, None, list[Worker]()
        try:
            url = self._sqlite() if kind == "sqlite" else self._on_a_server()
            began_at, fast = str(self.clock.began), str(speed)
            told = {"DATABASE_URL": url, "SOAK_BEGAN": began_at, "SOAK_SPEED": fast, "SOAK_VARIANT": variant}
            told |= {"ENCRYPTION_KEY": self.entries[0]}
            told |= {"TRUSTED_PROXIES": "127.0.0.1", "DRAIN_SECONDS": str(drain)} if front else {}
            logs = [self.folder / f"worker-{number}.log" for number in range(workers)]
            self.workers = [Worker(told, log) for log in logs]
            for worker in self.workers:
                worker.wait_until_ready()
            if front:
                self.folder.chmod(0o755)  # For the proxy, which is somebody else.
                self.front = Front([worker.port for worker in self.workers], self.folder)
                self.front.wait_until_it_serves()
        except BaseException:
            self.close()
            raise

    proxy: Proxy | None
    server: Server | None
    front: Front | None

    def _sqlite(self) -> str:
        path = self.folder / "storm.sqlite"
        self.sync_url = f"sqlite:///{path}"
        return self.sync_url

    def _on_a_server(self) -> str:
        self.server = self.server or servers.start(KINDS[self.kind])
        database: Database = self.server.fresh_database()
        self.database = database.name
        self.sync_url = database.sync_url
        url = self.server.url.set(drivername=self.server.kind.plain_driver, database=database.name)
        if self.kind == "postgresql":
            servers.run(
                self.server.url, f"DO $$ BEGIN CREATE ROLE {OWNER} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"
            )
            servers.run(self.server.url, f"ALTER DATABASE {database.name} OWNER TO {OWNER}")
            url = url.set(username=OWNER)
        self.proxy = Proxy(self.server.url.port or 0)
        return url.set(port=self.proxy.port).render_as_string(hide_password=False)

    @property
    def keys(self) -> KeyRing:
        """All keys that a value may be sealed under at present; the first writes."""
        return KeyRing(self.entries)

    @property
    def ports(self) -> list[int]:
        """Where clients ask."""
        return [self.front.port] if self.front is not None else [worker.port for worker in self.workers]

    @property
    def line(self) -> Proxy:
        """The proxy before the database."""
        assert self.proxy is not None
        return self.proxy

    @property
    def database_server(self) -> Server:
        """The server behind it."""
        assert self.server is not None
        return self.server

    def engine(self) -> Engine:
        """Looks into the database from outside, past the proxy."""
        return create_engine(self.sync_url, poolclass=NullPool, hide_parameters=True)

    def fail_over_to(self, server: Server) -> None:
        """Another server has the database from now on."""
        self.server, self._owns_server = server, False
        url = server.url.set(database=self.database)
        self.sync_url = url.render_as_string(hide_password=False)
        self.line.target = server.url.port or 0
        self.line.cut_all()

    def settle(self) -> None:
        """The trouble is over: everything runs, and nothing is under way."""
        if self.proxy is not None:
            self.proxy.weather = FAIR
            self.proxy.cut_all()
        if self.server is not None and self.server.process is not None and self.server.process.poll() is not None:
            come_back(self.server)
        for worker in self.workers:
            worker.wait_until_ready()
        # What was sent on before the lines were cut is done by then.
        time.sleep(0.3)

    def close(self) -> None:
        """End all that was started here."""
        if self.front is not None:
            self.front.close()
        for worker in self.workers:
            worker.close()
        if self.proxy is not None:
            self.proxy.close()
        if self.server is not None and self._owns_server:
            self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
