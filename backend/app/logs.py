"""The log: one line for whatever is told, with the id of its request, and without what nobody should read."""

import logging
import secrets
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from itertools import islice
from time import perf_counter
from typing import Any, TextIO

from structlog.contextvars import bind_contextvars, merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from twofold.prometheus.labels import method_of, route_template

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OURS = ("app", "twofold")
FIELDS = ("method", "route", "status", "milliseconds")
"""What a line of ours may say beside its text; what others hang on theirs is not written."""
ERRORS, FRAMES = 5, 20
"""At most so many errors that caused each other, and places of each, the innermost: the rest is noise."""

REQUEST_ID_BYTES = 12
requests = logging.getLogger("app.requests")


def configuration(log_format: str) -> dict[str, Any]:
    """How `logging` is configured, in each process: everything goes through one handler."""
    quiet = {name: {"level": "WARNING"} for name in ("alembic", "asyncio")}
    told = {name: {"handlers": [], "propagate": True, "level": "INFO"} for name in ("uvicorn", "uvicorn.error")}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"()": "app.logs.make_handler", "log_format": log_format}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": quiet | told,
    }


def make_handler(log_format: str, stream: TextIO | None = None) -> logging.Handler:
    """What writes lines in this format, `json` or `text`, to stderr."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    render: Processor = JSONRenderer() if log_format == "json" else _in_words
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[
                merge_contextvars,
                add_log_level,
                add_logger_name,
                ExtraAdder(allow=FIELDS),
                TimeStamper(fmt="iso", utc=True),
                _first_line,
                _without_values,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, render],
        )
    )
    handler.addFilter(_may_be_told)
    # Otherwise a line that cannot be written is shown with its values; and warnings of Python stand on several lines.
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    return handler


def _may_be_told(record: logging.LogRecord) -> bool:
    """At their most talkative others write down parameters, rows and headers: below INFO only we speak."""
    # The one guard of G9 against drivers, which know no other.
    return record.levelno >= logging.INFO or record.name.partition(".")[0] in OURS


def _first_line(_: WrappedLogger, __: str, told: EventDict) -> EventDict:
    """Behind the first line others write whole errors, with what was sent."""
    told["event"] = str(told["event"]).partition("\n")[0].rstrip()
    return told


def _without_values(_: WrappedLogger, __: str, told: EventDict) -> EventDict:
    """An error by its kind and places: its text may hold what was sent, or what was stored."""
    error = (told.pop("exc_info", None) or (None, None))[1]
    told.pop("stack_info", None)
    if error is not None:
        told["exception"] = [
            {"type": f"{type(each).__module__}.{type(each).__qualname__}", "at": places_of(each)}
            for each in islice(errors_of(error), ERRORS)
        ]
    return told


def errors_of(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that led to it, the last first."""
    seen = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def places_of(error: BaseException) -> list[str]:
    """Where an error passed, the innermost last."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    return [f"{code.co_filename}:{line} {code.co_name}" for code, line in frames[-FRAMES:]]


def _in_words(_: WrappedLogger, __: str, told: EventDict) -> str:
    """A line for people; whoever put something into it that is no character writes no line of his own."""
    words = [f"{name}={told[name]}" for name in (*FIELDS, "request_id", "exception") if name in told]
    text = " ".join((f"{told['level'].upper()}:     {told['event']}", *words))
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class RequestLog:
    """
    Gives each request an id, which all lines about it bear, and writes one line when it has been served.

    Args:
        timer: Seconds that only grow.
    """

    def __init__(self, app: App, timer: Callable[[], float] = perf_counter) -> None:
        self._app = app
        self._timer = timer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The one guard of what stands in each line: an id that the client chose could be a code, or a secret.
        request_id = secrets.token_urlsafe(REQUEST_ID_BYTES)
        begun, status = self._timer(), None
        # Never taken back: the context is that of this request alone, and the server's own line about it comes later.
        bind_contextvars(request_id=request_id)

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            served = {"method": method_of(scope), "route": route_template(scope), "status": status}
            requests.info("request", extra=served | {"milliseconds": round((self._timer() - begun) * 1000, 1)})
