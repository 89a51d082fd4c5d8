"""What is asked by whoever runs it: whether it is alive, whether it is ready, and what it has counted."""

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy import LargeBinary, Row, Select, cast, exists, false, or_, select, union
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.models.user import User
from twofold import KeyRing, Unavailable
from twofold.core.sealing import SEALED, UNSEALED, Purpose, Sealed, key_id_of
from twofold.errors import CannotOpen
from twofold.fastapi.openapi import problems
from twofold.fastapi.requests import TwofoldRoute
from twofold.prometheus import CONTENT_TYPE_LATEST, Metrics

LOOKED_AT = 100  # Rows of each of three kinds, found by their key, however many there are.
TRIED = 5  # Values of one key and column: of a damaged row nobody else is told that nothing is ready.
ANSWER_SECONDS = 3  # Less than those who ask wait.
logger = logging.getLogger("app")
health = APIRouter(route_class=TwofoldRoute, tags=["Health"])


@health.get("/healthz", summary="The process is alive")
async def healthz() -> dict[str, str]:
    """Asks nothing of anybody."""
    return {"status": "alive"}


@health.get("/readyz", summary="Requests can be served", responses=problems(Unavailable))
async def readyz(request: Request) -> dict[str, str]:
    """
    The database answers with the tables of this version, and the keys open a sample of all that is sealed.

    Otherwise 503, and so from the moment on at which the process was asked to stop: send nobody here any more.
    """
    readiness: Readiness = request.app.state.readiness
    await readiness.ensure()
    return {"status": "ready"}


@health.get("/metrics", summary="What was counted, for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Of all workers together. It names nobody, but is nobody's business: let no proxy hand it out."""
    counted: Metrics = request.app.state.metrics
    return Response(await counted.scrape(), media_type=CONTENT_TYPE_LATEST)


class Readiness:
    """
    Whether requests can be served; the operator is told once why not.

    Args:
        seconds: How long the database may take.

    Attributes:
        stopping: Whether the process was asked to stop.
    """

    def __init__(self, reader: AsyncEngine, keys: KeyRing, *, seconds: float = ANSWER_SECONDS) -> None:
        self._reader = reader
        self._keys = keys
        self._seconds = seconds
        tables = User.metadata.sorted_tables
        # Of no row: only whether there are such tables, with all columns.
        self._tables: Any = select(*(exists(select(*table.c).where(false())) for table in tables))
        self._sample = sample(as_bytes=reader.dialect.name == "sqlite")
        self._told: str | None = None
        self._looking: asyncio.Task[str | None] | None = None
        self.stopping = False

    async def ensure(self) -> None:
        """
        Have a look; several at once share one.

        Raises:
            Unavailable: Requests cannot be served.
        """
        if self.stopping:
            raise Unavailable
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._fault())
        looking = self._looking
        # It goes on when nobody waits any more: to cut it off would lose its connection. Who comes then waits for it.
        done, _ = await asyncio.wait({looking}, timeout=self._seconds)
        fault = looking.result() if done else f"the database did not answer within {self._seconds} s"
        self._tell(fault)
        if fault is not None:
            raise Unavailable

    def _tell(self, fault: str | None) -> None:
        if fault is not None and fault != self._told:
            logger.error("Not ready, so /readyz answers 503: %s.", fault)
        elif fault is None and self._told is not None:
            logger.warning("Ready again.")
        self._told = fault

    async def _fault(self) -> str | None:
        """What is wrong, in words without any value."""
        try:
            async with self._reader.connect() as connection:
                await connection.execute(self._tables)
                rows = (await connection.execute(self._sample)).all()
        except (SQLAlchemyError, OSError) as error:
            return f"the database is out of reach, or its tables are of another version ({type(error).__name__})"
        return fault_of(rows, self._keys)


