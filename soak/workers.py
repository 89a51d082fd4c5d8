"""Workers: processes of the reference backend that are killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 60, 60
_LOCAL = build_opener(ProxyHandler({}))


class Worker:
    """
    One process of the backend, on a port of its own.

    Args:
        environment: Beside the environment of this process.
        log: What it prints.
    """

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._environment = {**os.environ, **environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'backend'}"}
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--no-proxy-headers", "--log-level", "warning"]
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command
                [*uvicorn, "soak.app:create_app", "--factory", "--port", str(self.port)],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, by its id."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to stop, as a platform does, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)

    def come_back(self, **environment: str) -> None:
        """Start it again, if it has ended; with other variables than before, where any are given."""
        self._environment |= environment
        if self.process.poll() is not None:
            self.process = self._start()

    def wait_until_ready(self) -> None:
        """
        Wait until it serves and its database answers.

        Raises:
            RuntimeError: It does not start.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.come_back()
            if self.is_ready():
                return
            time.sleep(0.05)
        raise RuntimeError("a worker does not serve:\n" + self.end_of_log())

    def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        with suppress(OSError, HTTPError):
            _LOCAL.open(f"http://127.0.0.1:{self.port}/readyz", timeout=5).close()
            return True
        return False

    def end_of_log(self) -> str:
        """The last of what it printed."""
        return self.log.read_text(errors="replace")[-6000:]

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory(self) -> int:
        """Bytes of memory that it holds (proc(5): statm, resident)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
