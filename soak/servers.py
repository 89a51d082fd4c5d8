"""Database servers that are killed and come back, and a PostgreSQL with a standby."""

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool

from soak.proxy import Proxy
from tests import servers
from tests.servers import MARIADB, POSTGRESQL, Server

KINDS = {"postgresql": POSTGRESQL, "mariadb": MARIADB}
COME_BACK_SECONDS = 30
STANDBY_SECONDS = 20


def folder_of(server: Server) -> Path:
    """Where a throwaway server lives."""
    return Path(str(server._folder))  # noqa: SLF001 - it is ours


def kill(server: Server) -> None:
    """SIGKILL to the server itself."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()


def come_back(server: Server) -> None:
    """
    Start a killed server again, on its port and its data.

    Raises:
        RuntimeError: It does not come back.
    """
    assert server.process is not None
    command, deadline = server.process.args, time.monotonic() + COME_BACK_SECONDS
    while time.monotonic() < deadline:
        # PostgreSQL refuses while a child of the one before is still alive.
        server.process = servers.launch(command, folder_of(server) / "log")  # type: ignore[arg-type]
        if servers.wait_until_it_lets_us_in(server.process, server.url):
            return
        server.process.wait()
        time.sleep(0.1)
    raise RuntimeError("the database did not come back:\n" + servers.end_of(folder_of(server) / "log"))


def answer(url: URL, statement: str) -> object:
    """The first value of the first row."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar()


@dataclass
class Standby:
    """
    A copy of a PostgreSQL server that follows it.

    Args:
        line: What it follows through: its delay is how far it lags behind.
    """

    server: Server
    line: Proxy

    def promote(self) -> None:
        """It is the server from now on."""
        answer(self.server.url, "SELECT pg_promote(true, 30)")

    def close(self) -> None:
        """End it."""
        self.server.close()
        self.line.close()


def standby_of(primary: Server, *, synchronous: str) -> Standby:
    """
    Copy *primary*, and follow it.

    Args:
        synchronous: What `synchronous_commit` is set to, with this standby as the synchronous one; empty where commits
            do not wait for it.
    """
    line = Proxy(primary.url.port or 0)
    folder, port = Path(tempfile.mkdtemp(prefix="twofold-standby-")), servers.free_port()
    account = servers.as_account("postgres", POSTGRESQL.stop_signal)
    shutil.chown(folder, "postgres", "postgres") if account and folder.owner() == "root" else None
    command = [str(word) for word in primary.process.args] if primary.process is not None else []  # type: ignore[union-attr]
    postgres = next(word for word in command if word.endswith("postgres") and "/" in word)
    data, log = folder / "data", folder / "log"
    where = ["-h127.0.0.1", f"-p{line.port}", f"-U{primary.url.username}"]
    base_backup = str(Path(postgres).resolve().parent / "pg_basebackup")
    servers.prepare([*account, base_backup, *where, f"-D{data}", "-R", "-Xstream", "-cfast", "--no-sync"], log)
    settings = ["-h127.0.0.1", f"-p{port}", f"-k{folder}", "-cfsync=off", "-cmax_connections=300"]
    # A line that is cut is tried again after 5 s by default, and a promotion may wait for that.
    settings.append("-cwal_retrieve_retry_interval=200ms")
    process: subprocess.Popen[bytes] = servers.launch([*account, postgres, f"-D{data}", *settings], log)
    server = Server(POSTGRESQL, primary.url.set(port=port), process, folder)
    if not servers.wait_until_it_lets_us_in(process, server.url):
        raise RuntimeError("the standby did not start:\n" + servers.end_of(log))
    if synchronous:
        servers.run(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        servers.run(primary.url, f"ALTER SYSTEM SET synchronous_commit = '{synchronous}'")
        servers.run(primary.url, "SELECT pg_reload_conf()")
    _wait_until_it_follows(primary, "sync" if synchronous else "async")
    return Standby(server, line)


def _wait_until_it_follows(primary: Server, state: str) -> None:
    deadline = time.monotonic() + STANDBY_SECONDS
    while answer(primary.url, "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'") != state:
        if time.monotonic() > deadline:
            raise RuntimeError("the standby does not follow")
        time.sleep(0.05)
