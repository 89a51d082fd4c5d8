"""
Asks one route at a steady rate, from a process of its own, and prints how long each answer took, in milliseconds.

`python -m benchmarks.probe PORT SECONDS`; a request goes out when its time has come, whether the one before it was
answered or not, so that a server that stands still is seen by all that wait.
"""

import asyncio
import json
import os
import sys
import time

from benchmarks.load import ask

PATH = "/healthz"
EACH = 0.01
"""Seconds from one request to the next."""

CONNECTIONS = 32
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


async def _ask(port: int, seconds: float) -> list[float]:
    idle = asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    begun, latencies = time.perf_counter(), list[float]()

    async def one(due: float) -> None:
        reader, writer = await idle.get()
        await ask(reader, writer, REQUEST)
        latencies.append(1e3 * (time.perf_counter() - due))
        idle.put_nowait((reader, writer))

    async with asyncio.TaskGroup() as asked:
        for number in range(int(seconds / EACH)):
            due = begun + number * EACH
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asked.create_task(one(due))
    while not idle.empty():
        idle.get_nowait()[1].close()
    return latencies


if __name__ == "__main__":
    os.nice(-10 if os.geteuid() == 0 else 0)  # whoever measures does not wait for those who make the load
    print(json.dumps(asyncio.run(_ask(int(sys.argv[1]), float(sys.argv[2])))))
