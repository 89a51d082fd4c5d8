"""The backend in a process of its own, as operators start it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from httpx2 import Client, TransportError

START_SECONDS = 60
STOP_SECONDS = 30


@dataclass
class Process:
    """
    A backend that serves.

    Args:
        client: Talks to it.
        log: What it prints.
    """

    process: subprocess.Popen[bytes]
    client: Client
    log: Path

    def stop(self) -> int:
        """Ask it to stop, as a platform does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                assert self.client.get("/readyz").json() == {"status": "ready"}
            except TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.log.read_text())


@contextmanager
def serving(
    command: Sequence[str], folder: Path, environment: dict[str, str], *, log: Path, host: str = "127.0.0.1"
) -> Iterator[Process]:
    """
    A backend that is ready, started by *command* in *folder*; it is ended with all that it started.

    Args:
        environment: With `PORT`.
        host: Where it is asked.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with Client(base_url=f"http://{host}:{environment['PORT']}", trust_env=False) as client:
            backend = Process(process, client, log)
            backend.wait_until_ready()
            yield backend
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
