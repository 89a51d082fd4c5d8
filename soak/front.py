"""The proxy before the nodes: Caddy with the very configuration that `compose.yaml` runs, on loopback."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from tests.servers import as_account, end_of, free_port, program, stop

CONFIGURATION = Path(__file__).resolve().parent.parent / "deploy" / "Caddyfile"
START_SECONDS = 30
HEALTH_INTERVAL = "250ms"
"""How often nodes are asked whether they are ready."""
_LOCAL = build_opener(ProxyHandler({}))


class Front:
    """
    The proxy, in a process of its own; a client of it is on 127.0.0.1.

    Args:
        ports: The nodes.
        folder: For what it prints and writes.
    """

    def __init__(self, ports: Sequence[int], folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "proxy.log"
        home = folder / "proxy"
        home.mkdir()
        if os.getuid() == 0:
            shutil.chown(home, "caddy", "caddy")
        environment = {
            "HOME": str(home),
            "BIND_ADDRESS": "127.0.0.1",
            "SITE_ADDRESS": f"http://127.0.0.1:{self.port}",
            "NODES": " ".join(f"127.0.0.1:{port}" for port in ports),
            "HEALTH_INTERVAL": HEALTH_INTERVAL,
        }
        command = [*as_account("caddy", signal.SIGTERM), program("caddy"), "run", "--adapter", "caddyfile"]
        # Given as its standard input, for the folder need not let everybody in.
        with CONFIGURATION.open("rb") as configuration, self.log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, "--config", "-"],
                cwd=home,
                env=environment,
                stdin=configuration,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_it_serves(self) -> None:
        """
        Wait until it hands requests to a node.

        Raises:
            RuntimeError: It does not.
        """
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                _LOCAL.open(f"http://127.0.0.1:{self.port}/openapi.json", timeout=10).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("the proxy does not serve:\n" + end_of(self.log))

    def wait_until_it_sees(self, port: int, *, ready: bool) -> None:
        """
        Wait until it has noticed whether a node is ready, as it says in its log.

        Raises:
            RuntimeError: It has not.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            told = [line for line in self.log.read_text().splitlines() if f'"host":"127.0.0.1:{port}"' in line]
            # Of what it has found ready from the beginning on it says nothing.
            if (not told or "host is up" in told[-1]) == ready:
                return
            time.sleep(0.02)
        raise RuntimeError("the proxy has not noticed:\n" + end_of(self.log))

    def close(self) -> None:
        """End it."""
        stop(self._process, signal.SIGTERM)
