"""Several workers of the reference backend over one database, all asked at one moment."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from app.main import create_app
from tests.http.asgi import Asked, ask
from tests.http.bodies import JSON
from tests.races.crew import PROCESSES, Crew, move, values
from tests.races.place import Place
from twofold import TwoFactorAuth
from twofold.settings import Settings
from twofold.testing import StoppedClock
from twofold.testing.clock import NOON


@dataclass(frozen=True)
class Asking:
    """One request that is on its way to a worker: POST, with JSON."""

    path: str
    content: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Workers:
    """
    The backend in each process of a crew.

    Args:
        place: Where the crew itself stands, so that it takes no connection of the backend's database.
        settings: Those of every worker.
    """

    def __init__(self, crew: Crew, place: Place, settings: Settings) -> None:
        self._crew = crew
        self._place = place
        self._settings = settings

    def start(self, at_once: int) -> None:
        """Start every worker, and make as many connections as *at_once* requests need."""
        nobodys = Asking("/api/auth/login/second-factor", b'{"sign_in_token": "x", "code": "123456"}')
        self.ask([nobodys] * PROCESSES)
        self.ask([nobodys] * at_once)

    def ask(self, askings: Sequence[Asking], at: datetime = NOON) -> list[Response]:
        """Make all requests at one moment, each in a thread of its own, spread over the workers."""
        outcomes = self._crew.race(self._place, [move(_answer, self._settings, at, asking) for asking in askings])
        answers = [Response(status, headers=headers, content=body) for status, headers, body in values(outcomes)]
        assert len(answers) == len(askings)
        return answers

    def close(self) -> None:
        """End the workers; the crew stays."""
        self._crew.race(self._place, [move(_close)] * PROCESSES)


_one_at_a_time = threading.Lock()
_stack = ExitStack()
_running: list[tuple[FastAPI, BlockingPortal]] = []


def _answer(_: TwoFactorAuth, settings: Settings, at: datetime, asking: Asking) -> tuple[int, list[Any], bytes]:
    app, portal = _worker(settings)
    app.state.two_factor.auth.clock = StoppedClock(at)
    headers = [(name.encode(), value.encode()) for name, value in (*JSON.items(), *asking.headers)]
    answer = portal.call(ask, app, Asked(asking.path, headers, [asking.content]))
    return answer.status_code, answer.headers.raw, answer.content


def _worker(settings: Settings) -> tuple[FastAPI, BlockingPortal]:
    """The backend of this process, which the first who asks starts."""
    with _one_at_a_time:
        if not _running:
            app = create_app(settings)
            started = _stack.enter_context(TestClient(app))
            assert started.portal is not None
            _running.append((app, started.portal))
        return _running[0]


def _close(_: TwoFactorAuth) -> None:
    with _one_at_a_time:
        _running.clear()
        _stack.close()
