"""The reference backend, listening, for people who come over the network."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI

from app.main import create_app
from tests.pauses import for_ever
from twofold.service.ports import Clock
from twofold.settings import Settings

START_SECONDS = 30
STOP_SECONDS = 20


class ClockInAFile:
    """A clock that shows the seconds since 1970 that stand in a file, so that another program can move it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self.file.read_text()), UTC)


def settings_in(folder: Path, *, issuer: str = "Twofold") -> Settings:
    """Settings of a backend on a SQLite file of its own."""
    url = f"sqlite+aiosqlite:///{folder / 'backend.sqlite'}"
    keys = (Fernet.generate_key().decode(),)
    return Settings(database_url=url, encryption_key=keys, issuer=issuer, public_url="http://localhost:8000")


@contextmanager
def serving(settings: Settings, clock: Clock | None = None) -> Iterator[str]:
    """The address of a backend that serves in a thread, on a free port."""
    app = create_app(settings, pause=for_ever)
    if clock is not None:
        app.state.two_factor.auth.clock = app.state.password_limits.clock = clock
    with listening(app) as address:
        yield address


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The address of an application that serves in a thread, on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with _running(app, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def _running(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, proxy_headers=False, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
