"""Servers under measurement: the backend and the bare one, each one process on one core, and the database."""

import asyncio
import os
import secrets
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.database import make_engine, migrate
from tests.servers import POSTGRESQL, Database, Server, start
from twofold import KeyRing

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = {CORES[0]}, {CORES[-1]}
START_SECONDS = 30


@contextmanager
def running(command: list[str], environment: Mapping[str, str], port: int, *, path: str) -> Iterator[int]:
    """A server as a process of its own on its own core; its process id. It is ended by that id."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=ROOT / "backend",
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE),  # noqa: PLW1509 - no threads yet
    )
    try:
        _wait(f"http://127.0.0.1:{port}{path}", process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


@dataclass(frozen=True)
class Stage:
    """What a measurement over HTTP stands on: a database of its own, a key, and the environment that says so."""

    server: Server
    database: Database
    keys: KeyRing
    environment: Mapping[str, str]


@contextmanager
def stage() -> Iterator[Stage]:
    """A fresh PostgreSQL with the backend's tables; who asks for it moves to the other core meanwhile."""
    key = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    server = start(POSTGRESQL)
    try:
        database = server.fresh_database()
        migrated(database)
        os.sched_setaffinity(0, LOAD_CORE)
        environment = {"ENCRYPTION_KEY": key, "DATABASE_URL": database.plain_url}
        yield Stage(server, database, KeyRing([key]), environment)
    finally:
        server.close()
        os.sched_setaffinity(0, CORES)


def migrated(database: Database) -> None:
    """Give a database the backend's tables."""

    async def migrating() -> None:
        engine = make_engine(database.async_url)
        await migrate(engine)
        await engine.dispose()

    asyncio.run(migrating())


def backend(port: int, environment: Mapping[str, str], factory: str = "app.main:create_app"):  # noqa: ANN201 - a context manager
    """The reference backend, as it is started for real but for its access log."""
    command = [*_UVICORN, factory, "--factory", "--port", str(port)]
    return running(command, environment, port, path="/readyz")


def bare(port: int, environment: Mapping[str, str]):  # noqa: ANN201 - a context manager
    """The bare server."""
    return running([*_UVICORN, "benchmarks.bare_server:app", "--port", str(port)], environment, port, path="/")


_UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--no-proxy-headers", "--log-level", "warning"]


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(URLError, ConnectionError):
            try:
                urlopen(url, timeout=5).close()  # noqa: S310 - loopback
            except URLError as error:
                if getattr(error, "code", None) is None:
                    raise
            return
        time.sleep(0.1)
    message = f"{url} did not answer"
    raise RuntimeError(message)
