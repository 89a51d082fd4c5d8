"""The reference backend as a process that stands still where sessions are ended, so that it can be killed there."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import TransportError

from app.main import create_app
from app.utils.two_factor_auth import TokenSessions
from tests.backend.processes import Process, serving
from tests.http.world import Place
from tests.servers import free_port
from twofold.testing import StoppedClock

ROOT = Path(__file__).parents[2]
Request = tuple[str, str, dict[str, Any]]
STILL_SECONDS = 60
"""How long it stands still at most; it is killed long before."""


class PausedSessions(TokenSessions):
    """The backend's own sessions, with a place to be killed at before they are ended, and one after it."""

    async def end_all(self, user_id: int) -> None:
        await stand_still("before", user_id)
        await super().end_all(user_id)
        await stand_still("after", user_id)


async def stand_still(place: str, user_id: int) -> None:
    if os.environ["STAND_STILL"] == place:
        (Path(os.environ["REACHED"]) / f"{place}-{user_id}").touch()
        await asyncio.sleep(STILL_SECONDS)


def paused_app() -> FastAPI:
    """The application, at a moment that is given."""
    app = create_app()
    two_factor = app.state.two_factor
    two_factor.auth.clock = StoppedClock(datetime.fromisoformat(os.environ["MOMENT"]))
    app.dependency_overrides[two_factor.host.sessions] = PausedSessions
    return app


@dataclass(frozen=True)
class Lives:
    """
    The lives of one backend, one after the other, on one database.

    Args:
        folder: For its log, and for the signs that a place was reached.
    """

    place: Place
    key: str
    folder: Path

    @contextmanager
    def life(self, moment: datetime, *, still: str = "", workers: int = 1) -> Iterator[Process]:
        """
        A process that serves.

        Args:
            still: `before` or `after` the sessions are ended, where it shall stand still.
        """
        port = str(free_port())
        environment = {
            **os.environ,
            "DATABASE_URL": self.place.async_url,
            "ENCRYPTION_KEY": self.key,
            "MOMENT": moment.isoformat(),
            "PORT": port,
            "REACHED": str(self.folder),
            "STAND_STILL": still,
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "tests.http.paused:paused_app", "--app-dir", "backend"]
        options = [f"--port={port}", f"--workers={workers}", "--no-access-log"]
        with serving([*command, *options], ROOT, environment, log=self.folder / "log") as process:
            yield process

    def killed(self, moment: datetime, still: str, requests: Mapping[int, Request]) -> None:
        """
        A life that ends by SIGKILL while it stands still in all of *requests*, of which none is ever answered.

        Args:
            requests: By the id of the user whose sessions are to end.
        """
        with self.life(moment, still=still) as backend, ThreadPoolExecutor(len(requests)) as threads:
            sent = [
                threads.submit(backend.client.request, method, path, **options)
                for method, path, options in requests.values()
            ]
            for user_id in requests:
                wait_for(self.folder / f"{still}-{user_id}")
            backend.process.kill()
            backend.process.wait()
            assert all(isinstance(answer.exception(STILL_SECONDS), TransportError) for answer in sent)


def wait_for(sign: Path) -> None:
    """Until a place is reached."""
    deadline = time.monotonic() + STILL_SECONDS / 2
    while not sign.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
