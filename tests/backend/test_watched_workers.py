"""Two real workers: whichever is asked tells what both have counted, and what both write is lines of JSON."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from httpx2 import Client

from tests.backend.processes import Process, serving
from tests.prometheus.told import Samples, samples_in, told
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
SECONDS = 30
HEALTHZ = {"method": "GET", "route": "/healthz", "status": "2xx"}
COUNT = "twofold_http_request_duration_seconds_count"
MARK = "mark7"
ANN = {"email": "ann@example.com", "password": "correct horse battery"}


@dataclass
class Pair:
    """A backend of two workers."""

    process: Process
    key: str

    @property
    def workers(self) -> list[int]:
        """The ids of its processes that serve."""
        parent = self.process.process.pid
        children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        return [each for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]

    @contextmanager
    def served_by(self, worker: int) -> Iterator[Client]:
        """Somebody who is served by this worker, for the others stand still."""
        others = [each for each in self.workers if each != worker]
        for each in others:
            os.kill(each, signal.SIGSTOP)
        try:
            # Connections of its own, so that none of them waits at a worker that stands still.
            with Client(base_url=self.process.client.base_url, trust_env=False, timeout=SECONDS) as client:
                yield client
        finally:
            for each in others:
                os.kill(each, signal.SIGCONT)

    def scraped_from(self, worker: int) -> Samples:
        with self.served_by(worker) as client:
            return samples_in(client.get("/metrics").content)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder, key = tmp_path_factory.mktemp("pair"), Fernet.generate_key().decode()
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{folder / 'pair.db'}",
        "ENCRYPTION_KEY": key,
        "WEB_CONCURRENCY": "2",
        "LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "app.main"]
    with serving(command, ROOT / "backend", environment, log=folder / "log") as process:
        pair = Pair(process, key)
        wait_until(lambda: process.log.read_text().count("Application startup complete.") >= 2)
        assert len(pair.workers) == 2
        for worker in pair.workers:
            with pair.served_by(worker) as client:
                assert client.get("/readyz").status_code == 200
        yield pair


def test_whichever_is_asked_tells_of_both(pair: Pair):
    """
    What one worker has served is told by the other one too: three requests here and five there are eight, from both.
    """
    one, other = pair.workers
    before = told(pair.scraped_from(one), COUNT, **HEALTHZ) or 0
    for worker, times in ((one, 3), (other, 5)):
        with pair.served_by(worker) as client:
            assert {client.get("/healthz").status_code for _ in range(times)} == {200}

    after = [told(pair.scraped_from(worker), COUNT, **HEALTHZ) for worker in (one, other)]

    assert after == [before + 8] * 2


def test_rows_are_counted_once_for_both(pair: Pair):
    """
    What one worker has counted in the database the other one tells as it is, with the same moment.
    """
    one, other = pair.workers
    wait_until(lambda: told(pair.scraped_from(one), "twofold_rows_per_key_up") == 1)

    first, second = pair.scraped_from(one), pair.scraped_from(other)

    def rows(samples: Samples) -> Samples:
        return {key: value for key, value in samples.items() if key[0].startswith("twofold_rows_per_key")}

    assert rows(first) == rows(second)
    assert len(rows(first)) > 10


def test_a_worker_that_died(pair: Pair):
    """
    A worker that is killed is replaced; what it had counted stays counted, and what it had to say is said once.
    """
    one, other = pair.workers
    with pair.served_by(one) as client:
        client.get("/healthz")
    before = pair.scraped_from(other)
    os.kill(one, signal.SIGKILL)
    wait_until(lambda: one not in pair.workers and len(pair.workers) == 2)
    [new] = set(pair.workers) - {other}
    wait_until_it_serves(pair, new)

    after = pair.scraped_from(new)

    assert told(after, COUNT, **HEALTHZ) == told(before, COUNT, **HEALTHZ)
    assert told(after, "twofold_rows_per_key_up") == told(before, "twofold_rows_per_key_up")
    assert "pid" not in {name for _, labels in after for name, _ in labels}


def wait_until_it_serves(pair: Pair, worker: int) -> None:
    """A worker that has just been started opens its file of counts before it serves."""
    wait_until(lambda: f"Started server process [{worker}]" in pair.process.log.read_text())
    with pair.served_by(worker) as client:
        assert client.get("/readyz").status_code == 200


def test_all_that_is_written_is_lines(pair: Pair):
    """
    Everything that such a backend prints, from its start on, is one JSON object a line; paths, queries, addresses and
    what else a client sent stand in none of them, by HTTP or by an attempt at WebSocket.
    """
    client = pair.process.client
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    for headers in ({}, upgrade, {"X-Request-ID": MARK, "User-Agent": f"{MARK}\\n{MARK}"}):
        client.get(f"/{MARK}/{MARK}%0A{MARK}?code={MARK}", headers=headers)
    client.post("/api/auth/register", json=ANN)
    client.post("/api/auth/login", json=ANN | {"password": MARK})

    written = pair.process.log.read_text()
    lines = [json.loads(line) for line in written.splitlines()]

    assert {"timestamp", "level", "logger", "event"} <= set.intersection(*(set(line) for line in lines))
    assert [word for word in (MARK, *ANN.values(), pair.key) if word in written] == []
    assert {line["event"] for line in lines if "127.0.0.1" in line["event"]} == {
        f"Uvicorn running on {str(client.base_url).rstrip('/')} (Press CTRL+C to quit)",
        "A password was refused; from 127.0.0.1.",
    }
    assert {line["logger"] for line in lines} >= {"app", "app.requests", "twofold", "uvicorn.error"}


def test_nothing_is_left_behind(pair: Pair):
    """
    The folder in which both count is there while they do, for nobody else to read, and goes with them.
    """
    environment = Path(f"/proc/{pair.workers[0]}/environ").read_bytes().split(b"\0")
    [folder] = [Path(each.partition(b"=")[2].decode()) for each in environment if each.startswith(b"PROMETHEUS_")]
    there, mode = folder.is_dir(), folder.stat().st_mode & 0o777

    code = pair.process.stop()

    assert (there, oct(mode), code, folder.exists()) == (True, "0o700", 0, False)
