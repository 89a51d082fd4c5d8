"""Several processes of several threads that all begin at one moment."""

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine

from tests.forked import forked
from tests.races.place import Place, be_patient
from twofold import RECOMMENDED, Policy, TwoFactorAuth, TwofoldError, Unavailable
from twofold.core.events import SUCCESS
from twofold.service.ports import Transaction
from twofold.sqlalchemy import SqlAlchemyStore
from twofold.testing.clock import NOON

PROCESSES = 4
CONNECTIONS = 15
"""Connections of one process: a thread that races must not wait for another's."""
START_SECONDS = 20
RACE_SECONDS = 40


@dataclass(frozen=True)
class Move:
    """
    What one thread does.

    Args:
        road: The use case, as an attribute of `TwoFactorAuth`; or a function that is given the `TwoFactorAuth` first.
    """

    road: str | Callable[..., object]
    arguments: tuple[Any, ...]
    at: datetime = NOON
    policy: Policy = RECOMMENDED

    def __call__(self, auth: TwoFactorAuth) -> object:
        if isinstance(self.road, str):
            return attrgetter(self.road)(auth)(*self.arguments)
        return self.road(auth, *self.arguments)


@dataclass(frozen=True)
class Outcome:
    """
    What one thread was told.

    Args:
        told: `success`, or the slug of the error.
        value: What the use case returned.
    """

    told: str
    value: Any = None


def move(
    road: str | Callable[..., object], *arguments: object, at: datetime = NOON, policy: Policy = RECOMMENDED
) -> Move:
    return Move(road, arguments, at, policy)


def told(outcomes: Sequence[Outcome]) -> Counter[str]:
    """How many were told what."""
    return Counter(outcome.told for outcome in outcomes)


def values(outcomes: Sequence[Outcome]) -> list[Any]:
    """What those were given who succeeded."""
    return [outcome.value for outcome in outcomes if outcome.told == SUCCESS]


class Crew:
    """Processes that are started once and sent from race to race; a race that goes wrong ends them."""

    def __init__(self) -> None:
        self._hands: list[tuple[ForkServerProcess, Connection[Any, Any]]] = []
        self._context = forked()
        self._moment = self._context.Barrier(PROCESSES)

    def race(self, place: Place, moves: Sequence[Move]) -> list[Outcome]:
        """
        Make all *moves* at one moment, each in a thread of its own, spread over the processes.

        Raises:
            RuntimeError: A process fell over, or the race did not end in time.
        """
        if not self._hands:
            self._start()
        for number, (_, line) in enumerate(self._hands):
            line.send((place, moves[number::PROCESSES]))
        heard = [_heard(line) for _, line in self._hands]
        if troubles := [trouble for _, trouble in heard if trouble]:
            self.close()
            raise RuntimeError("\n".join(troubles))
        results = [iter(results) for results, _ in heard]
        return [next(results[number % PROCESSES]) for number in range(len(moves))]

    def _start(self) -> None:
        self._moment.reset()
        for _ in range(PROCESSES):
            line, other_end = self._context.Pipe()
            process = self._context.Process(target=_take_part, args=(other_end, self._moment), daemon=True)
            process.start()
            other_end.close()
            self._hands.append((process, line))

    def close(self) -> None:
        """End the processes."""
        for process, line in self._hands:
            line.close()
            process.terminate()
            process.join()
            process.close()
        self._hands.clear()


def _heard(line: "Connection[Any, Any]") -> tuple[list[Outcome], str | None]:
    """What one process has to tell: its outcomes, or what went wrong."""
    if not line.poll(RACE_SECONDS):
        return [], "The race did not end in time."
    try:
        outcomes, trouble = line.recv()
    except EOFError:
        return [], "A process ended in the midst of the race."
    return outcomes, trouble


class _Station:
    """One process of a crew, at one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine: Engine = place.engine(pool_size=CONNECTIONS, max_overflow=0)
        self.store: SqlAlchemyStore = place.store(self.engine)
        be_patient(self.store)

    def close(self) -> None:
        self.store._engine.dispose()
        self.engine.dispose()


def _take_part(line: "Connection[Any, Any]", moment: Barrier) -> None:
    station: _Station | None = None
    while True:
        try:
            place, moves = line.recv()
        except EOFError:
            return  # The tests have ended, or were ended.
        try:
            if station is None or station.place != place:
                if station is not None:
                    station.close()
                station = _Station(place)
            line.send((_run(station, moves, moment), None))
        except BaseException:
            moment.abort()  # Nobody need wait for us.
            line.send(([], traceback.format_exc()))
            raise


def _run(station: _Station, moves: Sequence[Move], moment: Barrier) -> list[Outcome]:
    warm, ready = threading.Barrier(max(len(moves), 1)), threading.Barrier(len(moves) + 1)
    with ThreadPoolExecutor(max(len(moves), 1)) as threads:
        outcomes = [threads.submit(_run_one, station, move, warm, ready) for move in moves]
        # A thread that fails before the start breaks the barrier, and so all of it.
        ready.wait(START_SECONDS)
        moment.wait(START_SECONDS)
        ready.wait(START_SECONDS)
        return [outcome.result() for outcome in outcomes]


def _run_one(station: _Station, move: Move, warm: threading.Barrier, ready: threading.Barrier) -> Outcome:
    try:
        _connect(station.store, warm)
        auth = station.place.auth(station.store, at=move.at, policy=move.policy)
        ready.wait(START_SECONDS)
    except BaseException:
        warm.abort()
        ready.abort()
        raise
    ready.wait(START_SECONDS)
    try:
        return Outcome(SUCCESS, move(auth))
    except TwofoldError as error:
        return Outcome(error.slug)


def _connect(store: SqlAlchemyStore, warm: threading.Barrier) -> None:
    """Make a connection of one's own, by a transaction that does nothing."""

    def harmless(tx: Transaction) -> None:
        tx.pending_sign_in("nobody's")
        warm.wait(START_SECONDS)  # All connections are out at once, so each thread has made one.

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return store.read(harmless)
        except Unavailable:
            # A server that has no more connections may still be closing those of the race before.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