@contextmanager
def drained(readiness: Readiness, seconds: float) -> Iterator[None]:
    """
    Once the process is asked to stop (SIGTERM), say so at `/readyz`, and serve for so long before the server hears it.

    uvicorn closes its doors at once, so that whoever a proxy still sends would find nobody there. To be asked twice
    hastens nothing: some platforms ask each worker, and the process that started them asks again.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield  # There no signals come.
        return
    loop, by_the_server = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    waiting: list[asyncio.TimerHandle] = []

    def give_back() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, by_the_server)

    def hand_over() -> None:
        give_back()
        signal.raise_signal(signal.SIGTERM)

    def asked() -> None:
        # The one guard of a stop that nobody notices: from here on no proxy sends anybody.
        if not readiness.stopping:
            readiness.stopping = True
            logger.info("Asked to stop: /readyz says no, and requests are served for %s s more.", seconds)
            waiting.append(loop.call_later(seconds, hand_over))

    loop.add_signal_handler(signal.SIGTERM, asked)
    try:
        yield
    finally:
        for each in waiting:
            each.cancel()
        give_back()


def sample(*, as_bytes: bool = False) -> Select[Any]:
    """
    What is sealed for the newest users, the oldest ones, and those to whom something happened last.

    All three by a primary key, however many users there are and however few of them have a second factor; values of a
    key that was there before are with the oldest. A sample: of those in the middle to whom nothing has happened lately
    it knows nothing.

    Args:
        as_bytes: As SQLite has it, which lets anything in, and gives out no text that is none.
    """
    users, events = User.__table__, User.metadata.tables["twofold_events"]
    looked_at = [
        select(users.c.id.label("user_id")).order_by(users.c.id.desc()).limit(LOOKED_AT).subquery(),
        select(users.c.id.label("user_id")).order_by(users.c.id).limit(LOOKED_AT).subquery(),
        # Who was refused at a door and is nobody pushes nobody else out.
        select(events.c.user_id)
        .where(events.c.user_id.is_not(None))
        .order_by(events.c.id.desc())
        .limit(LOOKED_AT)
        .subquery(),
    ]
    found = union(*(select(each.c.user_id) for each in looked_at)).subquery()
    columns = [users.c[purpose.value] for purpose in SEALED]
    there = or_(*(column.is_not(None) for column in columns))
    joined = users.join(found, found.c.user_id == users.c.id)
    told = [cast(column, LargeBinary).label(column.name) if as_bytes else column for column in columns]
    return select(users.c.id, *told).select_from(joined).where(there)


def _text_of(stored: Any) -> Sealed:  # noqa: ANN401 - whatever stands there
    """What is no text is no sealed value either, and damaged like one that does not open."""
    return Sealed(stored.decode(errors="replace") if isinstance(stored, bytes) else str(stored))


def fault_of(rows: Sequence[Row[Any]], keys: KeyRing) -> str | None:
    """The first column and key of which nothing opens."""
    values: dict[tuple[Purpose, str], list[tuple[Sealed, int]]] = {}
    for row in rows:
        # The one guard against a key that is missing for a part: each column is looked at.
        for purpose in SEALED:
            if (stored := row._mapping[purpose.value]) is not None:
                sealed = _text_of(stored)
                key_id = key_id_of(sealed)
                # What is under a key of ours, or damaged, is one lot; whatever else there is one each.
                lot = "" if key_id in (*keys.key_ids, UNSEALED) else key_id
                values.setdefault((purpose, lot), []).append((sealed, row.id))
    faults = (_fault_of(purpose, some, keys) for (purpose, _), some in values.items())
    return next((fault for fault in faults if fault is not None), None)


def _fault_of(purpose: Purpose, values: Sequence[tuple[Sealed, int]], keys: KeyRing) -> str | None:
    fault = None
    for sealed, user_id in islice(values, TRIED):
        try:
            keys.open_sealed(sealed, purpose, user_id)
        except CannotOpen as error:
            fault = str(error.__cause__)
        else:
            return None
    return fault
