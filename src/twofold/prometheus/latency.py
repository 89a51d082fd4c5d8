"""A middleware that notes how long each request takes."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from twofold.prometheus.labels import Scope
from twofold.prometheus.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Latency:
    """
    Notes how long each request takes: `app.add_middleware(Latency, metrics=metrics)`.

    It needs nothing but ASGI, and reads of a request its method and the template of its route.
    """

    def __init__(self, app: App, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = self._metrics.timer(), None

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:
            # Whoever is around this one tells it so.
            status = status or 500
            raise
        finally:
            self._metrics.observe(scope, status, self._metrics.timer() - begun)
