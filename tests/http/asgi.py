"""Requests whose every byte and every message is chosen here, and several of them side by side."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI
from httpx2 import BaseTransport, Request, Response
from starlette.types import Message

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Asked:
    """
    One request.

    Args:
        path: With its query.
        chunks: Its body, as it arrives.
        hangs_up: The client leaves before the end of the body.
        client: The address from which the connection comes.
    """

    path: str
    headers: Headers
    chunks: Iterable[bytes] = (b"{}",)
    method: str = "POST"
    hangs_up: bool = False
    client: str = "192.0.2.1"


async def ask(app: FastAPI, asked: Asked) -> Response:
    """Give one request to *app*; what it raises without having answered is raised here."""
    path, _, query = asked.path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in asked.headers],
        "client": (asked.client, 40_000),
        "server": ("testserver", 80),
    }
    arriving: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in asked.chunks]
    if not asked.hangs_up:
        arriving.append({"type": "http.request", "body": b"", "more_body": False})
    arriving.reverse()
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop() if arriving else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception:
        if not sent:
            raise
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


async def ask_side_by_side(app: FastAPI, all_asked: Iterable[Asked]) -> list[Response]:
    """Give all requests to *app* at one moment."""
    return await asyncio.gather(*(ask(app, asked) for asked in all_asked))


class InProcess(BaseTransport):
    """
    How a client reaches an application in this process: one hop to its event loop and back for each request.

    Args:
        call: Calls an asynchronous function on that event loop.
    """

    def __init__(self, app: FastAPI, call: Callable[..., Any]) -> None:
        self._app = app
        self._call = call

    def handle_request(self, request: Request) -> Response:
        path, chunks = request.url.raw_path.decode(), [request.read()]
        answer: Response = self._call(ask, self._app, Asked(path, request.headers.raw, chunks, request.method))
        return answer
