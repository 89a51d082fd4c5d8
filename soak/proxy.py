"""A proxy between workers and a database that cuts, resets, delays and swallows."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

CHUNK = 65_536
JOIN_SECONDS = 10
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time left: closing sends RST (socket(7))."""


@dataclass(frozen=True)
class Weather:
    """
    What happens to connections.

    Args:
        delay: Seconds that each piece waits.
        cut_after: Bytes after which a connection is cut, drawn anew for each up to this; 0 for never.
        cut_at_commit: How likely a connection is cut right after a COMMIT was sent on, before its answer.
        resets: Cut with RST, and not in good order.
        swallows: Nothing comes through any more.
        refuses: No new connection is made.
    """

    delay: float = 0
    cut_after: int = 0
    cut_at_commit: float = 0
    resets: bool = False
    swallows: bool = False
    refuses: bool = False


FAIR = Weather()


class Proxy:
    """Listens on a port of loopback, and hands on to *target*; runs in a thread of its own until it is closed."""

    def __init__(self, target: int, seed: int = 0) -> None:
        self.target = target
        self.weather = FAIR
        self.cuts = 0
        self._random = random.Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Future[None]] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._serve())

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(JOIN_SECONDS)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accepted, sock=self._listening)

    def cut_all(self) -> None:
        """Reset every connection that is open."""

        async def cut() -> None:
            for writer in tuple(self._open):
                self._cut(writer, resets=True)

        self._call(cut())

    def close(self) -> None:
        """End it with all its connections."""

        async def end() -> None:
            self._server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0.05)  # The transports close in the turns that follow.

        self.cut_all()
        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(JOIN_SECONDS)
        self._loop.close()
        self._listening.close()

    def _cut(self, writer: asyncio.StreamWriter, *, resets: bool) -> None:
        peer = writer.get_extra_info("socket")
        if resets and peer is not None:
            with suppress(OSError):
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort() if resets else writer.close()
        self._open.discard(writer)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self.weather.refuses:
                raise ConnectionRefusedError
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self._cut(writer, resets=True)
            return
        self._open.add(forth)
        pumps = [
            asyncio.create_task(self._pump(reader, forth, commits=True)),
            asyncio.create_task(self._pump(back, writer, commits=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, forth):
                self._cut(end, resets=self.weather.resets)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, commits: bool) -> None:
        passed, fate = 0, self._random.random()
        while piece := await reader.read(CHUNK):
            while self.weather.swallows:  # noqa: ASYNC110 - the weather is set by another thread
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.weather.delay)
            weather, passed = self.weather, passed + len(piece)
            if weather.cut_after and passed > fate * weather.cut_after:
                writer.write(piece[: len(piece) // 2])
                await self._fall(writer)
            writer.write(piece)
            await writer.drain()
            if commits and weather.cut_at_commit > self._random.random() and b"COMMIT" in piece:
                await self._fall(writer)
        # One end has closed: so does the other.
        raise ConnectionAbortedError

    async def _fall(self, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await writer.drain()
        self.cuts += 1
        raise ConnectionResetError
