"""One HTTP request on a connection of its own, and what became of it."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

SECONDS = 12
"""How long an answer is waited for."""

ACCEPTED, UNAVAILABLE, ERROR = "accepted", "unavailable", "error"


@dataclass(frozen=True)
class Answer:
    """
    What came back.

    Args:
        status: 0 where no whole answer came.
    """

    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """`accepted`, the slug of the problem, or `unavailable` where it may have happened or not."""
        if 200 <= self.status < 300:  # noqa: PLR2004 - the statuses of success
            return ACCEPTED
        if self.status in {0, 502, 503, 504}:  # 502 and 504 are words of a proxy's, which does not know either
            return UNAVAILABLE
        return str(self.body.get("type", ERROR)).removeprefix("urn:twofold:problem:")


async def ask(
    port: int,
    method: str,
    path: str,
    *,
    body: dict[str, Any] | None = None,
    token: str = "",
    header: str = "",
    hangs_up_after: float | None = None,
) -> Answer:
    """
    Ask a worker.

    Args:
        header: What `X-TOTP-Code` says.
        hangs_up_after: Send this share of the request, do not wait for the answer, and hang up; 1 sends all of it.
    """
    request = _request(method, path, body, token, header)
    try:
        async with asyncio.timeout(SECONDS):
            return await _ask(port, request, hangs_up_after)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return Answer()


def _request(method: str, path: str, body: dict[str, Any] | None, token: str, header: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(content)}"]
    lines += ["Content-Type: application/json"] if body is not None else []
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"X-TOTP-Code: {header}"] if header else []
    return "\r\n".join([*lines, "", ""]).encode() + content


async def _ask(port: int, request: bytes, hangs_up_after: float | None) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if hangs_up_after is not None:
            writer.write(request[: max(1, int(len(request) * hangs_up_after))])
            await writer.drain()
            # Long enough for the worker to be in the midst of it, and seldom for the answer.
            await asyncio.sleep(0.01 * hangs_up_after)
            return Answer()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
        content = await reader.readexactly(sum(lengths))  # a 204 has none
        return Answer(int(head[9:12]), json.loads(content) if content else {})
    finally:
        writer.transport.abort()
