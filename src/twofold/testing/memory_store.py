"""A store in memory: a real implementation, for tests and for a first look. One process, nothing survives it."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from twofold.core.assurance import ProvedSession
from twofold.core.enrollment import Enrollment
from twofold.core.events import SUCCESS, Event, RecordedEvent
from twofold.core.factors import Factor
from twofold.core.maintenance import Kind, Overdue
from twofold.core.sign_in import PendingSignIn
from twofold.core.webauthn import Challenge
from twofold.errors import UnknownUser
from twofold.service.ports import Clock, Transaction, Transactions, UserId
from twofold.testing.memory_tables import OperatorReading, Tables

T = TypeVar("T")


class MemoryStore:
    """
    Enrollments in memory; one transaction at a time.

    Args:
        clock: What a database's own clock is elsewhere; this machine's where it is not given.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._tables = Tables() if clock is None else Tables(clock)
        self._lock = threading.RLock()

    def add_user(self, user_id: UserId, account: str) -> None:
        """Make a user known, as the host's own table does elsewhere."""
        with self._lock:
            self._tables.accounts[user_id] = account

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, the oldest first."""
        return tuple(self._tables.events.values())

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* on a copy, which takes the place of the original when nothing was raised."""
        with self._lock:
            tables = self._tables.copy()
            result = work(_MemoryTransaction(tables))
            self._tables = tables
            return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work*, which only reads."""
        with self._lock:
            return work(_MemoryTransaction(self._tables))

    async def run(self, use_case: Callable[[Transactions], T]) -> T:
        """Nothing here blocks for longer than another transaction takes."""
        return use_case(self)


class _MemoryTransaction(OperatorReading):
    def lock(self, user_id: UserId) -> Enrollment:
        return self.enrollment(user_id)

    def hold(self, user_id: UserId) -> None:
        self.account(user_id)

    def blank(self, user_id: UserId) -> Enrollment:
        return Enrollment(user_id=user_id, epoch=self.enrollment(user_id).epoch + 1)

    def save(self, enrollment: Enrollment) -> None:
        self._tables.enrollments[enrollment.user_id] = enrollment

    def enrollment(self, user_id: UserId) -> Enrollment:
        self.account(user_id)
        return self._tables.enrollment(user_id)

    def legible(self, user_id: UserId) -> tuple[Enrollment, Sequence[str]]:
        return self.enrollment(user_id), ()

    def account(self, user_id: UserId) -> str:
        if user_id not in self._tables.accounts:
            raise UnknownUser
        return self._tables.accounts[user_id]

    def record(self, event: Event) -> None:
        self._tables.recorded += 1
        self._tables.events[self._tables.recorded] = event

    def events(self, user_id: UserId, *, before: int | None, at_most: int) -> Sequence[RecordedEvent]:
        own = [
            RecordedEvent.of(number, event)
            for number, event in self._tables.events.items()
            if event.user_id == user_id and (before is None or number < before)
        ]
        return own[::-1][:at_most]

    def all_events(self, *, before: int | None, at_most: int) -> Sequence[RecordedEvent]:
        events = self._tables.events.items()
        found = [RecordedEvent.of(number, event) for number, event in events if before is None or number < before]
        return found[::-1][:at_most]

    def last_accepted(self, user_id: UserId, factor: Factor | None = None) -> datetime | None:
        moments = [
            event.moment
            for event in self._tables.events.values()
            if event.user_id == user_id and event.factor is not None and event.outcome == SUCCESS
            if factor in {None, event.factor}
        ]
        return max(moments, default=None)

    def add_pending_sign_in(self, pending: PendingSignIn, *, at: datetime, keep: int) -> None:
        for place, other in enumerate(self.pending_sign_ins(pending.user_id), 1):
            if other.expires_at <= at or place >= keep:
                del self._tables.pending[other.token_hash]
        self._tables.pending[pending.token_hash] = pending

    def pending_sign_in(self, token_hash: str) -> PendingSignIn | None:
        return self._tables.pending.get(token_hash)

    def pending_sign_ins(self, user_id: UserId) -> Sequence[PendingSignIn]:
        own = [pending for pending in self._tables.pending.values() if pending.user_id == user_id]
        return sorted(own, key=lambda pending: pending.expires_at, reverse=True)

    def drop_pending_sign_in(self, token_hash: str) -> None:
        self._tables.pending.pop(token_hash, None)

    def session(self, user_id: UserId, session_hash: str) -> tuple[Enrollment, ProvedSession | None]:
        session = self._tables.sessions.get(session_hash)
        return self.enrollment(user_id), session if session and session.user_id == user_id else None

    def save_session(self, session: ProvedSession) -> None:
        self._tables.sessions[session.session_hash] = session

    def sessions(self, user_id: UserId) -> Sequence[ProvedSession]:
        own = [session for session in self._tables.sessions.values() if session.user_id == user_id]
        return sorted(own, key=lambda session: session.assurance.at, reverse=True)

    def drop_session(self, user_id: UserId, session_hash: str) -> None:
        session = self._tables.sessions.get(session_hash)
        if session is not None and session.user_id == user_id:
            del self._tables.sessions[session_hash]

    def drop_handed_out(self, user_id: UserId) -> None:
        tables = self._tables
        tables.pending = {key: row for key, row in tables.pending.items() if row.user_id != user_id}
        tables.sessions = {key: row for key, row in tables.sessions.items() if row.user_id != user_id}
        tables.challenges = {key: row for key, row in tables.challenges.items() if row.user_id != user_id}

    def add_challenge(self, challenge: Challenge, *, at: datetime, keep: int) -> None:
        challenges = self._tables.challenges
        own = self.challenges(challenge.user_id)
        alike = [one for one in own if one.binding == challenge.binding]
        for dead in [*alike[keep - 1 :], *(one for one in own if one.expires_at <= at)]:
            challenges.pop(dead.challenge_hash, None)
        challenges[challenge.challenge_hash] = challenge

    def challenges(self, user_id: UserId) -> Sequence[Challenge]:
        own = [one for one in self._tables.challenges.values() if one.user_id == user_id]
        return sorted(own, key=lambda one: one.expires_at, reverse=True)

    def take_challenge(self, challenge_hash: str) -> Challenge | None:
        return self._tables.challenges.pop(challenge_hash, None)

    def add_credential(self, credential_hash: str, user_id: UserId) -> bool:
        known = credential_hash in self._tables.credentials
        self._tables.credentials.setdefault(credential_hash, user_id)
        return not known

    def drop_credential(self, credential_hash: str) -> None:
        self._tables.credentials.pop(credential_hash, None)

    def drop_credentials(self, user_id: UserId) -> None:
        credentials = self._tables.credentials
        self._tables.credentials = {key: owner for key, owner in credentials.items() if owner != user_id}

    def pay_debt(self, user_id: UserId, debt: int) -> bool:
        enrollment = self.enrollment(user_id)
        if enrollment.end_sessions != debt:
            return False
        self.save(Enrollment(**{**vars(enrollment), "end_sessions": 0}))
        return True

    def recorded_lately(self, at_most: int) -> Sequence[datetime]:
        return [event.moment for event in self._tables.events.values()][::-1][:at_most]

    def overdue(self, kind: Kind, before: datetime, *, after: int | str | None, at_most: int) -> Sequence[Overdue]:
        found = [(key, user_id) for key, user_id, moment in self._dated(kind) if moment < before]
        # Keys of one kind are of one type.
        return [Overdue(key, user_id) for key, user_id in sorted(found, key=_key) if after is None or key > after][  # type: ignore[operator]
            :at_most
        ]

    def _dated(self, kind: Kind) -> Iterable[tuple[int | str, UserId, datetime]]:
        """Key, user and moment of everything of one kind."""
        tables = self._tables
        if kind is Kind.PENDING_SIGN_IN:
            return [(key, one.user_id, one.expires_at) for key, one in tables.pending.items()]
        if kind is Kind.CHALLENGE:
            return [(key, one.user_id, one.expires_at) for key, one in tables.challenges.items()]
        if kind is Kind.SESSION:
            return [(key, one.user_id, one.assurance.at) for key, one in tables.sessions.items()]
        return [
            (key, one.user_id, one.moment)
            for key, one in tables.events.items()
            if kind is Kind.EVENT or one.client_address is not None
        ]

    def clear(self, kind: Kind, found: Sequence[Overdue], before: datetime) -> int:
        tables = self._tables
        still = {key for key, _, moment in self._dated(kind) if moment < before} & {one.key for one in found}
        if kind is Kind.ADDRESS:
            blank = {key: replace(event, client_address=None) for key, event in tables.events.items() if key in still}
            tables.events.update(blank)
            return len(still)
        kept: dict[Kind, dict[Any, Any]] = {
            Kind.EVENT: tables.events,
            Kind.PENDING_SIGN_IN: tables.pending,
            Kind.SESSION: tables.sessions,
            Kind.CHALLENGE: tables.challenges,
        }
        for key in still:
            del kept[kind][key]
        return len(still)

    def forget(self, user_id: UserId) -> None:
        self.drop_handed_out(user_id)
        self.drop_credentials(user_id)
        self._tables.enrollments.pop(user_id, None)
        events = self._tables.events
        self._tables.events = {number: event for number, event in events.items() if event.user_id != user_id}


def _key(found: tuple[int | str, UserId]) -> Any:  # noqa: ANN401 - of one type for all of one kind
    return found[0]
