"""The reference backend behind a real server, and requests that no client library would send."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any, Self

import uvicorn
from fastapi import FastAPI
from httpx2 import Client, Response

from app.main import create_app
from tests.http.world import Place, World
from tests.pauses import for_ever
from twofold.settings import Settings

SECONDS = 10
"""How long an answer may take before the test gives up."""


class RunningServer:
    """
    A server in a thread, as `app.main` starts it.

    Args:
        both: It listens for both kinds of IP on one socket.
        port: On which one, where the application has to know it.
    """

    def __init__(self, app: FastAPI, http: str, loop: str, *, both: bool = False, port: int = 0) -> None:
        family = socket.AF_INET6 if both else socket.AF_INET
        self._listening = socket.create_server(
            ("::" if both else "127.0.0.1", port), family=family, dualstack_ipv6=both
        )
        self.port: int = self._listening.getsockname()[1]
        config = uvicorn.Config(app, http=http, loop=loop, proxy_headers=False, server_header=False, log_config=None)
        self._server = uvicorn.Server(config)
        self._runner = asyncio.Runner(loop_factory=config.get_loop_factory())
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        # The kernel has taken the connection; the answer comes when the application has started.
        assert self.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status_code == 200
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(SECONDS)
        self._listening.close()

    def _run(self) -> None:
        with self._runner:
            self._runner.run(self._server.serve(sockets=[self._listening]))

    def call(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: object) -> Any:
        """Call an asynchronous function on the server's event loop."""
        return asyncio.run_coroutine_threadsafe(function(*arguments), self._runner.get_loop()).result(SECONDS)

    def send(self, *parts: bytes, ends: bool = False, host: str = "127.0.0.1") -> Response:
        """
        Send bytes, and read the one answer.

        Args:
            ends: Say that nothing more comes, while still listening.
            host: From and to which address of this machine.
        """
        with socket.create_connection((host, self.port), SECONDS, (host, 0)) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass  # It has heard enough; what it answers counts.
            answer = HTTPResponse(connection)
            answer.begin()
            return Response(answer.status, headers=answer.getheaders(), content=answer.read())


class ServedWorld(World):
    """The reference backend behind a real server."""

    def __init__(self, app: FastAPI, client: Client, place: Place, server: RunningServer) -> None:
        super().__init__(app, client, place.engine(), server.call)
        self.server = server

    def raw(
        self,
        path: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"{}",
        *,
        method: bytes = b"POST",
        host: str = "127.0.0.1",
    ) -> Response:
        """One request with exactly these headers, beside those that say where it goes and how long it is."""
        given = [(b"Host", b"localhost"), (b"Connection", b"close"), *headers]
        if not {name.lower() for name, _ in headers} & {b"content-length", b"transfer-encoding"}:
            given.append((b"Content-Length", str(len(body)).encode()))
        head = b"%s %s HTTP/1.1\r\n" % (method, path.encode()) + b"".join(b"%s: %s\r\n" % header for header in given)
        return self.server.send(head + b"\r\n" + body, host=host)


@contextmanager
def served(place: Place, settings: Settings, *, http: str, loop: str, both: bool = False) -> Iterator[ServedWorld]:
    """The backend behind a server that reads HTTP with *http*."""
    app = create_app(settings, pause=for_ever)
    with (
        RunningServer(app, http, loop, both=both) as server,
        Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        world = ServedWorld(app, client, place, server)
        yield world
        world.engine.dispose()
