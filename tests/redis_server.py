"""Starts a throwaway Redis for the tests, which forgets everything and ends with them."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.servers import START_SECONDS, as_account, end_of, free_port, launch, program, stop


class RedisServer:
    """
    A Redis of our own, which can be killed, stopped for a while, and started again.

    Args:
        configuration: What stands in its file.
        password: The one that it asks for then.
    """

    def __init__(self, configuration: str = "", password: str = "") -> None:
        self.port = free_port()
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url, decode_responses=True)
        self._folder = Path(tempfile.mkdtemp(prefix="twofold-redis-"))
        self._configuration = self._folder / "redis.conf"
        self._configuration.write_text(configuration)
        if os.getuid() == 0:
            for path in (self._folder, self._configuration):
                shutil.chown(path, "redis", "redis")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._folder / "log"
        here = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        forgetful = ["--save", "", "--appendonly", "no"]
        command = [program("redis-server"), str(self._configuration), *here, *forgetful]
        server = [*as_account("redis", signal.SIGTERM), *command]
        self._process = launch(server, log)
        deadline = time.monotonic() + START_SECONDS
        while not self._lets_in():
            if self._process.poll() is not None or time.monotonic() > deadline:
                message = f"redis did not start:\n{end_of(log)}"
                raise RuntimeError(message)
            time.sleep(0.02)

    def _lets_in(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def forget(self) -> None:
        """Nothing is counted any more."""
        self.client.flushdb()

    def send(self, told: signal.Signals) -> None:
        """`SIGSTOP` makes it a black hole, `SIGCONT` ends that."""
        if self._process is not None:
            self._process.send_signal(told)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def close(self) -> None:
        self.client.close()
        if self._process is not None:
            self.send(signal.SIGCONT)
            stop(self._process, signal.SIGTERM)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running(configuration: str = "", password: str = "") -> Iterator[RedisServer]:
    """A Redis to count in."""
    server = RedisServer(configuration, password)
    try:
        server.start()
        yield server
    finally:
        server.close()
