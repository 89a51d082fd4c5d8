"""`make run` on a copy of the tree: an empty environment is enough, and the caller's is kept."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pyotp
import pytest
from httpx2 import Client, TransportError

from tests.servers import free_port, program
from twofold.clock import SystemClock

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 30
ANN = {"email": "ann@example.com", "password": "correct horse battery"}

# Tells who imported it, from wherever the caller says.
SITECUSTOMIZE = """
import pathlib, sys
pathlib.Path(__file__).with_name("imported").write_text(" ".join(sys.orig_argv[1:]))
"""


@dataclass
class Backend:
    """A backend in a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    client: Client

    def tells_of(self, key: Path) -> int:
        """How many lines of its log say that this is the file of the key."""
        return sum("ENCRYPTION_KEY" in line and str(key) in line for line in self.log.read_text().splitlines())

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what `make run` needs, its environment made already; nothing of a backend that ran before."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "backend", tree / "backend", ignore=shutil.ignore_patterns("var", "__pycache__", "*.db*"))
    shutil.copy(ROOT / "Makefile", tree)
    (tree / ".venv").symlink_to(sys.prefix)
    set_up = tree / "scripts" / "setup"
    set_up.parent.mkdir()
    set_up.write_text("#!/bin/sh\n")
    set_up.chmod(0o755)
    return tree


def last_command_of_run(tree: Path) -> str:
    """The command that `make run` ends in, as make itself says."""
    environment = {"PATH": os.environ["PATH"]}
    command = ["make", "--dry-run", "--silent", "run"]
    told = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    return told.stdout.splitlines()[-1]


@pytest.fixture
def start(tree: Path) -> Iterator[Callable[..., Backend]]:
    """Starts a backend, in an environment of a free port and what is given, and waits until it is ready."""
    with ExitStack() as stack:

        def start(*command: str, **environment: str) -> Backend:
            log, port = tree / "log", free_port()
            client = stack.enter_context(Client(base_url=f"http://127.0.0.1:{port}", trust_env=False))
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command,
                    cwd=tree,
                    env={"PORT": str(port)} | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            backend = Backend(process, log, client)
            stack.callback(end, process)
            wait_until_ready(backend)
            return backend

        yield start


def end(process: subprocess.Popen[bytes]) -> None:
    """End it, with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until_ready(backend: Backend) -> None:
    deadline = time.monotonic() + START_SECONDS
    while backend.process.poll() is None and time.monotonic() < deadline:
        try:
            assert backend.client.get("/readyz").json() == {"status": "ready"}
        except TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(backend.log.read_text())


def test_an_empty_environment_is_enough(tree, start):
    """Given nothing but a port it serves, keeps data and key in `backend/var`, and stops in order when asked to."""
    backend = start("/bin/sh", "-c", last_command_of_run(tree))
    code = backend.stop()

    log, var = backend.log.read_text(), tree / "backend" / "var"
    key = var / "encryption.key"
    assert code == 0
    assert "Application shutdown complete." in log
    # SQLite may leave its journal beside the database.
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in var.iterdir()} == {
        "encryption.key",
        "twofold.db",
    }
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert backend.tells_of(key) == 1
    assert key.read_text().strip() not in log


def test_a_second_start_goes_on_where_the_first_ended(tree, start):
    """The key and the data are kept: who set up a second factor before finishes it after, and no key is made again."""
    command, key = ("/bin/sh", "-c", last_command_of_run(tree)), tree / "backend" / "var" / "encryption.key"
    first = start(*command)
    first.client.post("/api/auth/register", json=ANN)
    token = first.client.post("/api/auth/login", json=ANN).json()["access_token"]
    session = {"Authorization": f"Bearer {token}"}
    secret = first.client.post("/api/auth/2fa/setup", headers=session).json()["secret"]
    made = key.read_text()
    assert first.stop() == 0

    second = start(*command)
    code = pyotp.TOTP(secret).at(SystemClock().now())
    answer = second.client.post("/api/auth/2fa/verify", headers=session, json={"code": code})

    assert answer.status_code == 200
    assert key.read_text() == made
    assert second.tells_of(key) == 0
    assert second.stop() == 0


def test_make_keeps_the_environment_of_its_caller(tree, start, tmp_path):
    """A `sitecustomize` on the caller's `PYTHONPATH` is imported by the server that `make run` starts."""
    folder = tmp_path / "caller"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)

    backend = start(program("make"), "run", PYTHONPATH=str(folder), PATH=os.environ["PATH"])
    ready = backend.client.get("/healthz").json()
    backend.stop()

    assert ready == {"status": "alive"}
    assert (folder / "imported").read_text() == "-m app.main"


def test_several_processes_stop_in_order_too(tree, start):
    """With several processes one signal to the first ends all of them, and that is no failure."""
    backend = start("/bin/sh", "-c", last_command_of_run(tree), WEB_CONCURRENCY="2")

    assert backend.stop() == 0
    with pytest.raises(TransportError):
        backend.client.get("/healthz")
    assert backend.log.read_text().count("REDIS_URL is not set") == 1
