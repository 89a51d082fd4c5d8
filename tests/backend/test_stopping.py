"""What happens between being asked to stop and stopping, in a process of its own."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from httpx2 import TransportError

from tests.backend.processes import STOP_SECONDS, Process, serving
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
SECONDS = 30
ANN = {"email": "ann@example.com", "password": "correct horse battery"}
DRAIN_SECONDS = 6
"""Long enough for a few requests, on a machine that does other things too."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts a backend that Ann has registered with."""
    with ExitStack() as stack:

        def start(**environment: str) -> Process:
            given = {
                "PATH": os.environ["PATH"],
                "PORT": str(free_port()),
                "DATABASE_URL": f"sqlite:///{tmp_path / 'stopping.db'}",
                "ENCRYPTION_KEY": Fernet.generate_key().decode(),
            }
            command = [sys.executable, "-m", "app.main"]
            serving_it = serving(command, ROOT / "backend", given | environment, log=tmp_path / "log")
            process = stack.enter_context(serving_it)
            assert process.client.post("/api/auth/register", json=ANN).status_code == 201
            return process

        yield start


class SignIn:
    """A sign-in of which the server has the head, and waits for the rest."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._body = json.dumps(ANN).encode()
        head = f"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(self._body)}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
        # It says so when the application reads the body: the request is on its way.
        assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")

    def finish(self) -> dict[str, object]:
        """Send the rest; the answer."""
        self._connection.sendall(self._body)
        answer = HTTPResponse(self._connection)
        answer.begin()
        told: dict[str, object] = json.loads(answer.read())
        return told | {"status_code": answer.status}


@contextmanager
def sign_in_on_its_way(process: Process) -> Iterator[SignIn]:
    address = (process.client.base_url.host, process.client.base_url.port)
    with socket.create_connection(address, SECONDS) as connection:
        yield SignIn(connection)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(process: Process) -> list[str]:
    return process.log.read_text().splitlines()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_node_is_taken_out_before_it_stops(start: Callable[..., Process], workers: str):
    """
    Asked to stop, however often, it says at once that it is not ready, and serves whoever comes nevertheless, until
    the time is over that proxies are given; a sign-in that was on its way ends with its answer; then it ends in order.
    """
    process = start(DRAIN_SECONDS=str(DRAIN_SECONDS), WEB_CONCURRENCY=workers)
    client = process.client
    with sign_in_on_its_way(process) as sign_in:
        process.process.send_signal(signal.SIGTERM)
        wait_until(lambda: client.get("/readyz").status_code == 503)
        process.process.send_signal(signal.SIGTERM)
        later = [client.get("/healthz").status_code, client.post("/api/auth/login", json=ANN).status_code]
        finished = sign_in.finish()

    assert later == [200, 200]
    assert (finished["status_code"], finished["status"]) == (200, "signed_in")
    assert process.process.wait(STOP_SECONDS) == 0
    told = process.log.read_text()
    assert told.count("Asked to stop") == int(workers)
    assert told.count("Application shutdown complete.") == int(workers)
    assert told.index("Asked to stop") < told.rindex("status=200") < told.index("Shutting down")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sign_in_on_its_way_ends_with_its_answer(start: Callable[..., Process], workers: str):
    """
    Without a time for proxies nobody new is let in from then on; a sign-in that was on its way is served all the same.
    """
    process = start(DRAIN_SECONDS="0", WEB_CONCURRENCY=workers)
    with sign_in_on_its_way(process) as sign_in:
        process.process.send_signal(signal.SIGTERM)
        wait_until(lambda: process.log.read_text().count("Shutting down") == int(workers))
        with pytest.raises(TransportError):
            process.client.get("/healthz")
        finished = sign_in.finish()

    assert (finished["status_code"], finished["status"]) == (200, "signed_in")
    assert process.process.wait(STOP_SECONDS) == 0


def test_who_sits_in_front_of_it_need_not_wait(start: Callable[..., Process]):
    """
    Interrupted by hand, it stops at once, also while it waits for proxies.
    """
    process = start(DRAIN_SECONDS="300")
    process.process.send_signal(signal.SIGTERM)
    wait_until(lambda: process.client.get("/readyz").status_code == 503)
    process.process.send_signal(signal.SIGINT)

    assert process.process.wait(STOP_SECONDS) == 0
    assert "Application shutdown complete." in process.log.read_text()
