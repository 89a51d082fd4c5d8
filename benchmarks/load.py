"""A load of HTTP requests over a few kept connections; each request is sent once, as it was prepared."""

import asyncio
from collections.abc import Sequence


async def _worker(host: str, port: int, requests: list[bytes], statuses: list[int]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while requests:
        statuses.append(await ask(reader, writer, requests.pop()))
    writer.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Send one request over a connection that is kept, and read the answer; its status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])


async def _send(host: str, port: int, requests: Sequence[bytes], connections: int) -> list[int]:
    left, statuses = list(requests), list[int]()
    await asyncio.wait_for(
        asyncio.gather(*(_worker(host, port, left, statuses) for _ in range(connections))), timeout=300
    )
    return statuses


def send(port: int, requests: Sequence[bytes], *, connections: int = 16) -> list[int]:
    """Send every request to 127.0.0.1, over so many connections; the statuses, in the order of the answers."""
    return asyncio.run(_send("127.0.0.1", port, requests, connections))


def post(path: str, token: str, body: bytes) -> bytes:
    """One POST of JSON with a bearer token."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
