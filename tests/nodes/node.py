"""A node: the backend in a process of its own, started as operators start it, and asked to stop as platforms do."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from httpx2 import Client, TransportError

from app.main import main
from tests.forked import forked
from tests.servers import free_port

START_SECONDS = 60
STOP_SECONDS = 30
STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR = range(3)


def serve(environment: dict[str, str], log: Path) -> None:
    """What `python -m app.main` does, in this environment, printing to *log*."""
    os.setsid()
    with log.open("ab") as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), STANDARD_INPUT)
        os.dup2(output.fileno(), STANDARD_OUTPUT)
        os.dup2(output.fileno(), STANDARD_ERROR)
    sys.stdin = os.fdopen(STANDARD_INPUT)
    os.environ |= environment
    main()


class Node:
    """
    One node, on a port of its own.

    Args:
        environment: Its variables, but for `PORT`.
        log: What it prints.
    """

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.log.touch()
        self._environment = environment | {"PORT": str(self.port)}
        self.start()

    def start(self, **environment: str) -> None:
        """Start it; with other variables than before, where any are given."""
        self._environment |= environment
        self.process = forked().Process(target=serve, args=(self._environment, self.log))
        self.process.start()

    def stop(self) -> int | None:
        """Ask it to stop, and wait until it has; its exit code."""
        self.process.terminate()
        self.process.join(STOP_SECONDS)
        return self.process.exitcode

    def kill(self) -> None:
        """End it as a crash does, with all that it started."""
        self.process.kill()  # It may be so young that it leads no group yet.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.join(STOP_SECONDS)

    def wait_until(self, status: int) -> None:
        """Wait until `/readyz` answers so."""
        deadline = time.monotonic() + START_SECONDS
        with Client(base_url=self.address, trust_env=False) as client:
            while self.process.is_alive() and time.monotonic() < deadline:
                with suppress(TransportError):
                    if client.get("/readyz").status_code == status:
                        return
                time.sleep(0.02)
        raise AssertionError(self.log.read_text())
